"""Findings: statements that can turn out wrong, as inequalities over recorded numbers, measured over several seeds.

`docs/findings.toml` declares them. `labkit findings` runs their notebooks once for each seed, and writes the numbers
with their provenance to `docs/findings.json`. `finding("id")` shows a finding with its verdict in a notebook. The verdict
is computed anew from the stored numbers each time.
"""

import hashlib
import html
import json
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, Literal

from labkit.atomic import write_atomically
from labkit.counting import counted
from labkit.locks import one_at_a_time
from labkit.names import did_you_mean, meant_or_all
from labkit.records import Run, read_mapping
from labkit.runs import inequality, provenance
from labkit.runs.key import Keys, code_version, notebook_code
from labkit.runs.many import ManyRuns
from labkit.runs.notebook import find_notebook, read_parameters
from labkit.runs.point import Job, Outcome
from labkit.runs.project import course_folder, project_folder
from labkit.runs.workers import Workers, local_workers, visible_gpus

if TYPE_CHECKING:
    import pandas as pd

SEEDS = (0, 1, 2, 3, 4)
DECLARED = Path("docs") / "findings.toml"


class FindingsError(ValueError):
    """The declaration of the findings is wrong, or there is no finding with this id."""


@dataclass(frozen=True)
class Declared:
    """A declared finding: a statement in words, and the same as an inequality."""

    id: str
    notebook: str
    statement: str
    measure: str
    op: str
    value: float
    rule: str = inequality.MEAN_3SE
    margin: float = 0.0  # for ~: how far from `value` still counts as equal
    trials: str = (
        ""  # the recorded number of tries, if the measure is a share of tries; it gives the standard error of `value`
    )

    def __post_init__(self) -> None:
        if self.op not in (*inequality.COMPARISONS, inequality.NEAR):
            raise FindingsError(f"finding {self.id!r}: there is no comparison {self.op!r}")
        if (self.op == inequality.NEAR) != (self.margin > 0):
            raise FindingsError(f"finding {self.id!r}: ~ needs a margin above 0, and nothing else has one")
        if self.rule not in inequality.RULES:
            raise FindingsError(
                f"finding {self.id!r}: the rule is one of {', '.join(inequality.RULES)}, not {self.rule!r}"
            )
        try:
            inequality.names(self.measure)
            inequality.names(self.trials or "0")
        except inequality.MeasureError as error:
            raise FindingsError(f"finding {self.id!r}: {error}") from None

    @property
    def inequality(self) -> str:
        """The inequality as text."""
        margin = f" ± {self.margin:g}" if self.margin else ""
        return f"{self.measure} {self.op} {self.value:g}{margin}"

    @property
    def how(self) -> str:
        """The rule by which the inequality is judged, in words."""
        if self.op != inequality.NEAR or self.rule != inequality.MEAN_3SE:
            return self.rule
        return f"{self.rule}{' of guessing' if self.trials else ''} within the margin"


State = Literal["holds", "not shown", "does not hold", "not measured"]
CLASSES: dict[State, str] = {"holds": "holds", "not shown": "open", "does not hold": "fails", "not measured": "open"}


@dataclass(frozen=True)
class Finding:
    """A declared finding with its measurements. `per_seed` is empty before the first measurement."""

    declared: Declared
    per_seed: Mapping[int, float] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)  # provenance: versions, hardware, code, date, parameters
    trials: float | None = None  # tries in all seeds, where the measure is a share of tries
    outdated: bool = False  # the notebook's code has changed since

    @property
    def holds(self) -> bool | None:
        """Whether the inequality holds over the seeds; None before it is measured."""
        if not self.per_seed:
            return None
        return self._judged_by(inequality.holds)

    def _judged_by(self, judge: Callable[..., bool]) -> bool:
        one = self.declared
        values = [*self.per_seed.values()]
        return judge(values, one.op, one.value, one.rule, margin=one.margin, trials=self.trials)

    @property
    def state(self) -> State:
        """Whether the finding holds. `not shown`: the seeds differ too much to say it, but not to rule it out."""
        if self.holds is None:
            return "not measured"
        if self.holds:
            return "holds"
        return "not shown" if self._judged_by(inequality.leans) else "does not hold"

    @property
    def verdict(self) -> str:
        """The state in words."""
        if self.state == "not measured":
            return "Not measured yet; run `make findings`."
        since = " The notebook's code has changed since." if self.outdated else ""
        near = self.declared.op == inequality.NEAR
        reason = (
            "3 standard errors reach over the margin"
            if near
            else "the mean is as stated, by less than 3 standard errors"
        )
        why = f": {reason}" if self.state == "not shown" else ""
        return f"{self.state.capitalize()} over {counted(len(self.per_seed), 'seed')}{why}.{since}"

    @property
    def numbers(self) -> str:
        """Mean, standard error and all values; empty before it is measured."""
        if not self.per_seed:
            return ""
        values = [*self.per_seed.values()]
        error = inequality.standard_error(values)
        each = ", ".join(f"{value:.3g}" for value in values)
        return f"mean {mean(values):.3g} ± {error:.2g} (standard error); seeds {_span(self.per_seed)}: {each}"

    @property
    def origin(self) -> str:
        """The date of the measurement, and the machine."""
        hardware, versions = self.about.get("hardware", {}), self.about.get("versions", {})
        where = " ".join([hardware.get("processor", ""), *hardware.get("gpus", [])]).strip()
        commit = (self.about.get("code", {}).get("commit") or "")[:10]
        parts = [
            self.about.get("date", ""),
            where,
            f"torch {versions.get('torch', '?')}",
            _threads(self.about.get("threads")),
            f"commit {commit}" if commit else "",
        ]
        return ", ".join(part for part in parts if part)

    @property
    def beside(self) -> str:
        """The reason why the same seed gives other numbers here, if this process computes with other threads; else empty."""
        measured, torch = self.about.get("threads"), sys.modules.get("torch")
        here = torch.get_num_threads() if torch else None
        if not measured or here in (None, measured):
            return ""
        return (
            f"This run computes with {_threads(here)}: sums are then added in another order, their last digits differ, and "
            "training enlarges such differences. So the same seed gives other numbers here; the finding is about all seeds."
        )

    def __str__(self) -> str:
        lines = [self.declared.statement, self.verdict]
        if self.per_seed:
            lines.append(f"{self.declared.inequality} ({self.declared.how}): {self.numbers}")
            lines += [f"Measured {self.origin}.", self.beside]
        return "\n".join(line for line in lines if line)

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return "\n\n".join(_no_markup(line) for line in str(self).splitlines())

    def _repr_html_(self) -> str:
        first, second, *rest = map(html.escape, str(self).splitlines())
        second = second.replace("`make findings`", "<code>make findings</code>")
        details = "".join(f"<br><small>{line}</small>" for line in rest)
        return f'<p class="finding {CLASSES[self.state]}"><b>{second}</b> {first}{details}</p>'


def finding(name: str, folder: str | Path | None = None) -> Finding:
    """The finding with this id, to show in a notebook. Raises `FindingsError`, with the nearest id, for an unknown one.

    `folder` is the course's. Default: the nearest one here or above, else the package's.
    """
    known = {one.declared.id: one for one in findings(folder)}
    if name not in known:
        raise FindingsError(f"no finding {name!r} is declared{meant_or_all(name, known)}")
    return known[name]


def findings(folder: str | Path | None = None) -> list[Finding]:
    """All declared findings in order, each with its measurements."""
    folder = Path(folder) if folder else course_folder(holds=DECLARED)
    stored = read_measured(folder).get("notebooks", {})
    outdated = {name for name, entry in stored.items() if _is_outdated(entry, folder / "notebooks" / f"{name}.ipynb")}
    judged = [_judged(one, stored.get(one.notebook, {})) for one in declared(folder)]
    return [replace(one, outdated=one.declared.notebook in outdated) for one in judged]


def recorded(notebook: str, folder: str | Path | None = None) -> "pd.DataFrame":
    """The numbers that a notebook recorded when its findings were measured: a row for each seed, a column for each number.

    Empty before the first measurement. `folder` is as for `finding`.
    """
    import pandas as pd

    runs = (
        read_measured(Path(folder) if folder else course_folder())
        .get("notebooks", {})
        .get(notebook, {})
        .get("runs", [])
    )
    return pd.DataFrame([run["results"] for run in runs], index=[run["seed"] for run in runs])


def declared(folder: str | Path | None = None) -> list[Declared]:
    """The findings that `docs/findings.toml` declares. Raises `FindingsError` for a wrong entry."""
    path, declaration = _declaration(folder)
    try:
        found = [Declared(**entry) for entry in declaration.get("finding", [])]
    except TypeError as error:
        raise FindingsError(f"{path}: {error}") from None
    twice = {one.id for one in found if sum(other.id == one.id for other in found) > 1}
    if twice:
        raise FindingsError(f"{path} declares {', '.join(sorted(twice))} twice")
    return found


def measured_with(folder: str | Path | None = None) -> Mapping[str, Mapping[str, Any]]:
    """By notebook, the parameters beside the seed with which it is measured, where they are not its defaults.

    Raises `FindingsError`, naming the nearest, for a notebook without a finding.
    """
    path, declaration = _declaration(folder)
    given: Mapping[str, Mapping[str, Any]] = declaration.get("parameters", {})
    known = {one.notebook for one in declared(folder)}
    for name, values in given.items():
        if name not in known:
            raise FindingsError(f"{path}: parameters for {name!r}, which has no finding{did_you_mean(name, known)}")
        if not isinstance(values, dict):
            raise FindingsError(f"{path}: the parameters of {name} are lines `name = value` below [parameters.{name}]")
    return given


def _declaration(folder: str | Path | None) -> tuple[Path, Mapping[str, Any]]:
    """`docs/findings.toml` and what it holds; nothing where it does not exist."""
    path = (Path(folder) if folder else course_folder(holds=DECLARED)) / DECLARED
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except tomllib.TOMLDecodeError as error:
        raise FindingsError(f"{path}: {error}") from None


def read_measured(folder: Path) -> Mapping[str, Any]:
    """The contents of `docs/findings.json`; empty if there is no such file."""
    path = folder / "docs" / "findings.json"
    return read_mapping(path) if path.is_file() else {}


def measure(
    seeds: Sequence[int] = SEEDS,
    *,
    only: Sequence[str] = (),
    jobs: int | None = None,
    folder: str | Path | None = None,
    on_run: Callable[[str, int, str], None] | None = None,
) -> list[Finding]:
    """Run the notebooks of all findings, once for each seed, and write `docs/findings.json`.

    A run with the same notebook, code, torch and seed is not repeated, so the next call goes on after an interruption.
    `only` limits the work to notebooks whose names start with one of these; the other findings keep their numbers.
    `jobs` is the number of runs at the same time (default: one per processor core); the runs share the cores.
    `on_run(notebook, seed, state)` is called with the states `starts`, `done`, `failed` and `was there`.

    Raises `FindingsError` if a finding needs a number that its notebook does not record, and `RuntimeError` at the end if
    a run failed.
    """
    project = Path(folder) if folder else project_folder()
    given = measured_with(project)
    notebooks = {one.notebook: find_notebook(one.notebook, project / "notebooks") for one in declared(project)}
    chosen = {name: path for name, path in notebooks.items() if not only or name.startswith(tuple(only))}
    if not chosen:
        raise FindingsError(f"no finding is declared for {', '.join(only) or 'any notebook'} in {project}")
    for path in chosen.values():
        if "seed" not in read_parameters(path):
            raise FindingsError(f"{path.name} has no parameter 'seed', so it cannot be run over seeds")
    read_measured(project)  # a malformed file is refused before any work
    tell = on_run or (lambda *_: None)
    failed = []
    with local_workers(jobs, gpus=visible_gpus()) as workers:
        wanted = {name: _jobs(path, given.get(name, {}), seeds, project, workers) for name, path in chosen.items()}
        ended: dict[Path, Outcome] = {}
        many = ManyRuns(workers, lambda job: tell(*_told(job), "starts"), retry_failed=True)
        for job, outcome in many.outcomes(job for one in wanted.values() for job in one):
            _same_process(job, outcome)
            ended[job.place] = outcome
            name, seed = _told(job)
            tell(name, seed, outcome.status if outcome.new else "was there")
            if outcome.status != "done":
                failed.append(f"{name} {outcome.why}")
            elif all(one.place in ended and ended[one.place].status == "done" for one in wanted[name]):
                runs = [Run.open(one.place) for one in wanted[name]]
                _all_recorded(name, project, runs[0])
                _store(project, name, _entry(runs, job.notebook))
    if failed:
        raise RuntimeError(f"{counted(len(failed), 'run')} failed, the first: {failed[0]}")
    return findings(project)


def _jobs(path: Path, extra: Mapping[str, Any], seeds: Sequence[int], project: Path, workers: Workers) -> list[Job]:
    """The runs of a notebook, one for each seed. Numbers depend on the threads too: they are a part of the folder's name."""
    key, code, version = Keys(path).of(extra), provenance.code(path.parent), code_version()
    kept = project / "build" / "findings"
    return [
        Job(
            path,
            {**extra, "seed": seed},
            kept / f"{path.stem}-seed{seed}-{key}-{workers.threads}",
            workers.threads,
            home=project,
            gpu=bool(workers.gpus),
            code=code,
            version=version,
            sweep="findings",
        )
        for seed in seeds
    ]


def _told(job: Job) -> tuple[str, int]:
    return job.notebook.stem, int(job.parameters["seed"])


def _same_process(job: Job, outcome: Outcome) -> None:
    """Raise `RuntimeError` for a run of another process, and for one that did not start."""
    if outcome.status == "running":
        measured = outcome.why.replace("is being run", "is being measured")
        raise RuntimeError(f"{job.place} {measured}: wait for it, or stop it")
    if outcome.why.startswith("did not start"):
        name, seed = _told(job)
        raise RuntimeError(f"{name} with seed {seed} {outcome.why}")


def _all_recorded(notebook: str, project: Path, run: Run) -> None:
    """Raise `FindingsError` if a finding needs a number that its notebook does not record."""
    for one in declared(project):
        if one.notebook == notebook:
            try:
                inequality.evaluate(one.measure, run.results)
                inequality.evaluate(one.trials or "0", run.results)
            except inequality.MeasureError as error:
                raise FindingsError(f"finding {one.id!r}: {error} by {notebook}") from None


def _is_outdated(entry: Mapping[str, Any], path: Path) -> bool:
    return path.is_file() and entry.get("code_sha256") != hashlib.sha256(notebook_code(path).encode()).hexdigest()


def _entry(runs: Sequence[Run], path: Path) -> dict[str, Any]:
    """The entry of a notebook's runs in `docs/findings.json`."""
    shared = {name: value for name, value in runs[0].parameters.items() if name not in ("seed", "out")}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "code_sha256": hashlib.sha256(notebook_code(path).encode()).hexdigest(),
        "parameters": shared,
        **{key: runs[-1].about[key] for key in ("versions", "hardware", "code", "threads")},
        "runs": [{"seed": run.about["seed"], "seconds": run.about["seconds"], "results": run.results} for run in runs],
    }


def _store(project: Path, notebook: str, entry: Mapping[str, Any]) -> None:
    """Write a notebook's numbers beside those of the others, which another process may measure at the same time.

    Numbers of notebooks without a declared finding are dropped.
    """
    with one_at_a_time(project / "build" / "findings"):
        known = {one.notebook for one in declared(project)}
        stored = {**read_measured(project).get("notebooks", {}), notebook: entry}
        _write(project, {name: numbers for name, numbers in stored.items() if name in known})


def _write(project: Path, notebooks: Mapping[str, Any]) -> None:
    """Write the numbers to the file, and the verdicts for people who read it."""
    verdicts = {}
    for one in declared(project):
        judged = _judged(one, notebooks.get(one.notebook, {}))
        if judged.per_seed:
            verdicts[one.id] = {
                "statement": one.statement,
                "inequality": one.inequality,
                "rule": one.how,
                "per_seed": {str(seed): round(value, 6) for seed, value in judged.per_seed.items()},
                "verdict": judged.state,
            }
    text = json.dumps({"findings": verdicts, "notebooks": notebooks}, indent=1, ensure_ascii=False) + "\n"
    path = project / "docs" / "findings.json"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _judged(one: Declared, entry: Mapping[str, Any]) -> Finding:
    """A finding with its measure for every stored seed; without measurements if a number is missing."""
    runs = entry.get("runs", [])
    try:
        values = {run["seed"]: inequality.evaluate(one.measure, run["results"]) for run in runs}
        trials = sum(inequality.evaluate(one.trials, run["results"]) for run in runs) if one.trials else None
    except inequality.MeasureError:
        return Finding(one)
    return Finding(one, values, {key: value for key, value in entry.items() if key != "runs"}, trials)


def _threads(count: int | None) -> str:
    return counted(count, "thread") if count else ""


def _span(seeds: Mapping[int, float]) -> str:
    numbers = sorted(seeds)
    whole = numbers == [*range(numbers[0], numbers[-1] + 1)]
    return f"{numbers[0]} to {numbers[-1]}" if whole and len(numbers) > 1 else ", ".join(map(str, numbers))


def _no_markup(text: str) -> str:
    """Text for Markdown in which underscores and comparison signs are only signs."""
    return "".join(f"\\{mark}" if mark in "_*<>~" else mark for mark in text)


__all__ = ["Declared", "Finding", "FindingsError", "declared", "finding", "findings", "measure", "recorded"]
