"""What a class hands in: found in folders and archives, known by its cells, and never run."""

import io
import tarfile

import pytest
from toy_class import RELEASE, SIGN, answered, as_bytes, code, with_cells, write_class, zipped

from labkit.course.grading import handins
from labkit.course.grading.handins import hand_ins

RELEASES = {"tiny": RELEASE}
TEXT = as_bytes(answered())


def packed(files, mode="w:gz", links=()):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return made.getvalue()


def found(folder, files):
    """The hand-ins of a folder with these files."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return [(one.student, one.notebook, one.problem) for one in hand_ins(folder, RELEASES)]


def test_nbgraders_own_layout_is_read(tmp_path):
    write_class(tmp_path, [])
    files = {"submitted/kim/tiny/tiny.ipynb": TEXT, "autograded/lee/tiny/tiny.ipynb": TEXT}
    assert found(tmp_path, files) == [("kim", "tiny", "")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("박 민수/tiny.ipynb", TEXT),
        ("박 민수.ipynb", TEXT),
        ("박 민수.zip", zipped({"a/b/tiny.ipynb": TEXT, "__MACOSX/a/._tiny.ipynb": b"x", "notes.txt": b"x"})),
        ("박 민수.tar.gz", packed({"a/tiny.ipynb": TEXT})),
        ("박 민수/all.tar", packed({"tiny.ipynb": TEXT}, "w")),
        ("박 민수/my work.ipynb", TEXT),
    ],
)
def test_a_student_is_a_folder_a_notebook_or_an_archive(tmp_path, name, content):
    assert found(tmp_path, {name: content}) == [("박 민수", "tiny", "")]


@pytest.mark.parametrize(
    "name", ["../tiny.ipynb", "/tmp/tiny.ipynb", "a/../../tiny.ipynb", "..\\tiny.ipynb", "C:tiny.ipynb"]
)
@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
def test_an_archive_that_leads_out_of_itself_is_refused(tmp_path, name, ending):
    content = (zipped if ending == ".zip" else packed)({name: TEXT, "tiny.ipynb": TEXT})
    ((_, notebook, problem),) = found(tmp_path / "class", {f"kim{ending}": content})
    assert notebook == ""
    assert "leads out of the archive" in problem
    assert [path.name for path in tmp_path.iterdir()] == ["class"]


def test_a_link_in_an_archive_is_not_followed(tmp_path):
    (tmp_path / "secret.ipynb").write_bytes(TEXT)
    content = packed({}, links=[("tiny.ipynb", str(tmp_path / "secret.ipynb"))])
    ((_, _, problem),) = found(tmp_path / "class", {"kim.tar.gz": content})
    assert "is not a notebook" in problem


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(handins, "LARGEST", 1000)
    ((_, _, problem),) = found(tmp_path, {"kim.zip": zipped({"tiny.ipynb": b" " * 2000})})
    assert "more than" in problem


@pytest.mark.parametrize("content", [b"", b"PK", b"not an archive", zipped({"tiny.ipynb": TEXT})[:-40]])
def test_a_broken_archive_is_a_problem_of_its_student(tmp_path, content):
    assert [problem[:24] for *_, problem in found(tmp_path, {"kim.zip": content})] == ["the archive kim.zip cann"]


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"cells": 1}', b"\xff\xfe", b"[" * 100_000, TEXT[:500], b'{"cells": [{}]}']
)
def test_a_broken_notebook_is_a_problem_of_its_student(tmp_path, content):
    ((student, notebook, problem),) = found(tmp_path, {"kim/tiny.ipynb": content})
    assert (student, notebook) == ("kim", "tiny")
    assert problem.startswith("tiny.ipynb is not a notebook that can be read")


def test_two_different_files_of_one_notebook_are_a_problem(tmp_path):
    files = {"kim/tiny.ipynb": TEXT, "kim/tiny-Copy1.ipynb": as_bytes(answered(SIGN))}
    ((_, notebook, problem),) = found(tmp_path, files)
    assert notebook == "tiny"
    assert problem == "there are several files of this notebook, tiny-Copy1.ipynb and tiny.ipynb: keep one"


def test_the_same_file_twice_is_no_problem(tmp_path):
    files = {
        "kim/tiny.ipynb": TEXT,
        "kim/copy/tiny.ipynb": TEXT,
        "kim/.ipynb_checkpoints/tiny.ipynb": as_bytes(answered(SIGN)),
    }
    assert found(tmp_path, files) == [("kim", "tiny", "")]


def test_a_student_without_the_notebook_that_others_have_is_listed(tmp_path):
    files = {"kim/tiny.ipynb": TEXT, "lee/notes.txt": b"later"}
    assert found(tmp_path, files) == [("kim", "tiny", ""), ("lee", "tiny", "handed in no such notebook")]


def test_another_notebook_is_named(tmp_path):
    other = as_bytes(with_cells([code("a", "1 + 1")], {**RELEASE, "metadata": {}}))
    ((_, notebook, problem),) = found(tmp_path, {"kim/other.ipynb": other})
    assert notebook == ""
    assert problem == "other.ipynb is none of the notebooks handed out (tiny)"


def test_a_class_without_students_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="a folder for each student"):
        hand_ins(tmp_path, RELEASES)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        hand_ins(tmp_path / "nowhere", RELEASES)


def test_the_folder_for_the_marks_is_no_student(tmp_path):
    for name in ("kim", "marks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tiny.ipynb").write_bytes(TEXT)
    assert [one.student for one in hand_ins(tmp_path, RELEASES, others=[tmp_path / "marks"])] == ["kim"]


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.bz2", ".tar.xz", ".zip"])
def test_damage_inside_an_archive_is_a_problem_of_its_student(tmp_path, ending):
    modes = {".tar.gz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}
    files = {"tiny.ipynb": TEXT}
    whole = packed(files, modes[ending]) if ending in modes else zipped(files)
    damaged = bytearray(whole)
    middle = slice(len(damaged) // 3, len(damaged) // 3 + 200)
    damaged[middle] = bytes(255 - one for one in damaged[middle])
    ((student, _, problem),) = found(tmp_path, {f"kim{ending}": bytes(damaged)})
    assert student == "kim"
    assert problem


def test_a_file_that_cannot_be_opened_is_a_problem_of_its_student(tmp_path, monkeypatch):
    monkeypatch.setattr(handins, "_whole", lambda path: path.read_bytes()[0] and 1 / 0)
    assert found(tmp_path, {"kim/tiny.ipynb": TEXT}) == [
        ("kim", "", "the file tiny.ipynb cannot be read (division by zero)")
    ]
