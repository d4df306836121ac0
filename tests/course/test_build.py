"""Building the course: what is checked before anything runs, what a build leaves, and what it says."""

import re
from pathlib import Path

import pytest
from made_runs import make_run
from toy_course import add_ran, write_course
from typer.testing import CliRunner

from labkit.cli import app
from labkit.course.build import build_course, check_course
from labkit.course.build_folder import BuildInUseError, one_build
from labkit.course.entries import beside as beside_note
from labkit.course.website.build import Site, build_site
from labkit.course.website.checks import notes_on_size
from labkit.runs.findings import Declared, Finding
from labkit.runs.notebook import NotebookError


@pytest.fixture
def written(monkeypatch) -> list:
    """Builds without runs and without Sphinx: the parameters of each run, and the runs of each site."""
    calls: list = []

    def site(plan, runs, project, open_in=None, *, strict=False):
        calls.append(sorted(runs))
        return Site(project / "build" / "site" / "index.html", 1.0, 2_000_000, ("too large",), ("a broken link",))

    monkeypatch.setattr("labkit.course.build._run", lambda lesson, place, given, on_step: calls.append(given))
    monkeypatch.setattr("labkit.course.website.build.write_site", site)
    monkeypatch.setattr("labkit.cli.course._generate_motion", lambda: None)
    return calls


@pytest.fixture
def without_myst(monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    lacks = lambda name, *more: None if name == "myst_nb" else found(name, *more)  # noqa: E731
    monkeypatch.setattr("labkit.course.website.packages.find_spec", lacks)


def test_a_course_is_checked_before_anything_runs(tmp_path):
    project = write_course(tmp_path)
    with pytest.raises(NotebookError, match="did you mean 'seed'"):
        check_course([], {"sed": "1"}, folder=project)
    (project / "notebooks" / "02_third.ipynb").unlink()
    with pytest.raises(FileNotFoundError, match=r"02_third\.ipynb"):
        check_course([], {}, folder=project)
    assert len(check_course(["00"], {"seed": "1"}, folder=project)) == 1


@pytest.mark.parametrize("command", [[], ["site"]])
def test_without_the_sites_packages_nothing_runs_and_a_line_says_what_to_install(
    tmp_path, monkeypatch, written, without_myst, command
):
    monkeypatch.chdir(write_course(tmp_path))
    done = CliRunner().invoke(app, ["course", *command])
    assert done.exit_code == 1
    assert done.stderr == 'labkit: the site needs myst_nb: pip install "labkit-video[site]"\n'
    assert written == []
    assert not (tmp_path / "build").exists()


def test_a_site_of_nothing_says_how_to_run_the_notebooks(tmp_path, monkeypatch):
    monkeypatch.chdir(write_course(tmp_path))
    done = CliRunner().invoke(app, ["course", "site"])
    assert done.exit_code == 2
    assert "no notebook has been run" in done.stderr
    assert "`make course` or `labkit course` runs them" in done.stderr
    assert not (tmp_path / "build").exists()


def test_a_quick_build_takes_the_plans_quick_parameters_below_those_given(tmp_path, written):
    project = write_course(tmp_path)
    plan = project / "notebooks" / "course.toml"
    plan.write_text(plan.read_text().replace("budget_s = 0.01", "budget_s = 0.01\nquick = { seed = 7, rate = 0.1 }"))
    build_course(["02"], folder=project, quick=True, parameters={"seed": 3})
    build_course(["02"], folder=project)
    assert written == [{"seed": 3, "rate": 0.1}, [], {}, []]


def test_a_course_ends_in_the_path_of_the_first_page_and_names_faults_before_it(tmp_path, monkeypatch, written):
    project = write_course(tmp_path)
    add_ran(project, "03_added")
    monkeypatch.chdir(project)
    done = CliRunner().invoke(app, ["course", "03"])
    assert done.stdout.splitlines()[-1] == str(project / "build" / "site" / "index.html")
    assert done.stderr.splitlines()[-3:] == ["a broken link", "too large", "the site took 1 s and has 2.0 MB"]
    assert done.exit_code == 1
    assert written == [{}, ["03_added"]]


def test_the_site_is_not_built_while_a_build_is_at_work(tmp_path, written):
    project = write_course(tmp_path)
    make_run(project / "build" / "runs" / "00_first")
    (project / "build" / "runs" / "00_first" / "00_first.ipynb").touch()
    with one_build(project / "build"), pytest.raises(BuildInUseError, match="another `labkit course` is at work"):
        build_site(folder=project)
    assert written == []


def test_the_index_says_why_one_run_may_differ_from_the_finding_beside_it():
    one = Finding(Declared("x", "00_first", "It grows.", "a", ">", 0.0), {0: 1.0, 1: 1.1}, {"threads": 1})
    with_one, apart = {"findings": [one], "numbers": [("a share", "25 %")]}, {"findings": [], "numbers": [("a", "1")]}
    said = beside_note([apart, with_one], {"00_first": [one]})
    assert "each measured with 1 thread." in said
    assert "the same seed gives other numbers" in said
    assert beside_note([apart], {"00_first": [one]}) == ""


def test_a_site_and_a_page_that_are_too_large_are_named_with_the_largest_files(tmp_path, monkeypatch):
    sizes = {"a.html": 300, "notebooks/b.html": 900, "assets/c.js": 800, "d.css": 10, "e.html": 500}
    for name, size in sizes.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size * 1000)
    assert list(notes_on_size(tmp_path)) == []
    monkeypatch.setattr("labkit.course.website.checks.MOST_BYTES", 2_000_000)
    monkeypatch.setattr("labkit.course.website.checks.MOST_BYTES_OF_A_PAGE", 600_000)
    assert list(notes_on_size(tmp_path)) == [
        "the site has 2.5 MB, more than 2.0 MB; its largest files are notebooks/b.html (0.9 MB), assets/c.js (0.8 MB), "
        "e.html (0.5 MB)",
        "the page notebooks/b.html has 0.9 MB, more than 0.6 MB: its notebook shows too much",
    ]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_course_of_which_one_notebook_ran_is_a_whole_site_with_the_library_beside_it(tmp_path):
    """A notebook that was not run has a page that says how; links to it lead there."""
    project = write_course(tmp_path)
    own = project / "summaries" / "a-2020-b"
    own.mkdir()
    (own / "paper.yaml").write_text(
        "id: a-2020-b\ntitles: {en: Of this clone alone}\nauthors: [{given: A, family: B}]\nyear: 2020\nvenue: CVPR 2020\n"
    )
    (project / "build" / "site-killed" / "site").mkdir(parents=True)
    built = build_course(["00"], folder=project)
    site = built.site.index.parent
    assert built.site.faults == ()
    assert {path.name for path in (project / "build").iterdir()} == {".lock", "runs", "site"}
    unrun = (site / "notebooks" / "02_third.html").read_text()
    assert "labkit course --only 02" in unrun
    assert "Content-Security-Policy" in unrun
    assert 'href="02_third.html"' in (site / "notebooks" / "00_first.html").read_text()
    assert "not run yet" in (site / "index.html").read_text()
    pages = {page.name for page in (site / "papers").glob("*.html")}
    assert pages == {"index.html", "results.html", "next.html", "map.html", "a-2020-b.html"}
    assert "Of this clone alone" in (site / "papers" / "index.html").read_text()
    assert not re.search(
        r"papers/hara-2018", (site / "index.html").read_text()
    )  # the lesson's paper is not in this library
    _builds_again_alike(site, project)


def _builds_again_alike(site: Path, project: Path) -> None:
    before = {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*.html")}
    assert build_site(folder=project).index == site / "index.html"
    assert {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*.html")} == before


@pytest.mark.slow
def test_the_page_of_a_quick_run_says_so(tmp_path):
    project = write_course(tmp_path)
    plan = project / "notebooks" / "course.toml"
    plan.write_text(plan.read_text().replace("budget_s = 0.01", "budget_s = 0.01\nquick = { rate = 0.1 }"))
    site = build_course(["02"], folder=project, quick=True).site.index.parent
    assert "This was a quick run, with rate = 0.1. At this size a finding may not hold." in (
        site / "notebooks" / "02_third.html"
    ).read_text(encoding="utf-8")
    assert ", with other parameters" in (site / "index.html").read_text(encoding="utf-8")
