"""Find the notebooks that a class handed in: in folders, in nbgrader's layout, in archives. Nothing in them is run."""

import io
import tarfile
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from labkit.course.assignment import Notebook, grade_id
from labkit.runs.notebook import NotebookError, read_content

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
LARGEST = 50 << 20  # bytes of a notebook, or of all notebooks in an archive
OWN = {"release", "source", "submitted", "graded", "autograded", "feedback"}  # folders of a class that are no student's


@dataclass(frozen=True)
class HandIn:
    """One student's notebook, or the reason why there is none to grade."""

    student: str
    notebook: str  # the release's name for it; empty if nobody can say
    where: str = ""  # the file, for messages
    text: bytes = b""
    problem: str = ""


def hand_ins(folder: Path, releases: Mapping[str, Notebook], others: Collection[Path] = ()) -> list[HandIn]:
    """What each student handed in, by student and notebook. A student without a notebook that others have gets a problem.

    `folder` is a class in nbgrader's layout (`submitted/STUDENT/...`), or has one folder, archive or notebook per student.
    `others` are folders that belong to no student, such as the one for the marks.
    Raises `FileNotFoundError` if it is not a folder or has no students.
    """
    root = folder / "submitted" if (folder / "submitted").is_dir() else folder
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder")
    found: dict[str, list[HandIn]] = {}
    no_student = {place.resolve() for place in others}
    for place in sorted(root.iterdir()):
        if place.name.startswith(".") or (root == folder and place.name in OWN) or place.resolve() in no_student:
            continue
        student = _student(place)
        if student:
            found.setdefault(student, []).extend(_of_student(student, place, releases))
    if not found:
        raise FileNotFoundError(f"nobody handed in anything in {root}: it should have a folder for each student")
    wanted = {one.notebook for several in found.values() for one in several if one.notebook}
    return [one for student, several in found.items() for one in _sorted_out(student, several, wanted)]


def _student(place: Path) -> str:
    """The student's name, from the name of a folder, an archive or a notebook; empty for other files."""
    if place.is_dir():
        return place.name
    ending = next((one for one in (*ARCHIVES, ".ipynb") if place.name.lower().endswith(one)), "")
    return place.name[: -len(ending)] if ending else ""


def _of_student(student: str, place: Path, releases: Mapping[str, Notebook]) -> Iterator[HandIn]:
    if place.is_file():
        yield from _read(student, place, place.name, releases)
        return
    for path in sorted(place.rglob("*")):
        inside = path.relative_to(place).as_posix()
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(place).parts):
            yield from _read(student, path, inside, releases)


def _read(student: str, path: Path, name: str, releases: Mapping[str, Notebook]) -> Iterator[HandIn]:
    """The notebooks in a file: itself, or those of an archive. Other files give nothing."""
    packed = name.lower().endswith(ARCHIVES)
    if not packed and not name.lower().endswith(".ipynb"):
        return
    try:
        inside = [*_unpacked(path)] if packed else [("", _whole(path))]
    except Exception as error:  # whatever the decompressors raise: one student's file must not end the others' grading
        yield HandIn(
            student, "", name, problem=f"the {'archive' if packed else 'file'} {name} cannot be read ({error})"
        )
        return
    for part, text in inside:
        yield _recognised(student, f"{name}:{part}" if part else name, text, releases)


def _whole(path: Path) -> bytes:
    """The bytes of a notebook. Raises `ValueError` for one that is too large."""
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it has more than {LARGEST >> 20} MiB")
    return path.read_bytes()


def _unpacked(path: Path) -> Iterator[tuple[str, bytes]]:
    """The notebooks of an archive, in memory. Raises `ValueError` for a name that leads out of it, and for one too large."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = [(one.filename, one.file_size, one) for one in archive.infolist() if not one.is_dir()]
            yield from ((name, archive.read(one)) for name, one in _safe(members))
    else:
        with tarfile.open(path) as packed:
            files = [(one.name, one.size, one) for one in packed if one.isreg() or one.issym() or one.islnk()]
            for name, member in _safe(files):
                content = packed.extractfile(member) if member.isreg() else None
                yield name, (content or io.BytesIO()).read()


def _safe(members: list[tuple[str, int, Any]]) -> Iterator[tuple[str, Any]]:
    """The notebooks among the members of an archive, each given as name, size and member."""
    size = 0
    for name, length, member in members:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in name:
            raise ValueError(f"its file {name!r} leads out of the archive")
        if path.suffix == ".ipynb" and not any(part.startswith((".", "__MACOSX")) for part in path.parts):
            size += length
            if size > LARGEST:
                raise ValueError(f"its notebooks have more than {LARGEST >> 20} MiB")
            yield path.as_posix(), member


def _recognised(student: str, where: str, text: bytes, releases: Mapping[str, Notebook]) -> HandIn:
    """The notebook with its release: by the name of the file, by its mark, or by its cells."""
    stem = PurePosixPath(where.rpartition(":")[2]).stem
    try:
        content = read_notebook(text, where)
    except NotebookError as error:
        return HandIn(student, stem if stem in releases else "", where, problem=str(error))
    marked = content.get("metadata", {}).get("labkit")
    name = marked.get("notebook") if isinstance(marked, dict) else None
    for known in (stem, name, _alike(content, releases)):
        if known in releases:
            return HandIn(student, str(known), where, text)
    return HandIn(student, "", where, problem=f"{where} is none of the notebooks handed out ({', '.join(releases)})")


def read_notebook(text: bytes, where: str) -> Notebook:
    """The content of a notebook, its cells' sources as strings. Raises `NotebookError` for another file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / PurePosixPath(where.rpartition(":")[2]).name
        path.write_bytes(text)
        try:
            content = read_content(path)
        except NotebookError as error:
            raise NotebookError(str(error).replace(str(path), where)) from None
        except RecursionError:
            raise NotebookError(f"{where} is not a notebook that can be read (nested too deeply)") from None
    cells = [{**cell, "source": "".join(cell["source"])} for cell in content["cells"]]
    return {**content, "cells": cells}


def _alike(content: Notebook, releases: Mapping[str, Notebook]) -> str:
    """The release that shares most cells with a notebook, by id and by text; empty if none shares a third of them."""
    names = {cell.get("id") for cell in content["cells"]} | {grade_id(cell) for cell in content["cells"]} - {""}
    texts = {cell["source"].strip() for cell in content["cells"]}

    def share(release: str) -> float:
        cells = releases[release]["cells"]
        return sum(one.get("id") in names or one["source"].strip() in texts for one in cells) / max(1, len(cells))

    best = max(releases, key=share, default="")
    return best if best and share(best) > 1 / 3 else ""


def _sorted_out(student: str, found: list[HandIn], wanted: set[str]) -> Iterator[HandIn]:
    """One hand-in for each notebook; two different files of one notebook, and a missing one, become a problem."""
    for one in found:
        if not one.notebook:
            yield one
    unknown = any(not one.notebook for one in found)
    for notebook in sorted(wanted):
        files = [one for one in found if one.notebook == notebook]
        if not files:
            if not unknown:
                yield HandIn(student, notebook, problem="handed in no such notebook")
        elif len({(one.text, one.problem) for one in files}) > 1:
            names = " and ".join(one.where for one in files)
            yield HandIn(
                student, notebook, names, problem=f"there are several files of this notebook, {names}: keep one"
            )
        else:
            yield files[0]
