"""The stopwatch: what it measures, which band that falls in, and the page that runs it without a kernel."""

import asyncio
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from labkit.viz.stopwatch import Stopwatch
from labkit.viz.twin import WIDGET

BANDS = {"skim": (15, 30), "close reading": (60, None)}


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_it_measures_each_run_and_all_together():
    clock, told = Clock(), []
    watch = Stopwatch(BANDS, on_start=lambda: told.append("start"), on_stop=told.append, clock=clock)
    watch.start()
    clock.seconds += 600
    assert watch.minutes == 10
    assert watch.stop() == 10
    clock.seconds += 5000
    watch.start()
    clock.seconds += 300
    watch.stop()
    assert watch.minutes == 15
    assert told == ["start", 10, "start", 5]


def test_starting_twice_and_stopping_twice_count_once():
    clock, told = Clock(), []
    watch = Stopwatch(BANDS, on_start=lambda: told.append("start"), on_stop=told.append, clock=clock)
    watch.start()
    watch.start()
    clock.seconds += 60
    assert watch.stop() == 1
    assert watch.stop() == 0
    assert told == ["start", 1]


def test_a_start_that_is_refused_does_not_run():
    def refuse() -> None:
        raise ValueError("another stopwatch runs")

    watch = Stopwatch(BANDS, on_start=refuse)
    with pytest.raises(ValueError, match="another"):
        watch.start()
    assert not watch.running


@pytest.mark.parametrize(
    ("minutes", "band"),
    [
        (0, "short of a skim"),
        (15, "a skim"),
        (30, "a skim"),
        (31, "past a skim"),
        (60, "a close reading"),
        (500, "a close reading"),
    ],
)
def test_a_time_falls_in_its_band(minutes, band):
    assert Stopwatch(BANDS).band(minutes) == band


def test_a_band_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match="skim"):
        Stopwatch({"skim": (30, 15)})


def test_without_a_front_end_only_the_static_twin_is_shown():
    assert set(Stopwatch(BANDS, live=False)._repr_mimebundle_()) == {"text/html", "text/plain"}
    assert WIDGET in Stopwatch(BANDS, live=True)._repr_mimebundle_()


def test_a_name_cannot_end_the_script():
    made = Stopwatch({"</script><b>x": (1, 2)}, live=False).static()
    assert made.count("</script>") == 1
    assert "<b>x" not in made


def test_the_button_starts_stops_and_the_face_moves():
    clock, told = Clock(), []
    watch = Stopwatch(BANDS, on_stop=told.append, live=True, clock=clock)
    button, face, _ = watch.widget.children

    async def press() -> None:
        button.click()
        assert button.description == "Stop"
        clock.seconds += 20 * 60
        await asyncio.sleep(0)
        assert "20:00</b> a skim" in face.value
        button.click()

    with ThreadPoolExecutor() as threads:  # browser tests before this one leave a loop running in the main thread
        threads.submit(asyncio.run, press()).result()
    assert told == [20]
    assert button.description == "Start"


@pytest.mark.skipif(not shutil.which("node"), reason="no node to read the script with")
def test_the_pages_script_is_javascript(tmp_path):
    made = Stopwatch(BANDS, live=False).static()
    (tmp_path / "script.js").write_text(made.split("<script>")[1].removesuffix("</script>"), encoding="utf-8")
    subprocess.run(["node", "--check", tmp_path / "script.js"], check=True)
