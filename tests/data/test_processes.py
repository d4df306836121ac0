import multiprocessing
import os
import warnings

import pytest

from labkit.data import processes


def square(number: int) -> int:
    return number * number


def where(number: int) -> int:
    return os.getpid()


def die_at_seven(number: int) -> int:
    if number == 7:
        assert multiprocessing.parent_process() is not None, "this would end the tests"
        os._exit(1)
    return number


def die_at_the_start() -> None:
    os._exit(1)


def fail_at_seven(number: int) -> int:
    if number == 7:
        raise ValueError("seven")
    return number


@pytest.fixture
def pool_at_once(monkeypatch):
    """Processes take over after the first item."""
    monkeypatch.setattr(processes, "TRIAL_SECONDS", -1.0)
    monkeypatch.setattr(processes, "WORTH_SECONDS", -1.0)


def collect(function, items, workers):
    return dict(processes.map_files(function, items, label="test", workers=workers, progress=False))


def test_short_work_is_done_in_this_process():
    assert set(collect(where, range(10), 2).values()) == {os.getpid()}


def test_processes_give_what_one_process_gives(pool_at_once):
    items = list(range(50))
    assert collect(square, items, 2) == {i: i * i for i in items}
    assert len(set(collect(where, items, 2).values())) >= 2


def test_without_workers_everything_is_done_here(pool_at_once):
    assert set(collect(where, range(10), 0).values()) == {os.getpid()}


def test_an_item_whose_process_dies_is_lost_and_no_other(pool_at_once):
    found = dict(
        processes.map_files(
            die_at_seven, range(40), label="test", lost=lambda item, reason: reason, workers=2, progress=False
        )
    )
    assert "the process that read it died" in found.pop(7)
    assert found == {i: i for i in range(40) if i != 7}


def test_an_item_whose_process_dies_is_an_error_where_nothing_stands_for_it(pool_at_once):
    with pytest.raises(processes.WorkerDiedError, match=r"^7: the process that read it died"):
        collect(die_at_seven, range(10), 2)


def test_work_goes_on_here_where_processes_cannot_be_started(pool_at_once, monkeypatch):
    monkeypatch.setattr(processes, "_begin_work", die_at_the_start)
    with pytest.warns(UserWarning, match="going on with one process"):
        assert collect(square, range(20), 2) == {i: i * i for i in range(20)}


@pytest.mark.parametrize("workers", [0, 2])
def test_what_the_function_raises_is_raised_here(pool_at_once, workers):
    with pytest.raises(ValueError, match="seven"):
        collect(fail_at_seven, range(50), workers)


def test_no_items_give_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert collect(square, [], 2) == {}
