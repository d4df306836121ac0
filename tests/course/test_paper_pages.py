"""The page of a paper on the built site: every word of its cards, and its pictures however they are written."""

import html
import json
import re
from types import SimpleNamespace

from labkit.course.assets import write_page
from labkit.course.papers import MOST_VALUES, write_library
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


def pages(folder):
    """The pages of the library in a folder, by name."""
    shell = {"plan": SimpleNamespace(title="A course"), "lessons": [], "about": ""}
    write_library(folder / "site", open_shelf(folder / "summaries"), shell, write_page)
    return {path.stem: path.read_text(encoding="utf-8") for path in (folder / "site" / "papers").glob("*.html")}


def test_the_page_of_a_paper_has_every_word_of_its_cards_alone_and_side_by_side(tmp_path):
    folder = tmp_path / "summaries" / "wang-2016-tsn"
    (folder / "cards").mkdir(parents=True)
    (folder / "figures").mkdir()
    (folder / "paper.yaml").write_text(PAPER, encoding="utf-8")
    (folder / "figures" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for reader in ("a", "b"):
        front = f"---\npaper: wang-2016-tsn\nlanguage: en\nformat: ochiai\nreader: reader-{reader}\n---\n"
        (folder / "cards" / f"en-reader-{reader}.md").write_text(front + ODD, encoding="utf-8")
    page = pages(tmp_path)["wang-2016-tsn"]
    words = re.findall(r"\b[a-z]+\d+\b", ODD)
    parts = [*page.split('<div class="words">')[1:3], page.split('<table class="compared">')[1]]
    assert [[word for word in words if word not in html.unescape(part)] for part in parts] == [[], [], []]
    assert parts[0].count('src="data:image/png;base64,') == 2
    assert "{:toc}" not in page


def test_a_paper_whose_notebooks_let_the_reader_guess_is_folded(tmp_path):
    folder = tmp_path / "summaries" / "wang-2016-tsn"
    folder.mkdir(parents=True)
    (folder / "paper.yaml").write_text(PAPER, encoding="utf-8")
    (folder / "cards").mkdir()
    front = "---\npaper: wang-2016-tsn\nlanguage: en\nformat: ochiai\nreader: reader-a\ngoal: Is it so?\n---\n"
    (folder / "cards" / "en-reader-a.md").write_text(f"{front}\n## What is it?\n\nIt is so.\n", encoding="utf-8")
    lesson = {
        "name": "02_b",
        "number": "02",
        "page": "02_b.html",
        "title": "B",
        "paper": {"page": "papers/wang-2016-tsn.html"},
    }
    made, galleries = [], []
    for guesses in ((), ("02-costs",)):
        shell = {"plan": SimpleNamespace(title="T"), "lessons": [{**lesson, "guesses": guesses}], "about": ""}
        write_library(tmp_path / "site", open_shelf(tmp_path / "summaries"), shell, write_page)
        made.append((tmp_path / "site" / "papers" / "wang-2016-tsn.html").read_text(encoding="utf-8"))
        galleries.append((tmp_path / "site" / "papers" / "index.html").read_text(encoding="utf-8"))
    assert "found-out" not in made[0]
    assert '<details class="found-out"><summary>Show the paper and its cards <span>(notebook 02 let' in made[1]
    assert made[1].index("found-out") < made[1].index("<br>ECCV 2016") < made[1].rindex("</details>")
    assert ['"summary":"It is so."' in one.replace(": ", ":") for one in galleries] == [True, False]
    assert '"summary":"Is it so?"' in galleries[1].replace(": ", ":")


NASTY = """<b>x</b> & "q" 'a' </script> <!--"""


def test_whatever_a_paper_and_its_cards_say_is_text_on_every_page(tmp_path):
    folder = tmp_path / "summaries" / "wang-2016-tsn"
    (folder / "cards").mkdir(parents=True)
    said = json.dumps(NASTY)
    about = f"titles: {{en: {said}}}\nauthors: [{{given: {said}, family: {said}}}]\nyear: 2016\nvenue: {said}\n"
    about += f"keywords: [{said}]\nabstracts: {{en: {{text: {said}, translated_by: {said}}}}}\n"
    (folder / "paper.yaml").write_text(f"id: wang-2016-tsn\n{about}", encoding="utf-8")
    cell = '"' + NASTY.replace('"', '""') + '"'
    table = f"model,dataset,metric,value,unit,source\n{cell},{cell},top-1,12.3,%,{cell}\n"
    (folder / "results.csv").write_text(table, encoding="utf-8")
    for reader in ("a", "b"):
        front = f"paper: wang-2016-tsn\nlanguage: en\nformat: ochiai\nreader: reader-{reader}\ngoal: {said}\nkeywords: [{said}]\n"
        front += f"claims: [{{text: {said}, source: {said}, disputes: {said}, evidence: {said}, notebook: '00'}}]\n"
        front += f"questions: [{{text: {said}, dataset: {said}, condition: {said}, notebook: '01'}}]\nnext: [{said}]\n"
        card = f"---\n{front}---\n## What is it about?\n\n{NASTY}\n\n## {NASTY}\n\ntext\n"
        (folder / "cards" / f"en-reader-{reader}.md").write_text(card, encoding="utf-8")
    lesson = {"name": "00_first", "number": "00", "page": "00_first.html", "title": NASTY}
    shell = {"plan": SimpleNamespace(title=NASTY), "lessons": [lesson], "about": NASTY}
    write_library(tmp_path / "site", open_shelf(tmp_path / "summaries"), shell, write_page)
    pages = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "site" / "papers").glob("*.html")}
    assert len(pages) == 5
    assert [name for name, text in pages.items() if "<b>x" in text or "<!--" in text] == []
    paper = pages["wang-2016-tsn.html"]
    assert paper.count('<details class="card"') == 2
    assert paper.count("&lt;b&gt;x") > 40
    assert paper.count('<a href="../00_first.html">notebook 00</a>') == 2


def test_without_a_script_the_gallery_says_how_many_cards_there_are_of_each_kind(tmp_path):
    (tmp_path / "summaries" / "wang-2016-tsn" / "cards").mkdir(parents=True)
    words = ", ".join(f"word {number}" for number in range(MOST_VALUES + 1))
    (tmp_path / "summaries" / "wang-2016-tsn" / "paper.yaml").write_text(PAPER, encoding="utf-8")
    for reader in ("a", "b"):
        front = f"---\npaper: wang-2016-tsn\nlanguage: en\nformat: ochiai\nreader: reader-{reader}\nkeywords: [<b>, {words}]\n---\n"
        card = tmp_path / "summaries" / "wang-2016-tsn" / "cards" / f"en-reader-{reader}.md"
        card.write_text(f"{front}\n## Method\n\nSegments.\n", encoding="utf-8")
    plain = pages(tmp_path)["index"].partition("<noscript>")[2].partition("</noscript>")[0]
    listed = dict(re.findall(r"<p><b>(\w+)</b>: (.*)</p>", plain))
    assert listed["language"] == "en 2"
    assert listed["reader"] == "reader-a 1, reader-b 1"
    assert listed["keyword"].startswith("&lt;b&gt; 2, word 0 2, ")
    assert listed["keyword"].endswith(", 2 more")


def test_numbers_of_notes_without_a_year_are_shown_without_the_figure_over_the_years(tmp_path):
    for paper in ("wang-2016-tsn", "byron-nets"):
        folder = tmp_path / "summaries" / paper
        folder.mkdir(parents=True)
        text = PAPER.replace("wang-2016-tsn", paper).replace("year: 2016\n", "kind: notes\n")
        (folder / "paper.yaml").write_text(text, encoding="utf-8")
        rows = [f"I3D,UCF-101,top-1,{value},%,Table {value}" for value in (70, 71)]
        (folder / "results.csv").write_text(
            "\n".join(["model,dataset,metric,value,unit,source", *rows]), encoding="utf-8"
        )
    page = pages(tmp_path)["results"]
    assert "70 / 71" in page
    assert "figure-1" not in page
