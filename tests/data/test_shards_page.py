"""docs/shards.md: its numbers are those that its code prints, and its code runs."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from labkit.data import pieces

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "shards.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def plan():
    """The code of the plan, and the variables it leaves."""
    section = PAGE.partition("## A plan for Kinetics-700\n")[2]
    (code,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", section, flags=re.DOTALL)
    printed, names = io.StringIO(), {}
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    return shown, printed.getvalue(), names, section


def test_the_page_shows_what_its_code_prints(plan):
    shown, printed, _, _ = plan
    assert printed == shown


def test_the_costs_of_the_page_follow_from_its_numbers(plan):
    _, _, names, section = plan
    videos, size, epochs = names["videos"], names["size"], names["epochs"]
    assert f"{epochs * videos / 1e6:.2f} r + {epochs * size / 1e9:,.0f} e + {size / 1e9:,.0f} m" in section
    parts = -(-size // (8 << 20)) / 1e6  # the parts of 8 MiB in which stores' tools copy
    assert f"0.05 r + {size / 1e9:,.0f} e + {size / 1e9:,.0f} m" in section
    assert round(parts, 2) == 0.05


def test_the_limits_of_the_page_are_those_of_the_code(plan):
    _, _, names, _ = plan
    assert names["seconds"] * names["bytes_a_second"] <= pieces.WHOLE
    assert f"A video of up to {pieces.WHOLE >> 20} MiB takes one request" in PAGE
    assert f"blocks of\n{pieces.BLOCK >> 10} KiB" in PAGE
