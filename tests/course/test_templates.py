"""The site's templates escape by themselves; what is meant as HTML comes as Markup."""

import re
from types import SimpleNamespace

import pytest
from markupsafe import Markup

from labkit.course.templates import SITE, render

NASTY = "<b>x</b> & \"q\" 'a' </script><!--"
LESSON = {"page": NASTY, "name": NASTY, "title": NASTY, "number": NASTY, "question": NASTY}
SHELL = {"plan": SimpleNamespace(title=NASTY, about=NASTY), "lessons": [LESSON], "about": NASTY}
TEMPLATES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.j2"))


def test_every_text_of_a_page_is_escaped():
    page = render("results.html.j2", **SHELL, figures=[NASTY], tables=[(NASTY, 1, NASTY, 0)])
    assert "<b>" not in page
    assert "<!--" not in page
    assert page.count("&lt;b&gt;x&lt;/b&gt; &amp; &#34;q&#34;") == 9


def test_markup_stands_in_a_page_as_it_is():
    more = {"rows": [], "datasets": [], "known": {}, "run": str}
    assert "<i>drawn</i>" in render("map.html.j2", **SHELL, **more, figures=[Markup("<i>drawn</i>")])
    assert "&lt;i&gt;drawn" in render("map.html.j2", **SHELL, **more, figures=["<i>drawn</i>"])


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_escapes_by_hand_or_trusts_a_text(name):
    text = (SITE / name).read_text(encoding="utf-8")
    assert not re.search(r"\|\s*(e|escape|forceescape)\b|autoescape", text)
    assert not re.search(r"\|\s*safe\b", text)
