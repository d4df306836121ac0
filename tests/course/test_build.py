"""The toy course, built once with real kernels: what its pages say and what they do not need."""

import re
from pathlib import Path

import pytest
from toy_course import build_toy_course, write_course

from labkit.course.build import build_course, check_course, rewrite_pages
from labkit.course.entries import beside as beside_note
from labkit.runs.findings import Declared, Finding
from labkit.runs.notebook import NotebookError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build_toy_course(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def site(built) -> Path:
    return built.index.parent


def test_a_failed_notebook_stops_no_other(built):
    assert built.failed == ["01_second"]
    assert [run.status for run in built.runs.values()] == ["done", "failed", "done"]


def test_the_budget_is_compared_with_what_notebooks_took(built):
    assert [(lesson.name, fits) for lesson, _, fits in built.budget()] == [("00_first", True), ("02_third", False)]


def test_the_index_lists_all_and_says_which_failed_and_why(site):
    index = (site / "index.html").read_text()
    assert [*dict.fromkeys(re.findall(r'href="(\d\d_\w+\.html)"', index))] == [
        "00_first.html",
        "01_second.html",
        "02_third.html",
    ]
    assert "1 of 3 notebooks did not run to the end" in index
    assert "ZeroDivisionError: division by zero" in index
    assert "<dt>twice the &lt;seed&gt;</dt><dd>0</dd>" in index
    assert "<dt>a share</dt><dd>25.0 %</dd>" in index
    assert "not recorded" not in index
    assert "seed_" not in index


def test_the_index_says_why_one_run_may_differ_from_the_finding_beside_it():
    one = Finding(Declared("x", "00_first", "It grows.", "a", ">", 0.0), {0: 1.0, 1: 1.1}, {"threads": 1})
    with_one, apart = {"findings": [one], "numbers": [("a share", "25 %")]}, {"findings": [], "numbers": [("a", "1")]}
    said = beside_note([apart, with_one], {"00_first": [one]})
    assert "each measured with 1 thread." in said
    assert "the same seed gives other numbers" in said
    assert beside_note([apart], {"00_first": [one]}) == ""


def test_a_link_to_the_glossary_leads_to_the_word_on_its_page(site):
    assert 'href="glossary.html#clip"' in (site / "00_first.html").read_text()
    assert 'href="glossary.html"' in (site / "index.html").read_text()
    page = (site / "glossary.html").read_text()
    assert '<dt id="clip">clip, cut</dt>' in page
    assert "<em>T</em> frames &lt;script&gt;" in page


def test_titles_and_questions_are_escaped(site):
    for page in site.glob("*.html"):
        text = page.read_text()
        assert "First <b>" not in text
        assert "A toy <course>" not in text
    assert "First &lt;b&gt;&amp; foremost&lt;/b&gt;" in (site / "index.html").read_text()


def test_a_failed_page_keeps_what_ran_and_says_what_did_not(site):
    page = (site / "01_second.html").read_text()
    assert "This notebook did not run to its end." in page
    assert "kept 1" in page
    assert "papermill" not in page


def test_every_local_link_and_asset_is_there(site):
    pages = [*site.rglob("*.html")]
    assert len(pages) >= 5
    for page in pages:
        for target in re.findall(r'(?:href|src)="([^"#][^"]*)"', page.read_text()):
            if not re.match(r"data:|https?:", target):
                assert (page.parent / target.partition("#")[0]).exists(), (page.name, target)


def test_links_lead_to_pages_papers_and_copies(site):
    page = (site / "00_first.html").read_text()
    assert 'href="02_third.html#end"' in page
    assert 'href="papers/hara-2018-retrace.html"' in page
    assert 'href="files/notebooks/notes.txt"' in page


def test_pages_load_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        assert not re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(?:https?:)?//', page.read_text()), (
            page.name
        )


def test_every_page_forbids_what_is_not_the_sites_own(site):
    pages = [*site.rglob("*.html")]
    assert {"index.html", "00_first.html", "results.html", "next.html", "map.html", "hara-2018-retrace.html"} <= {
        page.name for page in pages
    }
    for page in pages:
        policies = re.findall(
            r'<meta (?:http-equiv="Content-Security-Policy" )?content="(default-src[^"]*)"', page.read_text()
        )
        assert len(policies) == 1, page
        assert page.read_text().count('http-equiv="Content-Security-Policy"') == 1
        assert policies[0].startswith("default-src 'none'; script-src '")
        assert "unsafe-eval" not in policies[0]
        assert not re.search(r"script-src[^;]*(unsafe-inline|https?:|\*|data:)", policies[0])


def test_plotly_is_there_once(site):
    assert [path.name for path in site.rglob("plotly*.js")] == ["plotly.min.js"]
    assert max(page.stat().st_size for page in site.glob("*.html")) < 300_000


def test_no_folder_of_this_machine_is_on_a_page(site):
    for page in site.glob("*.html"):
        assert str(site.parents[1]) not in page.read_text()


def test_solutions_are_folded_away_and_their_output_is_not(site):
    page = (site / "00_first.html").read_text()
    folded = re.search(r'<details class="solution">(.*?)</details>', page, re.DOTALL).group(1)
    assert "BEGIN SOLUTION" in folded
    assert "<pre>42</pre>" not in folded
    assert "<pre>42</pre>" in page


def test_writing_the_pages_again_gives_the_same_pages(built, site):
    before = {path.name: path.read_bytes() for path in site.glob("*.html")}
    assert rewrite_pages(folder=site.parents[1]).index == built.index
    assert {path.name: path.read_bytes() for path in site.glob("*.html")} == before


def test_a_lesson_that_was_not_run_has_a_page_that_says_how(tmp_path):
    index = rewrite_pages(folder=write_course(tmp_path)).index
    unrun = (index.parent / "02_third.html").read_text()
    assert "labkit course --only 02" in unrun
    assert "Content-Security-Policy" in unrun
    assert "not run yet" in index.read_text()


def test_the_pages_are_of_the_library_beside_the_course(tmp_path):
    project = write_course(tmp_path)
    own = project / "summaries" / "a-2020-b"
    own.mkdir()
    (own / "paper.yaml").write_text(
        "id: a-2020-b\ntitles: {en: Of this clone alone}\nauthors: [{given: A, family: B}]\nyear: 2020\nvenue: CVPR 2020\n"
    )
    site = rewrite_pages(folder=project).index.parent
    pages = {page.name for page in (site / "papers").glob("*.html")}
    assert pages == {"index.html", "results.html", "next.html", "map.html", "a-2020-b.html"}
    assert "Of this clone alone" in (site / "papers" / "index.html").read_text()
    assert (
        "hara-2018-retrace.html" not in (site / "index.html").read_text()
    )  # the lesson's paper is not in this library


def test_a_course_is_checked_before_anything_runs(tmp_path):
    project = write_course(tmp_path)
    with pytest.raises(NotebookError, match="did you mean 'seed'"):
        check_course([], {"sed": "1"}, folder=project)
    (project / "notebooks" / "02_third.ipynb").unlink()
    with pytest.raises(FileNotFoundError, match=r"02_third\.ipynb"):
        check_course([], {}, folder=project)
    assert len(check_course(["00"], {"seed": "1"}, folder=project)) == 1


def test_a_quick_build_takes_the_plans_quick_parameters_below_those_given(tmp_path, monkeypatch):
    project = write_course(tmp_path)
    plan = project / "notebooks" / "course.toml"
    plan.write_text(plan.read_text().replace("budget_s = 0.01", "budget_s = 0.01\nquick = { seed = 7, rate = 0.1 }"))
    ran = []
    monkeypatch.setattr("labkit.course.build._run", lambda lesson, place, given, on_step: ran.append(given))
    build_course(["02"], folder=project, quick=True, parameters={"seed": 3})
    build_course(["02"], folder=project)
    assert ran == [{"seed": 3, "rate": 0.1}, {}]


def test_the_page_of_a_quick_run_says_so(tmp_path):
    project = write_course(tmp_path)
    plan = project / "notebooks" / "course.toml"
    plan.write_text(plan.read_text().replace("budget_s = 0.01", "budget_s = 0.01\nquick = { rate = 0.1 }"))
    site = build_course(["02"], folder=project, quick=True).index.parent
    assert "This was a quick run, with rate = 0.1. At this size a finding may not hold." in (
        site / "02_third.html"
    ).read_text(encoding="utf-8")
    assert ", with other parameters" in (site / "index.html").read_text(encoding="utf-8")
