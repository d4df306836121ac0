"""Design an experiment: which of several changes made the difference?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import judge

BASE = {"batch_size": 32, "precision": "fp32", "seed": 7, "workers": 0}
CHANGES = {"batch_size": 128, "precision": "bf16", "workers": 4}


def check(plan_runs: Any) -> None:
    """Ask for the runs of three changes; then of two others, and look whether the base is still the same."""
    base, changes = dict(BASE), dict(CHANGES)
    runs = [_sorted(run) for run in plan_runs(base, changes)]
    single = [BASE | {name: value} for name, value in CHANGES.items()]
    everything = BASE | CHANGES
    steps = [BASE | dict(list(CHANGES.items())[:n]) for n in (1, 2, 3)]
    judge(
        runs,
        [BASE, *single, everything],
        "for three changes the plan has five runs: the base, one for each change, and all changes together",
        mistakes={
            "every run is the same dictionary, changed again and again: make a new one for each run": [everything] * 5,
            "each run keeps the changes before it; then nobody knows what a change does alone": [
                BASE,
                *steps,
                everything,
            ],
            "each run adds a change to the run before; start again from the base for each change": [BASE, *steps],
            "the first run is missing, the base: without it there is nothing to compare with": [*single, everything],
            "the last run is missing, all changes together: it shows whether they add up": [BASE, *single],
            "the runs of one change are missing": [BASE, everything],
            "a run needs all settings, also those that do not change": [
                BASE,
                *({n: v} for n, v in CHANGES.items()),
                CHANGES,
            ],
            "these runs leave one change out; here a run has one change and no other": [
                BASE,
                *(everything | {name: BASE[name]} for name in CHANGES),
                everything,
            ],
        },
    )
    if base != BASE or changes != CHANGES:
        raise Wrong("your function changes the dictionary it was given; the caller still needs it")
    runs = [_sorted(run) for run in plan_runs({"frames": 8, "lr": 0.1}, {"lr": 0.2, "frames": 16})]
    want = [(8, 0.1), (8, 0.2), (16, 0.1), (16, 0.2)]
    judge(
        runs,
        [{"frames": frames, "lr": lr} for frames, lr in want],
        "for the changes of `lr` and `frames` the plan has four runs, in the order of `changes`",
    )


def _sorted(run: Any) -> Any:
    """The settings of a run in the order of their names, which does not count."""
    return dict(sorted(run.items())) if isinstance(run, dict) else run


EXERCISE = Exercise(
    number="04",
    cell="one-change-solution",
    defines="plan_runs",
    text="""\
**Exercise: design an experiment.** Somebody changes three settings of a training at once, and it handles more clips a second. \
Which of the changes is the reason? Write `plan_runs`: the list of runs that shows it, each a dictionary with all settings. First \
`base`; then a run for each change, in the order of `changes`, which has this change and no other; last a run with all changes. \
`base` must stay as it is. (difficulty 3 of 5, importance 5 of 5, 10 minutes)""",
    code='''\
def plan_runs(base, changes):
    """Settings of the runs: the base, the base with one change at a time, and the base with all changes."""
    ### BEGIN SOLUTION
    one_each = [base | dict([change]) for change in changes.items()]
    return [base, *one_each, base | changes]
    ### END SOLUTION
''',
    check=check,
    hints=(
        "Two runs show what a change does if they differ in this change and in nothing else. With which run do you compare?",
        "`base | {'workers': 4}` is a new dictionary: the base with one change. `changes.items()` gives the names and values.",
    ),
    explanation="Each run of one change differs from the base in one setting, so the difference is due to this setting. The last "
    "run tells whether the changes add up. Often they do not: more workers gain nothing while the network is what takes the time.",
    right=(
        """
        runs = [base]
        for name in changes:
            run = dict(base)
            run[name] = changes[name]
            runs.append(run)
        runs.append({**base, **changes})
        return runs
        """,
        """
        groups = [[], *([name] for name in changes), list(changes)]
        return [{name: changes[name] if name in group else base[name] for name in base} for group in groups]
        """,
    ),
    wrong=(
        Mistake(
            "one dictionary",
            "runs = [base]\nfor name in changes:\n    base[name] = changes[name]\n    runs.append(base)\n"
            "return [*runs, base]",
            "every run is the same dictionary",
        ),
        Mistake(
            "changes kept",
            "runs = [dict(base)]\nfor name in changes:\n    runs.append({**runs[-1], name: changes[name]})\n"
            "return [*runs, {**base, **changes}]",
            "each run keeps the changes before it",
        ),
        Mistake(
            "step by step",
            "runs = [dict(base)]\nfor name in changes:\n    runs.append({**runs[-1], name: changes[name]})\nreturn runs",
            "each run adds a change to the run before",
        ),
        Mistake(
            "no base",
            "return [*({**base, name: changes[name]} for name in changes), {**base, **changes}]",
            "the first run is missing",
        ),
        Mistake(
            "not all together",
            "return [base, *({**base, name: changes[name]} for name in changes)]",
            "the last run is missing",
        ),
        Mistake("only before and after", "return [base, {**base, **changes}]", "the runs of one change are missing"),
        Mistake(
            "changes alone",
            "return [base, *({name: changes[name]} for name in changes), changes]",
            "a run needs all settings",
        ),
        Mistake(
            "one left out",
            "most = {**base, **changes}\nreturn [base, *({**most, name: base[name]} for name in changes), most]",
            "leave one change out",
        ),
        Mistake(
            "base changed",
            "before = dict(base)\nbase.update(changes)\n"
            "return [before, *({**before, name: changes[name]} for name in changes), base]",
            "changes the dictionary it was given",
        ),
    ),
)
