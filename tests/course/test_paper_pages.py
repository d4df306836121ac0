"""The page of a paper on the built site: every word of its cards, and its pictures however they are written."""

import html
import re
from types import SimpleNamespace

from labkit.course.build import _render, _write
from labkit.course.papers import write_library
from labkit.survey.library.shelf import open_shelf

PAPER = """\
id: wang-2016-tsn
titles: {en: Temporal Segment Networks}
authors: [{given: Limin, family: Wang}]
year: 2016
venue: ECCV 2016
"""
ODD = """\
preamble1

# title2

under3

## Method of my4 own
first5 [memo6]: word7

[memo8]: word9

#####
empty10

| a | b |
|---|---|
| c11 | d12 | beyond13 | head14 |

``` words15 behind16
code17
```

underlined18
---
last19 [there](nowhere20) ![](figures/a.png) <img src="{{ site.baseurl }}/img/a.png" alt="alt21">
* content
{:toc}
"""


def test_the_page_of_a_paper_has_every_word_of_its_cards_alone_and_side_by_side(tmp_path):
    folder = tmp_path / "summaries" / "wang-2016-tsn"
    (folder / "cards").mkdir(parents=True)
    (folder / "figures").mkdir()
    (folder / "paper.yaml").write_text(PAPER, encoding="utf-8")
    (folder / "figures" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for reader in ("a", "b"):
        front = f"---\npaper: wang-2016-tsn\nlanguage: en\nformat: ochiai\nreader: reader-{reader}\n---\n"
        (folder / "cards" / f"en-reader-{reader}.md").write_text(front + ODD, encoding="utf-8")
    shell = {"plan": SimpleNamespace(title="A course"), "lessons": [], "about": ""}
    write_library(tmp_path / "site", open_shelf(tmp_path / "summaries"), shell, _render, _write)
    page = (tmp_path / "site" / "papers" / "wang-2016-tsn.html").read_text(encoding="utf-8")
    words = re.findall(r"\b[a-z]+\d+\b", ODD)
    parts = [*page.split('<div class="words">')[1:3], page.split('<table class="compared">')[1]]
    assert [[word for word in words if word not in html.unescape(part)] for part in parts] == [[], [], []]
    assert parts[0].count('src="data:image/png;base64,') == 2
    assert "{:toc}" not in page
