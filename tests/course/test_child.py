"""The process that checks answers: what stops, what goes on, and what ends it."""

import signal
import subprocess
import sys
import textwrap
import threading
import time

import psutil
import pytest

from labkit.course.exercises import child, shelf
from labkit.course.exercises.verbs import verdict_on

GAP = shelf.find("gap-solution")


def names_of(body):
    names = {"__name__": "__main__"}
    exec(GAP.answered(body), names)
    return names


def children():
    return [one for one in psutil.Process().children(recursive=True) if one.name() != "resource_tracker"]


def ends(processes, seconds=30):
    return not psutil.wait_procs(processes, timeout=seconds)[1]


ENDLESS = {
    "loop": ("while True: pass", "did not end within"),
    "stubborn-loop": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "did not end within",
    ),
    "sleep": ("import time\ntime.sleep(1000)", "did not end within"),
    "product": ("return 10**10**10", "did not end within"),
    "exit": ("import os\nos._exit(0)", "ended the process"),
    "kill": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nimport time\ntime.sleep(9)",
        "ended the process",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("body", "says"), ENDLESS.values(), ids=list(ENDLESS))
def test_an_answer_that_does_not_end_is_stopped_and_the_next_check_works(body, says):
    verdict_on(GAP, names_of("return 0"))  # the process has started
    verdict = verdict_on(GAP, names_of(body))
    assert verdict.state == "wrong"
    assert says in verdict.why
    assert verdict_on(GAP, names_of("return 1")).why.startswith("for training 87.5")


@pytest.mark.slow
def test_an_answer_that_takes_much_memory_is_stopped(monkeypatch):
    monkeypatch.setattr(child, "MEMORY", 200 << 20)
    verdict = verdict_on(GAP, names_of("parts = []\nwhile True: parts.append(bytes(10**7))"))
    assert "of memory and was stopped" in verdict.why


@pytest.mark.slow
def test_processes_that_an_answer_started_end_with_it(monkeypatch):
    monkeypatch.setattr(child, "SECONDS", 2.0)
    body = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    before = set(children())
    assert "did not end" in verdict_on(GAP, names_of(body)).why
    assert ends([one for one in children() if one not in before])


def test_an_answer_is_stopped_within_ten_seconds():
    assert child.SECONDS + 3 < 10  # killing a process with much memory takes a second or two


def test_an_exit_and_an_error_are_named_with_the_line():
    assert "raises SystemExit: 3, in line 3" in verdict_on(GAP, names_of("import sys; sys.exit(3)")).why
    assert "raises ZeroDivisionError: division by zero, in line 4" in verdict_on(GAP, names_of("x = 0\n1 / x")).why


def test_a_verdict_on_the_same_answer_is_kept(monkeypatch):
    assert verdict_on(GAP, names_of(GAP.solution)).state == "right"
    monkeypatch.setattr(child, "ask", None)
    assert verdict_on(GAP, names_of(GAP.solution)).state == "right"


def test_an_answer_may_use_names_of_earlier_cells():
    names = {"__name__": "__main__"}
    exec("import pandas as pd\nSPLITS = ('train', 'val')", names)
    exec(
        "def end(history, split):\n    rows = history.table\n    return rows[rows['split'] == split]['top1'].iloc[-1]",
        names,
    )
    exec(GAP.answered("a, b = (end(history, one) for one in SPLITS)\nreturn pd.Series([a, -b]).sum()"), names)
    assert verdict_on(GAP, names).state == "right"


def test_an_answer_that_drags_much_data_along_or_cannot_be_sent_is_told_which():
    names = names_of("return data, json")
    for data in (bytes(70 << 20), (one for one in "ab")):
        names["data"] = data
        assert verdict_on(GAP, names).why.startswith("`gap` uses `data` of another cell, which is too large")
    names["gap"] = iter("ab").__next__
    assert verdict_on(GAP, names).state == "wrong"


@pytest.mark.slow
def test_a_thread_that_an_answer_leaves_running_ends():
    def checker():
        return child._child._process

    verdict_on(GAP, names_of("return 0.01"))
    before = checker()
    spin = "import threading\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()\nreturn 0.02"
    assert verdict_on(GAP, names_of(spin)).state == "wrong"
    assert not before.is_alive()
    assert verdict_on(GAP, names_of(GAP.right[1])).state == "right"


def test_two_checks_at_once_both_get_their_verdict():
    said = {}
    answers = {n: names_of(f"return {n} / 1000") for n in range(4)} | {9: names_of(GAP.right[0])}
    threads = [
        threading.Thread(target=lambda n=n, names=names: said.update({n: verdict_on(GAP, names).state}))
        for n, names in answers.items()
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert said == {0: "wrong", 1: "wrong", 2: "wrong", 3: "wrong", 9: "right"}


SCRIPT = """
import sys, time
from labkit.course.exercises import child, shelf
from labkit.course.exercises.verbs import verdict_on

if __name__ == "__main__":
    gap, names = shelf.find("gap-solution"), {"__name__": "__main__"}
    exec(gap.answered("return 0"), names)
    verdict_on(gap, names)
    print(child._child._process.pid, flush=True)
    exec(gap.answered(sys.argv[1]), names)
    verdict_on(gap, names)
    time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("body", ["return 1", "return 10**10**10"], ids=["idle", "busy"])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_the_process_ends_with_a_killed_parent(body, tmp_path):
    script = tmp_path / "notebook.py"
    script.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, script, body], stdout=subprocess.PIPE, text=True) as parent:
        checker = psutil.Process(int(parent.stdout.readline()))
        time.sleep(1)
        parent.send_signal(signal.SIGKILL)
    assert ends([checker])


def test_importing_the_exercises_starts_no_process_and_loads_no_torch():
    code = """
        import sys, multiprocessing
        from labkit.course import exercises
        exercises.hint("gap-solution")
        assert not multiprocessing.active_children()
        assert "torch" not in sys.modules
        assert dir(exercises) == sorted(["check", "exercise", "grade", "hint", "solution"])
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
