"""Find the files that a list names, where the two differ a little: in spelling, or in the kind of file.

Unpackers change `#`, spaces, `;`, `&` and brackets, people re-encode `.avi` as `.mp4`, and UCF-101 spells one class in
two ways. A file is matched if it is certain: the name itself is there; or, of all files in its folder, exactly one has
the same name with the suffix of another kind of video; or exactly one has the same normal form, and no other listed
name has this form. All else counts as missing.
"""

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from labkit.data.videos_below import VIDEO_SUFFIXES

HOW = {"suffix": "as another kind of file", "spelling": "by spelling"}


class Found(NamedTuple):
    """The file of a listed name, and how it was found: "" by the name itself, else a key of `HOW`."""

    path: Path
    how: str = ""


def normal_form(name: str) -> str:
    """The letters and digits of a name, in lower case: the same for spellings that people and unpackers give one name.

    `HandstandPushups` and `HandStandPushups`, `air drumming` and `air_drumming`, `a #1 (x)` and `a_%231__x_` agree.
    """
    if name.isascii() and "%" not in name:  # nearly all names, and there may be 600,000
        return re.sub(r"[^0-9a-z]+", "", name.lower())
    folded = unicodedata.normalize("NFKC", unquote(name)).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def stem(name: str) -> str:
    """The name without the suffixes of videos: `a` of `a.avi` and of `a.mp4.webm`."""
    while True:
        before, dot, suffix = name.rpartition(".")
        if not before or f"{dot}{suffix.lower()}" not in VIDEO_SUFFIXES:
            return name
        name = before


def match(base: Path, names: Iterable[str]) -> dict[str, Found]:
    """The files below `base` of these names (with forward slashes); names whose file is not certain are left out.

    Give all names that the dataset lists, not those of one subset alone: a file of another subset is then not taken for
    a missing one. Each folder is listed once.
    """
    tree = _Tree()
    by_folder: dict[Path, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))  # folder -> file -> names
    spelled = set()  # names whose folder is spelled otherwise
    parents: dict[str, Path | None] = {}
    for name in dict.fromkeys(names):
        parent, _, file = name.rpartition("/")
        if parent not in parents:
            parents[parent] = tree.folder(base, parent)
        folder = parents[parent]
        if folder is not None:
            by_folder[folder][file].append(name)
            if folder != base / parent:
                spelled.add(name)
    found = {}
    for folder, files in by_folder.items():
        for file, (child, how) in _match_files(list(files), tree.children(folder)).items():
            for name in files[file]:
                found[name] = Found(folder / child, how or ("spelling" if name in spelled else ""))
    return found


def by_stem(videos: Iterable[Path]) -> dict[str, list[Path]]:
    """Videos by their names without suffix, for datasets whose file names are unique wherever they lie."""
    found: dict[str, list[Path]] = {}
    for video in videos:
        found.setdefault(stem(video.name), []).append(video)
    return found


def matched(found: Iterable[Found]) -> str:
    """A sentence on the files that were not found by the name itself: `matched 3 by spelling`. Empty if there is none."""
    counts = Counter(one.how for one in found)
    said = [f"{counts[how]:,} {words}" for how, words in HOW.items() if how in counts]
    return f"matched {' and '.join(said)}" if said else ""


def _match_files(files: list[str], children: Mapping[str, bool]) -> dict[str, tuple[str, str]]:
    """For each listed file of one folder the file that is there, and how it was found."""
    found = {file: (file, "") for file in files if file in children}
    if len(found) == len(files):
        return found
    taken = set(found)
    free = [name for name, is_folder in children.items() if not is_folder and name not in taken and stem(name) != name]
    by_stem, by_form = defaultdict(list), defaultdict(list)
    for name in free:
        by_stem[stem(name)].append(name)
        by_form[normal_form(stem(name))].append(name)
    forms = Counter(normal_form(stem(file)) for file in files)
    for file in files:
        form = normal_form(stem(file))
        if file in found:
            continue
        if same := by_stem.get(stem(file)):
            if len(same) == 1:
                found[file] = same[0], "suffix"
        elif form and forms[form] == 1 and len(by_form.get(form, [])) == 1:
            found[file] = by_form[form][0], "spelling"
    return found


class _Tree:
    """The folders below a folder, each listed once."""

    def __init__(self) -> None:
        self._children: dict[Path, dict[str, bool]] = {}

    def children(self, folder: Path) -> dict[str, bool]:
        """The names in a folder, and whether each is a folder. Empty for a folder that cannot be looked into."""
        if folder not in self._children:
            try:
                with os.scandir(folder) as children:  # no look at each file
                    self._children[folder] = {child.name: child.is_dir() for child in children}
            except OSError:
                self._children[folder] = {}
        return self._children[folder]

    def folder(self, base: Path, below: str) -> Path | None:
        """The folder `below` the base; a part that is not there may be the one folder of the same normal form."""
        place = base
        for part in below.split("/") if below else ():
            folders = [name for name, is_folder in self.children(place).items() if is_folder]
            if part not in folders:
                same = [name for name in folders if normal_form(name) == normal_form(part) != ""]
                if len(same) != 1:
                    return None
                part = same[0]
            place = place / part
        return place
