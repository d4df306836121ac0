"""The values for each lesson on the pages: its state, times, findings and numbers, and where they come from."""

from collections.abc import Mapping, Sequence
from typing import Any

from labkit.counting import counted
from labkit.course.notebook_facts import Facts, facts_of
from labkit.course.plan import Lesson, Plan
from labkit.records import Run
from labkit.runs.findings import CLASSES, Finding, findings
from labkit.runs.table import results, status
from labkit.survey.publication.schema import Paper

ROAD = (
    ("file", "mp4, avi"),
    ("frames", "(T, H, W, 3)"),
    ("clip", "(C, T, H, W)"),
    ("batch", "(B, C, T, H, W)"),
    ("logits", "(B, K)"),
    ("history", "loss, accuracy"),
    ("figures", "findings"),
)


def lesson_entry(
    lesson: Lesson, run: Run | None, found: Mapping[str, list[Finding]], card: Paper | None
) -> dict[str, Any]:
    """The values for a lesson on the pages. `card` is the lesson's paper, if the library has it."""
    state = status(run) if run else "not run"
    seconds = run.about.get("seconds") if run else None
    recorded = results(run) if run else {}
    changed = run.about.get("changed") or {} if run else {}
    words = {
        "done": f"ran{f' in {duration(seconds)}' if seconds else ''}{', with other parameters' if changed else ''}",
        "not run": "not run yet",
        "died": "its process was killed",
    }
    failure = ""
    if run and state != "done":
        failure = (run.about.get("error") or {}).get("message") or {"died": "was killed."}.get(state, f"was {state}.")
    facts = facts_of(lesson.path) if lesson.path.is_file() else None
    return {
        "name": lesson.name,
        "number": lesson.number,
        "title": lesson.title,
        "question": lesson.question,
        "page": f"notebooks/{lesson.name}.html",
        "status": state.replace(" ", "-"),
        "status_words": words.get(state, "did not run to its end"),
        "minutes": " · ".join(
            f"{counted(value, 'minute')} on a {device.upper()}" for device, value in lesson.minutes.items()
        ),
        "times": _times(lesson, facts) if facts else [],
        "guesses": facts.guesses if facts else (),
        "seconds": duration(seconds) if seconds else "",
        "failure": failure,
        "other_size": _other_size(lesson, changed),
        "source": f"notebooks/{lesson.path.name}",
        "findings": [
            {
                "statement": one.declared.statement,
                "verdict": CLASSES[one.state],
                "verdict_words": one.verdict,
            }
            for one in found.get(lesson.name, [])
            if one.holds is not None
        ],
        "numbers": [(one.words, one.said(recorded[one.name])) for one in lesson.numbers if one.name in recorded],
        "paper": {"page": f"papers/{card.id}.html", "name": card.short} if card else None,
    }


def _other_size(lesson: Lesson, changed: Mapping[str, Any]) -> str:
    """A sentence on the parameters that a run changed; empty without any."""
    if not changed:
        return ""
    told = ", ".join(f"{name} = {value!r}" for name, value in changed.items())
    if lesson.quick and lesson.quick.items() <= changed.items():
        return f"This was a quick run, with {told}. At this size a finding may not hold."
    return f"This run had other parameters than the notebook: {told}. With them a finding may not hold."


def _times(lesson: Lesson, facts: Facts) -> list[tuple[str, str]]:
    """The minutes of a lesson by what they are for, in words."""
    waiting = ", ".join(f"{counted(value, 'minute')} on a {device.upper()}" for device, value in lesson.minutes.items())
    exercises = [("exercises", counted(facts.exercises, "minute"))] if facts.exercises else []
    return [("waiting", waiting), ("reading", counted(facts.reading, "minute")), *exercises]


def beside(entries: Sequence[Mapping[str, Any]], found: Mapping[str, Sequence[Finding]]) -> str:
    """A note on why one run's number may differ from the verdict beside it; empty if no number stands beside a verdict."""
    if not any(entry["findings"] and entry["numbers"] for entry in entries):
        return ""
    threads = {one.about["threads"] for several in found.values() for one in several if one.about.get("threads")}
    each = f", each measured with {' or '.join(counted(n, 'thread') for n in sorted(threads))}" if threads else ""
    return (
        f"A verdict is over several seeds{each}. A number is of the one run on this page. With other threads sums are "
        "added in another order, and the same seed gives other numbers: one run may differ from the verdict."
    )


def findings_of(plan: Plan) -> dict[str, list[Finding]]:
    """The measured findings of the course, by the lesson's name."""
    by_notebook: dict[str, list[Finding]] = {}
    for one in findings(plan.lessons[0].path.parents[1]):
        by_notebook.setdefault(one.declared.notebook, []).append(one)
    return by_notebook


def about_runs(runs: Mapping[str, Run]) -> str:
    """One line on the origin of the numbers: day, machine, versions."""
    if not runs:
        return "No notebook has been run yet."
    latest = max(runs.values(), key=lambda run: str(run.about.get("started"))).about
    hardware, versions, code = (latest.get(key, {}) for key in ("hardware", "versions", "code"))
    cores = counted(hardware["cores"], "core") if hardware.get("cores") else "? cores"
    machine = ", ".join([hardware.get("processor", "?"), cores, *hardware.get("gpus", [])])
    commit = code.get("commit") or ""
    at = f", commit {commit[:10]}{' with changes' if code.get('dirty') else ''}" if commit else ""
    labkit, python, torch = (versions.get(name, "?") for name in ("labkit", "python", "torch"))
    day = str(latest.get("started"))[:10]
    return f"Run on {day} on {machine}; labkit {labkit}{at}, Python {python}, torch {torch}."


def duration(seconds: float) -> str:
    """A time as the pages say it: `12 s`, `3 min 5 s`."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{int(seconds // 60)} min {seconds % 60:.0f} s"
