"""What the learner reads: the verbs, in this process and in a real kernel."""

import json
import re
import sys

import pytest
from jupyter_client.manager import start_new_kernel

from labkit.course import exercises
from labkit.course.exercises import shelf, verbs
from labkit.course.exercises.verdict import Said

GAP = shelf.find("gap-solution")
WRONG = GAP.wrong[0]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(verbs, "_ours", {})
    monkeypatch.setattr(verbs, "_hinted", {})


def names_of(body):
    names = {"__name__": "__main__"}
    exec(GAP.answered(body), names)
    return names


def test_check_says_right_wrong_and_not_attempted():
    assert repr(exercises.check("gap-solution", names_of(GAP.right[0]))).startswith("Right.")
    wrong = repr(exercises.check("gap-solution", names_of(WRONG.answer)))
    assert wrong.startswith("Not right yet: the sign is wrong")
    assert 'exercises.hint("gap-solution")' in wrong
    for names in ({}, names_of("raise NotImplementedError"), names_of("..."), {"gap": None}):
        assert repr(exercises.check("gap-solution", names)).startswith("Not attempted yet.")


def test_hints_come_one_after_the_other_and_the_last_one_stays():
    said = [repr(exercises.hint("gap-solution")) for _ in range(3)]
    assert said == [f"Hint 1 of 2. {GAP.hints[0]}", *[f"Hint 2 of 2. {GAP.hints[1]}"] * 2]


def test_solution_shows_our_answer_and_why():
    said = repr(exercises.solution("gap-solution"))
    assert GAP.solution in said
    assert GAP.explanation in said


def test_what_is_said_is_escaped_in_jupyterlab():
    said = Said("Not right yet:", "`<b>` gives <script>alert(1)</script>", "a < b")
    assert said._repr_html_() == (
        '<div role="status"><strong>Not right yet:</strong> <code>&lt;b&gt;</code> gives '
        "&lt;script&gt;alert(1)&lt;/script&gt;<pre>a &lt; b</pre></div>"
    )


def test_an_unknown_exercise_suggests_the_nearest():
    with pytest.raises(ValueError, match="there is no exercise 'gapp-solution'; did you mean 'gap'"):
        exercises.check("gapp-solution", {})


def test_nothing_shows_the_answer_by_accident():
    shown = [repr(GAP), repr(exercises.check("gap-solution", {})), " ".join(dir(exercises))]
    assert not any("groupby" in text or "iloc" in text for text in shown)
    assert "notebook_05" not in dir(exercises)


def test_the_notebook_goes_on_with_a_right_answer_and_else_with_labkits_own(capsys):
    names = names_of(GAP.right[0])
    assert exercises.exercise("gap-solution", names) is names["gap"]
    assert "goes on with your answer" in capsys.readouterr().out
    for body, why in ((WRONG.answer, "not right yet"), ("...", "no answer yet"), ("1/0", "not right yet")):
        names = names_of(body)
        own = exercises.exercise("gap-solution", names)
        assert own is not names["gap"]
        assert verbs.verdict_on(GAP, {"gap": own}).state != "right", "labkit's own version earns no points"
        out, err = capsys.readouterr()
        assert why in out
        assert not err


def test_a_grade_is_that_of_the_learner_also_after_labkits_own_has_taken_over():
    names = names_of(WRONG.answer)
    for _ in range(2):  # a cell may run twice
        names["gap"] = exercises.exercise("gap-solution", names)
        with pytest.raises(AssertionError, match="the sign is wrong"):
            exercises.grade("gap-solution", names)
    names |= names_of(GAP.right[1])
    assert exercises.grade("gap-solution", names) == 1.0
    names["gap"] = exercises.exercise("gap-solution", names)
    assert exercises.grade("gap-solution", names, points=3) == 3.0


def test_a_value_that_equals_labkits_own_earns_its_points_after_a_wrong_one():
    names = {"needs_clips": "b"}
    names["needs_clips"] = exercises.exercise("needs-clips-solution", names)
    assert names["needs_clips"] == "a"
    with pytest.raises(AssertionError):
        exercises.grade("needs-clips-solution", names)
    names["needs_clips"] = "a"
    assert exercises.grade("needs-clips-solution", names) == 1.0


def test_an_untouched_answer_earns_nothing():
    for names in ({}, names_of("raise NotImplementedError()")):
        with pytest.raises(AssertionError, match="there is no answer yet"):
            exercises.grade("gap-solution", names)


class Kernel:
    """Runs cells in a real kernel."""

    def __init__(self):
        self.manager, self.client = start_new_kernel()

    def run(self, code):
        """What a cell shows: the text of its last value, its prints, its errors and what stood on stderr."""
        shown = {"text": "", "html": "", "stdout": "", "stderr": "", "error": ""}

        def hear(message):
            content = message["content"]
            match message["msg_type"]:
                case "execute_result":
                    shown["text"] = content["data"]["text/plain"]
                    shown["html"] = content["data"].get("text/html", "")
                case "stream":
                    shown[content["name"]] += content["text"]
                case "error":
                    shown["error"] = "\n".join([content["evalue"], *content["traceback"]])

        self.client.execute_interactive(code, timeout=120, output_hook=hear)
        return shown

    def completions(self, code):
        return self.client.complete(code, reply=True, timeout=60)["content"]["matches"]

    def end(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel():
    one = Kernel()
    yield one
    one.end()


@pytest.mark.slow
def test_a_learner_in_a_real_kernel_reads_wrong_stopped_right_and_a_grade(kernel):
    asked = 'from labkit.course import exercises\n\nexercises.check("gap-solution")'
    assert kernel.run(asked)["text"].startswith("Not attempted yet.")
    kernel.run(
        "import pandas as pd\n\ndef rows(history, split):\n    return history.table[history.table.split == split]"
    )
    kernel.run(GAP.answered("return rows(history, 'val').top1.iloc[-1] - rows(history, 'train').top1.iloc[-1]"))
    wrong = kernel.run(asked)
    assert "the sign is wrong" in wrong["text"]
    assert "<strong>Not right yet:</strong> the sign is wrong" in wrong["html"]
    kernel.run(GAP.answered("while True: pass"))
    assert "did not end within" in kernel.run(asked)["text"]
    kernel.run(GAP.answered("return rows(history, 'train').top1.iloc[-1] - rows(history, 'val').top1.iloc[-1]"))
    assert kernel.run(asked)["text"].startswith("Right.")
    locked = kernel.run('gap = exercises.exercise("gap-solution", globals())')
    assert "your answer" in locked["stdout"]
    graded = kernel.run('exercises.grade("gap-solution")')
    assert graded == {"text": "1.0", "html": "", "stdout": "", "stderr": "", "error": ""}


@pytest.mark.slow
def test_a_grade_in_a_real_kernel_raises_without_a_word_of_the_answer(kernel):
    kernel.run("from labkit.course import exercises\n\n" + GAP.answered(WRONG.answer))
    kernel.run('gap = exercises.exercise("gap-solution", globals())')
    graded = kernel.run('exercises.grade("gap-solution")')
    assert "the sign is wrong" in graded["error"]
    assert "groupby" not in graded["error"]
    assert not graded["stderr"]


@pytest.mark.slow
def test_completion_and_inspection_in_a_real_kernel_show_no_answer(kernel):
    kernel.run("from labkit.course import exercises\ngap = exercises.exercise('gap', {})")
    offered = kernel.completions("exercises.")
    assert {re.sub(r".*\.", "", one) for one in offered} == {"check", "exercise", "grade", "hint", "solution"}
    shown = kernel.client.inspect("gap", detail_level=1, reply=True, timeout=60)["content"]
    assert "groupby" not in json.dumps(shown)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="interrupting a kernel is another thing on Windows")
def test_stopping_a_cell_stops_its_check_and_the_next_one_works(kernel):
    kernel.run("from labkit.course import exercises\n\n" + GAP.answered("while True: pass"))
    asked = kernel.client.execute('print("asked", flush=True)\nexercises.check("gap-solution")')
    while kernel.client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        pass
    kernel.manager.interrupt_kernel()
    reply = kernel.client.get_shell_msg(timeout=60)
    while reply["parent_header"]["msg_id"] != asked:
        reply = kernel.client.get_shell_msg(timeout=60)
    assert reply["content"]["status"] == "error"
    kernel.run(GAP.answered("return 1"))
    assert "the gap is 0.5" in kernel.run('exercises.check("gap-solution")')["text"]
