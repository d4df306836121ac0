"""Exercises that answer: `check`, `hint` and `solution` for the learner; `exercise` and `grade` for locked cells.

Each takes the id of the cell with the answer, such as "gap-solution". The exercise itself is a file in a folder
`notebook_NN` (`labkit.course.exercises.format`). What the learner wrote is checked in a process of its own
(`labkit.course.exercises.child`).
"""

from labkit.course.exercises.verbs import check, exercise, grade, hint, solution

__all__ = ["check", "exercise", "grade", "hint", "solution"]


def __dir__() -> list[str]:
    return __all__  # so that completion in a notebook shows no answer
