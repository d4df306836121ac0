"""How threads wait: set by `import labkit`, before torch, never over a user's choice, and handed on to what it starts."""

import json
import os
import subprocess
import sys

import pytest

from labkit import waiting

SHOW = f"import json, os; print(json.dumps({{name: os.environ.get(name) for name in {waiting.CHOICES!r}}}))"


def python(program: str, **environment: str) -> dict:
    """What a program says in a process of its own, whose environment has none of the choices but those given."""
    env = {name: value for name, value in os.environ.items() if name not in waiting.CHOICES}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_labkit_sets_a_short_spin():
    assert python(f"import labkit; {SHOW}") == {**dict.fromkeys(waiting.CHOICES), **waiting.SPIN}


@pytest.mark.parametrize("name", waiting.CHOICES)
def test_what_the_user_chose_stays_and_nothing_is_added(name):
    assert python(f"import labkit; {SHOW}", **{name: "7"}) == {**dict.fromkeys(waiting.CHOICES), name: "7"}


def test_a_child_of_labkit_has_what_its_parent_set():
    child = f"import labkit, subprocess, sys; subprocess.run([sys.executable, '-c', {SHOW!r}])"
    assert python(child)["GOMP_SPINCOUNT"] == waiting.SPIN["GOMP_SPINCOUNT"]


def test_what_was_chosen_set_or_too_late_is_known():
    assert waiting.wait_briefly({}, torch_is_loaded=False) == "set"
    assert waiting.wait_briefly(dict(waiting.SPIN), torch_is_loaded=True) == "set"  # inherited, so torch has read it
    assert waiting.wait_briefly({"OMP_WAIT_POLICY": "ACTIVE"}, torch_is_loaded=False) == "chosen"
    late: dict[str, str] = {}
    assert waiting.wait_briefly(late, torch_is_loaded=True) == "too late"
    assert late == waiting.SPIN


@pytest.mark.slow
def test_the_doctor_says_what_a_kernel_has_and_what_to_do():
    look = "from labkit.doctor import threads; import json; line = threads(); print(json.dumps([line.state, line.seen, line.to_do]))"
    state, seen, _ = python(f"import labkit, torch; {look}")
    assert state == "ok"
    assert f"GOMP_SPINCOUNT={waiting.SPIN['GOMP_SPINCOUNT']}" in seen
    state, seen, to_do = python(f"import torch; {look}")
    assert (state, "torch was loaded before labkit" in seen) == ("warning", True)
    assert "import labkit before torch" in to_do
    assert "your choice: OMP_WAIT_POLICY=ACTIVE" in python(look, OMP_WAIT_POLICY="ACTIVE")[1]
