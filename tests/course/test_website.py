"""The toy course as a site, built once: every page is there, its links lead somewhere, and nothing comes from elsewhere."""

import html
import json
import re
import shutil
from pathlib import Path

import pytest
from toy_course import add_ran, write_course

from labkit.course.build import build_course
from labkit.course.guess import Guess
from labkit.course.website import reference
from labkit.course.website.build import SiteError, build_site
from labkit.page_policy import digest
from labkit.survey.slides.page import Deck, Slide
from labkit.viz.stopwatch import Stopwatch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
DOCUMENT = """# A document

An epoch is one clip, and a Clip is a tensor. [A file](../notebooks/notes.txt), [a notebook](../notebooks/00_first.ipynb).

```mermaid
flowchart TD
    a["one"] --> b["two"]
```
"""


SCRIPTED = (
    Stopwatch({"skim": (15, 30)}, live=False).static(),
    Guess("03-gap", "How large?", 0, 100, live=False).static(),
    Deck("</title><script>alert(1)</script>", "en", ((Slide("<h2>One</h2>"),),))._repr_html_(),
    "<script>alert(1)</script>",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The toy course, run, with a document, a paper's cards, and a notebook with labkit's own scripts and a foreign one."""
    project = write_course(tmp_path_factory.mktemp("toy"))
    (project / "docs" / "a.md").write_text(DOCUMENT, encoding="utf-8")
    card = "hara-2018-retrace"
    shutil.copytree(Path(__file__).parents[2] / "summaries" / card, project / "summaries" / card, dirs_exist_ok=True)
    add_ran(project, "03_scripts", *({"text/html": text} for text in SCRIPTED))
    return build_course(["00", "01", "02"], folder=project)


@pytest.fixture(scope="module")
def project(built) -> Path:
    return built.site.index.parents[2]


@pytest.fixture(scope="module")
def site(built, project) -> Path:
    """The site, built once more from the same runs, with links to a service."""
    assert built.site.faults == ()
    return build_site(folder=project, open_in={"Colab": "https://example.org/open/{path}"}).index.parent


def page(site: Path, name: str) -> str:
    return (site / name).read_text(encoding="utf-8")


def test_a_failed_notebook_stops_no_other(built):
    assert built.failed == ["01_second"]
    assert [run.status for run in built.runs.values()] == ["done", "failed", "done", "done"]


def test_the_budget_is_compared_with_what_notebooks_took(built):
    fits = {lesson.name: fits for lesson, _, fits in built.budget()}
    assert (fits["00_first"], fits["02_third"]) == (True, False)
    assert "01_second" not in fits


def test_the_first_page_has_the_numbers_of_the_runs_with_their_words(site):
    index = page(site, "index.html")
    assert "<dt>twice the &lt;seed&gt;</dt><dd>0</dd>" in index
    assert "<dt>a share</dt><dd>25.0 %</dd>" in index
    assert "not recorded" not in index
    assert "seed_" not in index
    assert "labkit run 05 -p seed=1" in index


def test_a_failed_page_keeps_what_ran_and_says_what_did_not(site):
    text = page(site, "notebooks/01_second.html")
    assert "This notebook did not run to its end." in text
    assert "kept 1" in text
    assert "papermill" not in text
    assert "ZeroDivisionError: division by zero" in text


def test_a_page_says_when_and_where_it_ran_and_how_long_each_part_takes(site):
    text = page(site, "notebooks/00_first.html")
    assert re.search(r'<p class="facts">Run on \d{4}-\d\d-\d\d on .* torch [\d.]+', text)
    assert re.search(r"<b>waiting</b> 1 minute on a CPU", text)
    assert re.search(r"<span>ran here in \d+ s</span>", text)


def test_solutions_are_folded_away_and_their_output_is_not(site):
    text = page(site, "notebooks/00_first.html")
    (folded,) = [part for part in re.findall(r"<details.*?</details>", text, re.DOTALL) if "BEGIN SOLUTION" in part]
    assert "One solution" in folded
    assert ">42" not in folded.replace('<span class="mi">42', "")
    assert re.search(r"<pre[^>]*>(<span></span>)?42", text)


def test_a_page_of_small_outputs_is_small_and_holds_no_plotly(site):
    assert max(path.stat().st_size for path in (site / "notebooks").glob("*.html")) < 400_000


def test_a_notebooks_page_lets_nothing_run_but_the_sites_scripts_and_labkits_own(site):
    (policy,) = re.findall(r'Security-Policy" content="([^"]*)"', page(site, "notebooks/03_scripts.html"))
    (allowed,) = re.findall(r"script-src ([^;]*);", policy)
    watch, asked, deck, _ = SCRIPTED
    ran = re.findall(r"<script>(.*?)</script>", watch + asked + html.unescape(deck.partition("srcdoc=")[2]), re.DOTALL)
    assert len(ran) == 4  # two of the slides
    assert allowed.startswith("'self' file: ")
    assert {f"'sha256-{digest(one)}'" for one in ran} <= set(allowed.split())
    assert digest("alert(1)") not in policy


def test_every_part_of_the_site_has_its_pages(site):
    for name in (
        "index",
        "notebooks/index",
        "notebooks/00_first",
        "docs/index",
        "docs/a",
        "docs/glossary",
        "papers",
        "api/index",
    ):
        assert (site / f"{name}.html").is_file()
    assert (site / "papers" / "hara-2018-retrace.html").is_file()
    assert [path.name for path in site.rglob("plotly*.js")] == ["plotly.min.js"]


def test_every_public_name_has_an_entry_in_the_reference(site):
    text = "".join(path.read_text(encoding="utf-8") for path in (site / "api").glob("*.html"))
    there = set(re.findall(r'id="(labkit[\w.]*)"', text)) | {
        name.removeprefix("module-") for name in re.findall(r'id="(module-labkit[\w.]*)"', text)
    }
    names = {name for module in reference.modules() for name in reference.public_names(module)}
    assert len(names) > 1000
    assert names - there == set()


def test_what_was_found_is_folded_on_the_first_page(site):
    index = page(site, "index.html")
    (fold,) = re.findall(r"<details class=\"found-out\".*?</details>", index, re.DOTALL)
    assert "25.0 %" in fold
    assert "25.0 %" not in index.replace(fold, "")
    assert "open" not in fold.partition(">")[0]


def test_a_failed_notebook_is_named_with_its_error(site):
    assert "1 of 4 notebooks did not run to the end" in page(site, "index.html")
    assert "ZeroDivisionError: division by zero" in page(site, "index.html")


def test_titles_and_questions_are_escaped(site):
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "First <b>" not in text
        assert "A toy <course>" not in text
        assert (
            "<script>alert(1)" not in text or path.name == "03_scripts.html"
        )  # there its policy keeps it from running


def test_a_page_leads_to_the_one_before_and_the_next(site):
    text = page(site, "notebooks/01_second.html")
    assert re.search(r'class="left-prev"\s+href="00_first.html"', text)
    assert re.search(r'class="right-next"\s+href="02_third.html"', text)


def test_a_document_links_to_the_glossary_to_pages_and_to_copies_and_has_its_drawing(site):
    text = page(site, "docs/a.html")
    assert len(re.findall(r'href="glossary.html#word-clip"', text)) == 1
    assert 'href="../files/notebooks/notes.txt"' in text
    assert (site / "files" / "notebooks" / "notes.txt").read_text() == "a note\n"
    assert 'href="../notebooks/00_first.html"' in text
    assert "<svg" in text
    assert "flowchart" not in text


def test_a_notebook_links_to_the_glossary_its_file_and_a_service(site):
    text = page(site, "notebooks/00_first.html")
    assert 'href="../docs/glossary.html#word-clip"' in text
    assert 'href="../papers/hara-2018-retrace.html"' in text
    assert 'href="https://example.org/open/notebooks/00_first.ipynb"' in text
    assert json.loads(page(site, "notebooks/00_first.ipynb"))["nbformat"] == 4


def test_every_page_has_one_policy_that_allows_no_script_of_a_reader(site):
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
        assert policy.startswith("default-src 'none'; script-src ")
        assert not re.search(r"script-src[^;]*(unsafe-inline|unsafe-eval|https?:|\*|data:)", policy)
        assert not re.findall(r'<(?:script|link|img|iframe|source)[^>]*(?:src|href)="(?:https?:)?//', text), path.name


def test_no_folder_of_this_machine_is_on_a_page_or_in_the_index(site, project):
    for path in (*site.rglob("*.html"), site / "searchindex.js"):
        assert str(project) not in path.read_text(encoding="utf-8")


def test_the_search_has_the_words_of_notebooks_papers_and_pairs_of_characters(site):
    index = json.loads(page(site, "searchindex.js").removeprefix("Search.setIndex(").removesuffix(")"))
    assert "papers/hara-2018-retrace" in index["docnames"]
    assert "notebooks/00_first" in index["docnames"]
    assert "動画" in index["terms"]


def test_a_fault_leaves_the_earlier_site_and_is_named(site, project):
    before = page(site, "index.html")
    wrong = project / "docs" / "wrong.md"
    wrong.write_text("# Wrong\n\n[Nowhere](a.md#nowhere)\n\n:::{nothing}\n:::\n", encoding="utf-8")
    try:
        with pytest.raises(SiteError, match=r"the site has faults:\n/docs/wrong\.md:\d+: (?s:.*)nowhere"):
            build_site(folder=project)
    finally:
        wrong.unlink()
    assert page(site, "index.html") == before
    assert {path.name for path in (project / "build").iterdir() if path.is_dir()} == {"runs", "site"}
