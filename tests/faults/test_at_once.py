"""Two processes at the same work in one place: one waits or is refused, and what they leave is whole."""

import json
import time
from pathlib import Path

import pytest
from run_elsewhere import HERE, python
from toy_course import write_course

from labkit.course.build import build_course
from labkit.course.build_folder import BuildInUseError, one_build


def test_of_two_builds_of_one_course_the_second_is_refused_and_removes_nothing(tmp_path):
    project = write_course(tmp_path / "project")
    kept = project / "build" / "runs" / "00_first" / "run.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    with one_build(project / "build"), pytest.raises(BuildInUseError, match="another `labkit course` is at work in"):
        build_course(["00"], folder=project)
    assert kept.read_text() == "{}"


def test_a_build_that_was_killed_keeps_no_other_out(tmp_path):
    script = tmp_path / "hold.py"
    script.write_text(
        "import sys, time\nfrom pathlib import Path\nfrom labkit.course.build_folder import one_build\n"
        "with one_build(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(600)\n"
    )
    process = python(script, tmp_path / "build", cache=tmp_path / "cache")
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(BuildInUseError), one_build(tmp_path / "build"):
        pass
    process.kill()
    process.communicate()
    with one_build(tmp_path / "build"):
        pass


TWICE = {"indexing": "cache/datasets/*", "frame cache": "cache/frames/*", "flow cache": "cache/flow/*"}


@pytest.mark.slow
@pytest.mark.parametrize("work", list(TWICE))
def test_two_processes_that_fill_one_cache_at_once_leave_what_one_leaves(tmp_path: Path, work: str):
    if work == "flow cache":
        pytest.importorskip("cv2")
    processes = [python(HERE / "twice.py", work, tmp_path, number, cache=tmp_path / "cache") for number in range(3)]
    for number in (0, 1):  # both are ready: now both begin
        while not (tmp_path / f"ready{number}").exists():
            assert processes[number].poll() is None, processes[number].communicate()
            time.sleep(0.02)
    (tmp_path / "go").touch()
    found = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], "\n".join(errors for _, errors in found)
    left = [json.loads(out) for out, _ in found]
    assert len({tuple(sorted(one.values())) for one in left}) == 1  # names have the path in them
    assert left[0]
