"""A class of thirty who hand in one tiny notebook: right, wrong and damaged in the ways that real ones are."""

import copy
import io
import json
import zipfile
from pathlib import Path

from labkit.course.assignment import grade_id, instructor, is_exercise, is_locked, student
from labkit.course.handout import write_notebook

GAP = '''\
def gap(history):
    """Training minus validation top-1 accuracy at the end, as a share in -1 to 1."""
    ### BEGIN SOLUTION
    table = history.table
    at_end = table.groupby("split")["top1"].last()
    return at_end["train"] - at_end["val"]
    ### END SOLUTION'''
DOUBLED = '''\
def doubled(numbers):
    """Each number twice as large."""
    ### BEGIN SOLUTION
    return [2 * number for number in numbers]
    ### END SOLUTION'''
GRADE_DOUBLED = """\
tried = [doubled([1, 2]) == [2, 4], doubled([]) == []]
assert any(tried), "not even one list is doubled"
2.0 * sum(tried)"""
MARKS = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}

RIGHT_GAP = GAP.replace("    ### BEGIN SOLUTION\n", "").replace("    ### END SOLUTION", "")
RIGHT_DOUBLED = "def doubled(numbers):\n    return [n + n for n in numbers]"
PARTIAL_DOUBLED = "def doubled(numbers):\n    return [n + n for n in numbers] or None"
SIGN = RIGHT_GAP.replace('at_end["train"] - at_end["val"]', 'at_end["val"] - at_end["train"]')


def code(cell_id, source, **metadata):
    rest = {"metadata": metadata, "source": source, "outputs": [], "execution_count": None}
    return {"cell_type": "code", "id": cell_id, **rest}


def text(cell_id, source):
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": source}


def tiny_source():
    """The source: an exercise of the course, and one by a teacher's own cells, 2 points for each of two lists."""
    own = {**MARKS, "solution": True, "grade_id": "doubled"}
    cells = [
        text("title", "# Tiny\n\nWhich numbers are twice as large?"),
        code("parameters", "seed: int = 0  # decides everything", tags=["parameters"]),
        code("imports", "import os\nimport time"),
        text("gap-text", "**Exercise 1** Write `gap`."),
        code("gap-solution", GAP),
        text("doubled-text", "**Exercise 2** (difficulty 4 of 5, importance 1 of 5, 2 minutes). Double."),
        code("doubled", DOUBLED, nbgrader=own),
        code(
            "doubled-grade",
            GRADE_DOUBLED,
            nbgrader={**MARKS, "grade": True, "locked": True, "grade_id": "doubled-grade", "points": 4},
        ),
        code("end", "print('the end', seed)"),
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


RELEASE = student(tiny_source(), "tiny")
TEACHERS = instructor(tiny_source(), "tiny")


def cell(notebook, cell_id):
    return next(one for one in notebook["cells"] if one["id"] == cell_id)


def answered(gap=RIGHT_GAP, doubled=RIGHT_DOUBLED):
    """The release with these answers; None leaves the stub."""
    made = copy.deepcopy(RELEASE)
    for cell_id, answer in (("gap-solution", gap), ("doubled", doubled)):
        if answer is not None:
            cell(made, cell_id)["source"] = answer
    return made


def with_cells(cells, notebook=None):
    return {**(notebook or RELEASE), "cells": cells}


def without(*cell_ids):
    made = answered()
    return with_cells([one for one in made["cells"] if one["id"] not in cell_ids])


def with_helper():
    made = answered(doubled="def doubled(numbers):\n    return [twice(n) for n in numbers]")
    place = made["cells"].index(cell(made, "doubled"))
    made["cells"].insert(place, code("mine", "def twice(n):\n    return 2 * n"))
    return made


def pasted(first, last):
    """The cell of an answer twice, as a copy with another id and the same metadata."""
    made = answered(gap=first)
    place = made["cells"].index(cell(made, "gap-solution"))
    made["cells"].insert(place + 1, {**copy.deepcopy(made["cells"][place]), "id": "pasted", "source": last})
    return made


def renamed_ids():
    made = answered()
    for number, one in enumerate(made["cells"]):
        one["id"] = f"c{number}"
        if grade_id(one):
            one["metadata"]["nbgrader"]["grade_id"] = f"x{number}"
    return made


def stripped():
    made = answered()
    return {**made, "metadata": {}, "cells": [{**one, "metadata": {}} for one in made["cells"]]}


def other_front_end():
    """As a program writes it that knows neither cell ids nor nbgrader."""
    made = stripped()
    cells = [{key: one[key] for key in one if key != "id"} | {"metadata": {"colab": {"x": 1}}} for one in made["cells"]]
    return {**made, "cells": cells, "nbformat_minor": 2}


def greedy():
    """Nothing answered; the locked cells were made to give points."""
    made = answered(None, None)
    for one in made["cells"]:
        if is_locked(one):
            one["source"] = "100.0"
    return made


def from_another_release():
    made = answered()
    return {**made, "metadata": {**made["metadata"], "labkit": {"notebook": "tiny", "release": "0123456789abcdef"}}}


# Name, notebook, points; None: not marked.
CLASS = [
    ("teacher", TEACHERS, 5),
    ("right", answered(), 5),
    ("김 철수", answered("from labkit.course import page\n" + RIGHT_GAP), 5),
    ("o'neil & <b>", with_helper(), 5),
    ("sign", answered(SIGN), 4),
    ("wrong", answered(SIGN, "def doubled(numbers):\n    return None"), 0),
    ("empty", answered(None, None), 0),
    ("partial", answered(RIGHT_GAP, PARTIAL_DOUBLED), 3),
    ("only-partial", answered(None, PARTIAL_DOUBLED), 2),
    ("syntax", answered("def gap(history:\n    return 1"), 4),
    ("raises", answered("def gap(history):\n    return 1 / 0"), 4),
    ("deleted-answer", without("gap-solution"), 4),
    ("deleted-locked", without("gap-use", "gap-grade", "doubled-grade"), 5),
    ("deleted-imports", without("imports", "parameters", "short-parameters", "title"), 5),
    ("deleted-all", with_cells([]), 0),
    ("pasted", pasted(SIGN, RIGHT_GAP), 5),
    ("pasted-stub", pasted(RIGHT_GAP, cell(RELEASE, "gap-solution")["source"]), 5),
    ("renamed-function", answered(RIGHT_GAP.replace("gap(", "my_gap(")), 4),
    ("renamed-ids", renamed_ids(), 5),
    ("reordered", with_cells(answered()["cells"][::-1]), 5),
    ("stripped", stripped(), 5),
    ("other-front-end", other_front_end(), 5),
    ("loop", answered("def gap(history):\n    while True:\n        pass"), 4),
    ("loop-outside", answered(RIGHT_GAP + "\n\nwhile True:\n    time.sleep(1)"), 4),
    ("exit", answered("def gap(history):\n    os._exit(0)"), 4),
    ("exit-outside", answered(RIGHT_GAP + "\n\nos._exit(0)"), 4),
    ("greedy", greedy(), 0),
    ("other-release", from_another_release(), 5),
]
NOT_MARKED = {
    "broken": "is not a notebook",
    "two-files": "keep one",
    "slip": "leads out of the archive",
    "nothing": "no such notebook",
}


def as_bytes(notebook):
    cells = [{**one, "source": one["source"].splitlines(keepends=True)} for one in notebook["cells"]]
    return json.dumps({**notebook, "cells": cells}, ensure_ascii=False).encode()


def zipped(files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def write_class(folder: Path, students=CLASS) -> Path:
    """The class: `release/`, and a folder, archive or file for each student; returns `folder`."""
    (folder / "release").mkdir(parents=True)
    write_notebook(RELEASE, folder / "release" / "tiny.ipynb")
    for name, notebook, _ in students:
        (folder / name).mkdir()
        (folder / name / "tiny.ipynb").write_bytes(as_bytes(notebook))
    return folder


def write_unmarked(folder: Path) -> None:
    """Hand-ins that nobody can grade, and three that somebody can, under odd names."""
    for name in ("broken", "two-files", "nothing", "wrong name"):
        (folder / name).mkdir()
    (folder / "broken" / "tiny.ipynb").write_bytes(as_bytes(answered())[:900])
    (folder / "two-files" / "tiny.ipynb").write_bytes(as_bytes(answered()))
    (folder / "two-files" / "tiny-Copy1.ipynb").write_bytes(as_bytes(answered(SIGN)))
    (folder / "wrong name" / "my homework (1).ipynb").write_bytes(as_bytes(answered()))
    (folder / "slip.zip").write_bytes(zipped({"../../tiny.ipynb": as_bytes(answered())}))
    (folder / "박 민수.zip").write_bytes(zipped({"hand in/tiny.ipynb": as_bytes(answered())}))


assert is_exercise(cell(RELEASE, "doubled"))
