"""The workflows and hooks call what exists, with the versions that the project names, and with no more rights than they need."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PUBLISHES = {  # the rights beyond reading, by workflow and job
    "release": {"publish": {"id-token": "write"}},
    "site": {"publish": {"pages": "write", "id-token": "write"}},
}
each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def workflow(path: Path) -> dict:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # text: `on` would be read as true


def steps(path: Path) -> list[dict]:
    return [step for job in workflow(path)["jobs"].values() for step in job["steps"]]


def commands(path: Path) -> list[str]:
    return [step["run"] for step in steps(path) if "run" in step]


def test_there_are_workflows_for_tests_a_release_and_the_site():
    assert {path.stem for path in WORKFLOWS} == {"tests", "release", "site"}


@each_workflow
def test_a_workflow_may_only_read_and_holds_no_secret(path):
    told = workflow(path)
    assert told["permissions"] == {"contents": "read"}
    more = {name: job["permissions"] for name, job in told["jobs"].items() if "permissions" in job}
    assert more == PUBLISHES.get(path.stem, {})
    assert "secrets." not in path.read_text(encoding="utf-8")
    assert "pull_request_target" not in told["on"]


@each_workflow
def test_text_of_a_stranger_is_never_part_of_a_command(path):
    """What is put into a command by the workflow is run by the shell; environment variables are not."""
    assert [command for command in commands(path) if "${{" in command] == []


@each_workflow
def test_a_workflow_has_one_run_at_a_time_and_every_job_an_end(path):
    told = workflow(path)
    assert set(told["concurrency"]) == {"group", "cancel-in-progress"}
    assert all(int(job["timeout-minutes"]) <= 180 for job in told["jobs"].values())
    needed = {job["needs"] for job in told["jobs"].values() if "needs" in job}
    assert needed <= set(told["jobs"])


@each_workflow
def test_every_action_is_pinned_by_its_major_version_or_a_commit(path):
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    assert [one for one in used if not re.search(r"@(v\d+|release/v\d+|[0-9a-f]{40})$", one)] == []


@each_workflow
def test_every_command_of_a_workflow_exists(path):
    from typer.main import get_command

    from labkit.cli import app

    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.MULTILINE))
    text = "\n".join(commands(path))
    assert set(re.findall(r"\bmake ([a-z]+)", text)) <= targets
    assert set(re.findall(r"^labkit ([a-z]+)", text, flags=re.MULTILINE)) <= set(get_command(app).commands)


@each_workflow
def test_every_file_that_a_workflow_names_exists(path):
    given = [value for step in steps(path) for value in step.get("with", {}).items()]
    named = [value for name, value in given if name in ("cache-dependency-path", "environment-file")]
    named += re.findall(r"--(?:constraint|requirement) (\S+)", "\n".join(commands(path)))
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_linux_is_tested_with_every_python_that_the_package_names():
    (tests,) = [path for path in WORKFLOWS if path.stem == "tests"]
    named = [line.rsplit(" ", 1)[1] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert workflow(tests)["jobs"]["linux"]["strategy"]["matrix"]["python"] == named


def test_the_pinned_dependencies_are_audited_and_no_test_waits_for_it():
    (tests,) = [path for path in WORKFLOWS if path.stem == "tests"]
    jobs = workflow(tests)["jobs"]
    assert "pip_audit --requirement constraints.txt" in jobs["audit"]["steps"][-1]["run"]
    assert "audit" not in {job.get("needs") for job in jobs.values()}


def test_the_quick_tests_are_the_same_everywhere():
    (tests,) = [path for path in WORKFLOWS if path.stem == "tests"]
    (quick,) = re.findall(r'^check:.*\n\t\$\(BIN\)/(python -m pytest .*") \$\(ARGS\)$', MAKEFILE, flags=re.MULTILINE)
    assert quick in [step.get("run") for step in workflow(tests)["jobs"]["quick"]["steps"]]


def test_hooks_use_the_ruff_that_ci_uses():
    pinned = re.findall(r"^ruff==\S+$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    hooks = [hook for repository in HOOKS["repos"] for hook in repository["hooks"]]
    assert [hook["entry"].split()[:2] for hook in hooks] == [["ruff", "check"], ["ruff", "format"]]
    assert all(hook["additional_dependencies"] == pinned for hook in hooks)
