"""A whole folder of papers and cards at once: as the readers of single files read it, and only what changed is read."""

import os
import shutil
from pathlib import Path

import pytest

from labkit import closure
from labkit.survey.card.file import read_card
from labkit.survey.library import cache as kept_files
from labkit.survey.library.shelf import Item, open_shelf
from labkit.survey.publication.files import read_paper, read_results

CARD = """\
---
paper: {paper}
language: en
format: abstract
reader: reader-a
status: {status}
---

# Abstract

Words about it.
"""
ROWS = """\
model,dataset,metric,value,unit,source,note
Net,UCF-101,top-1,50.10,%,Table 1,
Net,UCF-101,top-1,"98,0",%,Table 1,
Net,UCF-101,top-5,98.0%,%,Table 1,
Net,UCF-101,clips,300000,clips,Table 1,"with, comma"
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("LABKIT_CACHE", str(folder))
    return folder


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """The files that were opened, by name, from here on."""
    opened: list[str] = []
    plain = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path.suffix != ".py":
            opened.append(path.name)
        return plain(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    return opened


@pytest.fixture
def settled(monkeypatch) -> None:
    """Files count as settled as soon as they are written."""
    monkeypatch.setattr(kept_files, "SETTLED", 0)


def put_card(library: Path, paper: str = "wang-2016-tsn", *, status: str = "done", name: str = "en-reader-a") -> Path:
    path = library / paper / "cards" / f"{name}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(CARD.format(paper=paper, status=status), encoding="utf-8")
    return path


def put_rows(library: Path, paper: str = "wang-2016-tsn", rows: str = ROWS) -> Path:
    path = library / paper / "results.csv"
    path.write_text(rows, encoding="utf-8")
    return path


@pytest.mark.parametrize("time", ["first", "later"])
def test_the_committed_library_reads_as_file_by_file(time):
    shelf = open_shelf()
    if time == "later":
        _ = shelf.papers
        shelf = open_shelf()
    assert not shelf.errors
    assert len(shelf.papers) > 30
    assert all(shelf.papers[name] == read_paper(name) for name in shelf.papers)
    for name, rows in shelf.results.items():
        assert [row.model_dump() for row in rows] == [row.model_dump() for row in read_results(name)]
    assert all(card.about == read_card(card.path).about for card in shelf.cards)
    assert all(bytes(card.read()) == card.path.read_bytes() for card in shelf.cards)


def test_a_bad_file_is_told_with_its_line_and_the_rest_is_there(library):
    (library / "wang-2018-tsn" / "paper.yaml").write_text("id: wang-2018-tsn\nyaer: 2018\n")
    put_rows(library)
    put_card(library)
    put_card(library, "carreira-2017-quo-vadis", status="finished")
    shelf = open_shelf(library)
    assert set(shelf.papers) == {"hara-2018-retrace", "carreira-2017-quo-vadis", "wang-2016-tsn"}
    assert [row.printed for row in shelf.results["wang-2016-tsn"]] == ["50.10", "300000"]
    assert [card.paper for card in shelf.cards] == ["wang-2016-tsn"]
    told = [(error.path.parent.name, error.path.name, error.line) for error in shelf.errors]
    assert told == [
        ("cards", "en-reader-a.md", 6),
        ("wang-2016-tsn", "results.csv", 3),
        ("wang-2016-tsn", "results.csv", 4),
        ("wang-2018-tsn", "paper.yaml", 2),
    ]


def test_nothing_is_opened_that_did_not_change(library, counted, settled):
    put_card(library)
    put_rows(library)
    before = (shelf := open_shelf(library)).papers, shelf.results, [card.about for card in shelf.cards], shelf.digest
    assert counted
    first = list(counted)
    again = open_shelf(library)
    assert (again.papers, again.results, [card.about for card in again.cards], again.digest) == before
    assert counted == first


def test_a_file_that_was_written_just_now_is_not_taken_for_granted(library, counted):
    path = put_card(library, status="done")
    assert open_shelf(library).cards[0].about.status == "done"
    about = path.stat()
    path.write_text(CARD.format(paper="wang-2016-tsn", status="done").replace("Words", "Worms"))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert "Worms" in open_shelf(library).cards[0].read().words


def test_a_change_of_one_file_changes_what_is_read_of_that_file_only(library, counted, settled):
    put_card(library)
    put_rows(library)
    shelf = open_shelf(library)
    _ = shelf.papers
    counted.clear()
    put_rows(library, rows=ROWS.replace("50.10", "51.10"))
    later = open_shelf(library)
    assert later.results["wang-2016-tsn"][0].printed == "51.10"
    assert later.digest != shelf.digest
    assert set(counted) == {"results.csv"}


def test_the_same_bytes_in_another_folder_are_judged_there(library):
    path = put_card(library, "wang-2016-tsn")
    _ = open_shelf(library).cards
    (library / "wang-2018-tsn" / "paper.yaml").write_bytes((library / "wang-2016-tsn" / "paper.yaml").read_bytes())
    shelf = open_shelf(library)
    assert "wang-2018-tsn" not in shelf.papers
    assert "folder" in shelf.errors[0].reason
    assert path.exists()


def test_what_is_worked_out_of_a_file_is_worked_out_once(library):
    put_card(library)
    put_card(library, name="ja-reader-b")
    calls = []

    def length(item: Item, data: bytes) -> int:
        calls.append(item.path.name)
        return len(data)

    shelf = open_shelf(library)
    wanted = [card.path.stat().st_size for card in shelf.items("card")]
    assert shelf.remember("length", shelf.items("card"), length) == wanted
    assert open_shelf(library).remember("length", shelf.items("card"), length) == wanted
    assert len(calls) == 2


@pytest.mark.parametrize("trouble", ["broken", "no folder"])
def test_without_a_usable_cache_everything_is_read_all_the_same(library, cache, monkeypatch, trouble):
    put_card(library)
    if trouble == "broken":
        _ = open_shelf(library).papers
        for path in (cache / "survey").glob("*.sqlite"):
            path.write_bytes(b"this is no database, whatever its name says" * 100)
    else:
        cache.write_text("a file where the cache's folder should be")
    shelf = open_shelf(library)
    assert len(shelf.papers) == 4
    assert len(shelf.cards) == 1


def test_a_cache_of_another_version_of_the_code_is_not_read(library, monkeypatch):
    _ = open_shelf(library).papers
    monkeypatch.setattr(kept_files, "version", lambda: "another")
    calls = []
    open_shelf(library).remember("read paper", open_shelf(library).items("paper"), lambda *_: calls.append(1))
    assert len(calls) == 4


@pytest.mark.parametrize("file", ["survey/check/one_file.py", "survey/search/index.py", "names.py", "runs/notebook.py"])
def test_an_edit_in_any_room_of_the_survey_or_in_what_it_imports_makes_another_version(tmp_path, file):
    package = tmp_path / "labkit"
    shutil.copytree(closure.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    first = kept_files.version(package)
    with (package / file).open("a", encoding="utf-8") as text:
        text.write("# another line\n")
    kept_files.version.cache_clear()
    assert kept_files.version(package) != first


def test_an_edit_outside_the_survey_and_its_imports_leaves_the_version(tmp_path):
    package = tmp_path / "labkit"
    shutil.copytree(closure.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    first = kept_files.version(package)
    (package / "models" / "resnet.py").write_text("", encoding="utf-8")
    kept_files.version.cache_clear()
    assert kept_files.version(package) == first == kept_files.version()


def test_caches_of_older_versions_of_the_code_do_not_pile_up(library, cache, monkeypatch):
    for version in "abcdef":
        monkeypatch.setattr(kept_files, "version", lambda version=version: version)
        _ = open_shelf(library).papers
    assert len(list((cache / "survey").glob("*.sqlite"))) == 1 + kept_files.OTHERS


def test_names_in_any_script_and_form_are_found_and_hidden_files_are_not(library):
    for name in ("en-reader a", "ja-読者", "ko-\u1100\u1161", "ko-\uac00"):
        put_card(library, name=name)
    put_card(library, name=".en-reader-a.md.tmp")
    shutil.copytree(library / "wang-2016-tsn", library / "日本語 folder")
    assert len(open_shelf(library).items("card")) == 8


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="should hold"):
        open_shelf(tmp_path / "nowhere")
