"""For the notebooks under nbval: it gives a cell's output five seconds to arrive after the reply, whatever is asked.

A busy machine takes longer for a cell that printed much, and the test fails although the notebook did not.
"""

import pytest

import labkit  # noqa: F401 (before torch: it sets how threads wait on a busy machine, here and in the notebooks' kernels)

PATIENCE = 120  # seconds


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Wait longer for the outputs of notebook cells."""
    for item in items:
        if hasattr(item, "output_timeout"):
            item.output_timeout = PATIENCE
