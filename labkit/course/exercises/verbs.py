"""What a notebook calls: check, hint, solution; exercise and grade."""

import hashlib
import sys
from collections.abc import MutableMapping
from typing import Any

from labkit.course.exercises import child
from labkit.course.exercises.format import Exercise
from labkit.course.exercises.shelf import find, module_of
from labkit.course.exercises.verdict import Said, Verdict
from labkit.course.progress import note

Names = MutableMapping[str, Any]

LARGEST = 64 << 20  # bytes of an answer, with the values that it refers to

_known: dict[bytes, Verdict] = {}  # by the hash of the exercise and the answer
_ours: dict[str, tuple[Any, Verdict]] = {}  # cell → labkit's own version that goes on, and the verdict on the learner's
_hinted: dict[str, int] = {}


class NotRight(AssertionError):
    """An answer earns no points."""


def check(cell: str, names: Names | None = None) -> Said:
    """Say whether the answer to an exercise is right, and if not, why. It raises nothing, whatever the answer is.

    An attempt counts in the learner's progress.
    `names` holds what the learner's cells defined; the notebook's own names if None.
    Raises `ValueError` for an unknown cell only.
    """
    found = find(cell)
    verdict = verdict_on(found, _own_names(names))
    if verdict.state != "empty":
        note("exercise", found.number, found.cell, verdict.state == "right")
    more = f'`exercises.hint("{found.cell}")`'
    if verdict.state == "right":
        return Said("Right.", f'`exercises.solution("{found.cell}")` shows our answer, and why.')
    if verdict.state == "empty":
        return Said("Not attempted yet.", f"{more} says how to begin.")
    return Said("Not right yet:", f"{verdict.why}. {more} says more.")


def hint(cell: str) -> Said:
    """A hint: the first call says where to look, the next ones nearly give the answer."""
    found = find(cell)
    level = _hinted.get(found.cell, 0)
    _hinted[found.cell] = min(level + 1, len(found.hints) - 1)
    return Said(f"Hint {level + 1} of {len(found.hints)}.", found.hints[level])


def solution(cell: str) -> Said:
    """Our answer, and why it is right."""
    found = find(cell)
    return Said("Our answer.", found.explanation, found.solution)


def exercise(cell: str, names: Names | None = None) -> Any:
    """What the notebook goes on with: the learner's answer where it is right, else labkit's own. It prints which.

    `grade` remembers the verdict.
    """
    found, names = find(cell), _own_names(names)
    verdict = verdict_on(found, names)
    if verdict.state == "right":
        _ours.pop(found.cell, None)
        print(f"{found.defines}: the notebook goes on with your answer.")
        return names[found.defines]
    said = "there is no answer yet" if verdict.state == "empty" else "your answer is not right yet"
    print(f"{found.defines}: {said}, so the notebook goes on with labkit's own.")
    _ours[found.cell] = (_own(found), verdict)
    return _ours[found.cell][0]


def grade(cell: str, names: Names | None = None, points: float = 1.0) -> float:
    """The points that the answer earns. Raises `NotRight` if it earns none."""
    found = find(cell)
    verdict = verdict_on(found, _own_names(names))
    if not verdict.share:
        raise NotRight(verdict.why or "there is no answer yet")
    return points * verdict.share


def _own_names(names: Names | None) -> Names:
    return vars(sys.modules["__main__"]) if names is None else names


def verdict_on(found: Exercise, names: Names) -> Verdict:
    """The verdict on the learner's answer, also after labkit's own has taken its place."""
    answer = names.get(found.defines)
    if found.cell in _ours and answer is _ours[found.cell][0]:
        return _ours[found.cell][1]
    if answer is None or answer is Ellipsis or _is_stub(found, answer):
        return Verdict("empty")
    if found.is_function() and not callable(answer):
        return Verdict("wrong", f"`{found.defines}` is a {type(answer).__name__}; it should be a function")
    packed = _packed(answer)
    if packed is None or len(packed) > LARGEST:
        return Verdict("wrong", _too_much(found.defines, answer))
    key = hashlib.sha256(found.cell.encode() + b"\0" + packed).digest()
    if key not in _known:
        try:
            _known[key] = Verdict(**child.ask(module_of(found.cell), packed))
        except child.Stopped as stopped:  # not kept: a busy machine may have been the reason
            return Verdict("wrong", str(stopped))
    return _known[key]


def _packed(answer: Any) -> bytes | None:
    """The answer as bytes, with the functions and values of other cells that it uses; None where it cannot be sent."""
    import cloudpickle

    try:
        packed: bytes = cloudpickle.dumps(answer)
    except Exception:  # a generator, an open file, an object of the learner's own making
        return None
    return packed


def _too_much(name: str, answer: Any) -> str:
    """Why an answer cannot be sent to the check, with the names of other cells that are the reason."""
    code, others = getattr(answer, "__code__", None), getattr(answer, "__globals__", {})
    used = [other for other in getattr(code, "co_names", ()) if other in others]
    blamed = [other for other in used if len(_packed(others[other]) or bytes(LARGEST + 1)) > LARGEST]
    if blamed:
        names = ", ".join(f"`{other}`" for other in blamed)
        return f"`{name}` uses {names} of another cell, which is too large for the check or cannot be sent; use arguments only"
    return f"`{name}`, a {type(answer).__name__}, cannot be sent to the check, or is larger than {LARGEST >> 20} MiB"


def _is_stub(found: Exercise, answer: Any) -> bool:
    """Whether the function does no more than the cell does with an empty answer."""
    code = getattr(answer, "__code__", None)
    stubs = ("pass", "return None") if code and found.is_function() else ()
    return any(_shape(code) == _shape(_run(found, found.answered(stub)).__code__) for stub in stubs)


def _shape(code: Any) -> tuple[Any, ...]:
    return code.co_code, code.co_consts, code.co_names, code.co_varnames


def _own(found: Exercise) -> Any:
    """Labkit's own answer. A text or a number becomes an object of its own, so that `is` knows it again."""
    own = _run(found, found.code)
    kind = type(own)
    return type(kind.__name__, (kind,), {})(own) if kind in (str, int, float) else own


def _run(found: Exercise, code: str) -> Any:
    """What the code of the cell defines."""
    names: dict[str, Any] = {"__name__": "labkit's own"}
    for part in (found.setup, code):
        exec(compile(part, f"<labkit's own {found.defines}>", "exec"), names)  # noqa: S102 (an exercise's own cell)
    return names[found.defines]
