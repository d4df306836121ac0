"""The library's pages in a real browser, from files alone: a hostile card does nothing, the gallery narrows and searches."""

import random
import re
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from labkit.course.assets import write_assets, write_page
from labkit.course.entries import lesson_entry
from labkit.course.papers import write_library
from labkit.course.plan import Lesson, Plan
from labkit.survey.library.shelf import open_shelf

pytestmark = pytest.mark.browser
expect = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser").expect
SUMMARIES = Path(__file__).resolve().parents[2] / "summaries"
TITLE = "</script><script>attack('title')</script><img src=x onerror=attack('title')>"
PAPER = f"""\
id: hostile
titles:
  en: "{TITLE}"
  ja: {{text: "<b onmouseover=attack(1)>悪い題</b>", translated_by: "<script>attack('by')</script>"}}
authors: [{{given: "<img src=x onerror=attack('author')>", family: "O'Brien\\" onload=\\"attack('author')"}}]
year: 2018
venue: "<svg/onload=attack('venue')>"
abstracts: {{en: {{text: "<iframe src=javascript:attack('abstract')></iframe>", translated_by: labkit}}}}
keywords: ["<script>attack('keyword')</script>"]
links: [{{title: "<img src=x onerror=attack('link')>", url: "https://example.org/?q=%22onclick=attack(1)"}}]
claims: [{{id: one, text: "<script>attack('claim')</script>", source: "<img src=x onerror=attack('source')>"}}]
errata: [{{where: "<script>attack('w')</script>", printed: "<b>", correct: "</p>", evidence: "<img src=x onerror=attack('e')>"}}]
"""
CSV = """\
model,dataset,metric,value,unit,split,source
"<img src=x onerror=attack('model')>","</script><script>attack('dataset')</script>",top-1,50.0,%,"<b>","<script>attack('source')</script>"
"<svg/onload=attack('m')>-18","</script><script>attack('dataset')</script>",top-1,51.0,%,"<b>","<script>attack('source')</script>"
"<svg/onload=attack('m')>-34","</script><script>attack('dataset')</script>",top-1,52.0,%,"<b>","<script>attack('source')</script>"
"<svg/onload=attack('m')>-50","</script><script>attack('dataset')</script>",top-1,53.0,%,"<b>","<script>attack('source')</script>"
"""
CARD = """\
---
paper: hostile
language: {language}
format: cvpaper
reader: {reader}
institution: "<script>attack('institution')</script>"
goal: "</script><img src=x onerror=attack('goal')>"
status: done
keywords: ["<img src=x onerror=attack('kw')>", "javascript:attack('kw')"]
next: ["<script>attack('next')</script>", "[x](javascript:attack('next'))"]
claims:
  - {{id: "{id}", text: "<script>attack('claim')</script>", source: "<img src=x onerror=attack(1)>", disputes: "</li><script>attack('disputes')</script>", evidence: "<svg onload=attack(1)>"}}
questions: [{{text: "<img src=x onerror=attack('q')>", dataset: "<script>attack('d')</script>", condition: "<b onclick=attack(1)>c</b>"}}]
---

## <img src=x onerror=attack('heading')> Method

{body}
"""
BODY = r"""
<script>attack('block')</script>

<img src=x onerror="attack('img')"><svg onload=attack('svg')></svg><iframe src="javascript:attack('iframe')"></iframe>
<details open ontoggle=attack('toggle')><summary>x</summary></details><style>body{display:none}</style>
<a href="javascript:attack('raw')">raw</a> <object data="javascript:attack('object')"></object><base href="https://evil.example/">
<meta http-equiv="refresh" content="0;url=https://evil.example/"><form action="https://evil.example/"><button>go</button></form>

[plain](javascript:attack('plain')) [upper](JaVaScRiPt:attack('upper')) [spaced]( javascript:attack('spaced'))
[entity](javascript&#58;attack('entity')) [entity2](&#x6A;avascript:attack('entity2')) [tab](java&Tab;script:attack('tab'))
[newline](java&NewLine;script:attack('newline')) [control](&#1;javascript:attack('control')) [angle](<javascript:attack('angle')>)
[vb](vbscript:attack('vb')) [data](data:text/html;base64,PHNjcmlwdD5hdHRhY2soMSk8L3NjcmlwdD4=) [svg](data:image/svg+xml,<svg/onload=attack(1)>)
[title](https://example.org "\" onclick=\"attack('title')") [quote](https://example.org/"onmouseover="attack('quote'))
[file](file:///etc/passwd) [blob](blob:x) [up](../../../../etc/passwd) [protocol](//evil.example/x) [back](\\evil.example\x)
[reference][r] [collapsed][] [nested [inner](javascript:attack('inner'))](javascript:attack('outer')) ![[x](javascript:attack('alt'))](y)
<javascript:attack('autolink')> <https://example.org/"onclick="attack(1)> <data:text/html,x> javascript:attack('bare')

[r]: javascript:attack('reference') "x"
[collapsed]: <java
script:attack('collapsed')>

![remote](https://evil.example/pixel.png) ![protocol](//evil.example/p.png) ![js](javascript:attack('image'))
![data](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImF0dGFjaygxKSIvPg==) ![handler](x.png"onerror="attack('handler'))
![outside](../../../secret.png) ![svg](../figures/evil.svg) ![fine](..\figures\fine.png)

<!-- --><script>attack('comment')</script><!-- -->
<!--><img src=x onerror=attack('comment2')>-->
&lt;script&gt;attack('entities')&lt;/script&gt; `<script>attack('code')</script>`

```<script>attack('fence')</script>
<script>attack('fenced')</script>
```

| a | <script>attack('cell')</script> |
|---|---|
| [x](javascript:attack('table')) | <img src=x onerror=attack('table')> |

<details class="card" id="gallery-data">{"entries": []}</details>
"""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000 1f15c489".replace(" ", "")
    + "0000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
PLAN = Plan("A <course>", "About.", (Lesson(Path("00_first.ipynb"), "First", "What?", {"cpu": 1}, 60.0),), 600.0)


def build(library: Path, site: Path) -> Path:
    """The library's pages and what they load, without any notebook; returns their folder."""
    lessons = [lesson_entry(lesson, None, {}, None) for lesson in PLAN.lessons]
    shell = {"plan": PLAN, "lessons": lessons, "about": "No notebook has been run yet."}
    write_library(site, open_shelf(library), shell, write_page)
    write_assets(site / "assets")
    return site / "papers"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    library = root / "summaries"
    (library / "hostile" / "cards").mkdir(parents=True)
    (library / "hostile" / "figures").mkdir()
    (library / "hostile" / "paper.yaml").write_text(PAPER, encoding="utf-8")
    (library / "hostile" / "results.csv").write_text(CSV, encoding="utf-8")
    (library / "hostile" / "figures" / "fine.png").write_bytes(PNG)
    (library / "hostile" / "figures" / "evil.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg' onload='attack(1)'/>"
    )
    (root / "secret.png").write_bytes(PNG)
    for language, reader, name in (("en", "reader-a", "a"), ("ja", "reader-b", "b")):
        text = CARD.format(language=language, reader=reader, id=name, body=BODY)
        (library / "hostile" / "cards" / f"{language}-{reader}.md").write_text(text, encoding="utf-8")
    return build(library, root / "site")


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Path:
    return build(SUMMARIES, tmp_path_factory.mktemp("real"))


class Watched:
    """Opens pages in a tab and keeps what a hostile text achieved: calls of `attack`, dialogs, popups, errors."""

    def __init__(self, page) -> None:
        self.page, self.done, self.asked = page, [], []
        page.expose_function("attack", lambda *words: self.done.append(f"attack {words}"))
        page.on("dialog", lambda dialog: (self.done.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: self.done.append(f"error {error}"))
        page.on("popup", lambda popup: self.done.append(f"popup {popup.url}"))
        page.on("request", lambda request: self.asked.append(request.url))

    def __call__(self, folder: Path, name: str):
        self.page.goto((folder / name).as_uri())
        self.page.wait_for_load_state("load")
        return self.page


@pytest.fixture
def watched(page) -> Watched:
    return Watched(page)


@pytest.fixture
def unguarded(browser):
    """The same without the pages' own policy, so that the text alone must be harmless."""
    context = browser.new_context(bypass_csp=True, viewport={"width": 1280, "height": 1000})
    context.route("http**://**", lambda route: route.abort())
    yield Watched(context.new_page())
    context.close()


@pytest.mark.parametrize("name", ["hostile.html", "index.html", "results.html", "next.html", "map.html"])
def test_nothing_that_a_card_says_runs_or_loads(unguarded, hostile, name):
    page = unguarded(hostile, name)
    if page.query_selector(".plotly-figure"):
        page.wait_for_selector("html[data-figures=drawn]", timeout=60_000)
    for summary in page.locator("details:not([open]) > summary").all():
        summary.click()
    for thing in page.locator("main :is(a, b, summary, img, h3, td)").all()[:200]:
        thing.dispatch_event("mouseover")
    page.wait_for_timeout(300)
    assert [url for url in unguarded.asked if not url.startswith((hostile.parent.as_uri(), "data:"))] == []
    assert unguarded.done == []


@pytest.mark.parametrize("name", ["hostile.html", "index.html", "results.html", "next.html", "map.html"])
def test_no_element_or_handler_of_a_card_becomes_part_of_a_page(watched, hostile, name):
    page = watched(hostile, name)
    foreign = "iframe, object, embed, form:not(#search), base, meta, link, style, svg"
    own = "[src^='../assets/'], [type='application/json']"
    assert page.locator(f"article :is({foreign}), .gallery :is({foreign}), table :is({foreign})").count() == 0
    assert page.locator(f"main script:not({own})").count() == 0
    assert (
        page.evaluate(
            "[...document.querySelectorAll('main *')].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))"
        )
        == []
    )


def test_links_of_a_card_lead_to_the_web_or_stay_words(watched, hostile):
    page = watched(hostile, "hostile.html")
    targets = page.eval_on_selector_all(".words a, .compared a", "all => all.map(a => a.protocol)")
    assert set(targets) == {"https:"}
    assert page.eval_on_selector_all(".words a", "all => all.filter(a => a.host === 'evil.example').length") == 0


def test_clicking_every_link_of_a_hostile_card_runs_nothing(unguarded, hostile):
    page = unguarded(hostile, "hostile.html")
    page.evaluate(
        "document.addEventListener('click', event => event.target.closest('a[href^=http]') && event.preventDefault())"
    )
    for link in page.locator(".words a").all():
        link.dispatch_event("click")
    page.wait_for_timeout(200)
    assert unguarded.done == []
    assert page.url.endswith("hostile.html")


def test_of_pictures_only_the_papers_own_are_shown(watched, hostile):
    page = watched(hostile, "hostile.html")
    assert page.locator(".words img").count() == 2  # one in each of the two cards
    assert page.eval_on_selector_all(".words img", "all => all.every(i => i.alt === 'fine' && i.naturalWidth === 1)")


def test_what_was_hostile_is_there_to_read(watched, hostile):
    page = watched(hostile, "hostile.html")
    assert "<script>attack('block')</script>" in page.locator(".words").first.inner_text()
    assert page.locator("h1").inner_text() == TITLE
    assert watched(hostile, "index.html").locator("#entries h2").first.inner_text() == TITLE


def fitting(page) -> int:
    return int(page.locator("#count").inner_text().split()[0].replace(",", ""))


def test_the_gallery_searches_two_characters_in_four_languages(watched, real):
    page = watched(real, "index.html")
    everything = fitting(page)
    for question in ("動画", "行動", "학습", "数据"):
        page.fill("#query", question)
        expect(page).to_have_url(re.compile(re.escape(f"q={quote(question)}")))
        assert 0 < fitting(page) < everything
        assert question in page.locator("#entries").inner_text() or fitting(page) > 0
    assert watched.done == []


def test_facets_narrow_the_gallery_by_keyboard_and_the_address_remembers(watched, real):
    page = watched(real, "index.html")
    page.locator("[id='language:ja']").focus()
    page.keyboard.press("Space")
    assert fitting(page) == 2
    assert page.evaluate("document.activeElement.id") == "language:ja"
    page.locator("[id='dataset:UCF-101']").focus()
    page.keyboard.press("Space")
    assert fitting(page) == 2
    assert "language=ja" in page.url
    page.reload()
    assert fitting(page) == 2
    page.get_by_role("button", name="without language ja").click()
    assert fitting(page) > 10
    assert page.evaluate("document.activeElement.id") == "query"
    assert watched.done == []


def test_an_entry_leads_to_its_card(watched, real):
    page = watched(real, "index.html")
    page.locator("[id='language:ko']").check()
    page.locator("#entries a").first.click()
    assert page.url.endswith("#card-ko-labkit")
    assert page.locator("#card-ko-labkit").get_attribute("open") is not None


def test_pages_of_the_gallery_turn(watched, real):
    page = watched(real, "index.html")
    first = page.locator("#entries h2").first.inner_text()
    page.get_by_role("button", name="Next").click()
    assert "page 2" in page.locator("#count").inner_text()
    assert page.locator("#entries h2").first.inner_text() != first


@pytest.mark.parametrize("name", ["index.html", "hara-2018-retrace.html", "results.html", "next.html", "map.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_the_library_fit_a_phone_and_draw_without_complaint(watched, page, real, name, scheme):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 375, "height": 720})
    watched(real, name)
    if page.query_selector(".plotly-figure"):
        page.wait_for_selector("html[data-figures=drawn]", timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)" if scheme == "light" else "rgb(22, 25, 29)"
    )
    assert complaints == []
    assert watched.done == []


@pytest.mark.slow
def test_a_gallery_of_twenty_thousand_cards_answers(watched, page, tmp_path, monkeypatch):
    """Cards multiplied in the page's own data, as the build writes it: what is drawn stays one page of them."""
    from labkit.course import papers

    entries = [
        {
            "paper": f"paper-{n}",
            "title": f"Paper {n} about motion",
            "year": 2010 + n % 15,
            "language": ("en", "ja", "ko", "zh")[n % 4],
            "reader": f"reader-{n % 50}",
            "status": "done",
            "mode": "skim",
            "roles": ("method", "results"),
            "keywords": (f"keyword {n % 300}",),
            "datasets": ("UCF-101",),
            "models": (f"ResNet-{n % 200}",),
            "summary": "行動を認識する。" * 5,
            "path": "x",
            "text": "".join(random.Random(n).choices("動画行動認識学習実験結果 motion", k=900)) + f" needle{n}",
        }
        for n in range(20_000)
    ]
    monkeypatch.setattr(papers, "records", lambda shelf: iter(entries))
    folder = build(SUMMARIES, tmp_path)
    watched(folder, "index.html")
    page.wait_for_selector("html[data-gallery=drawn]", timeout=60_000)
    assert fitting(page) == 20_000
    assert page.locator("#entries > li").count() == 40
    page.fill("#query", "needle19999")
    expect(page.locator("#entries > li")).to_have_count(1)
    assert page.locator("#entries h2").inner_text() == "Paper 19999 about motion"
    assert (folder / "index.html").stat().st_size < 100 * 1024**2
    shutil.rmtree(folder)
