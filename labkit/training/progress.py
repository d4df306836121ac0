"""The progress bar of a training: clips done of all, loss and accuracy beside it."""

import math
import time
from typing import Any

from labkit.bars import tqdm
from labkit.training.folder import State


class Progress:
    """A bar over all clips of a training, from which tqdm tells clips/s and the time left. Use it in a `with`."""

    def __init__(self, state: State, *, name: str, epochs: int, total: int, initial: int, shown: bool) -> None:
        self.state, self.epochs, self._asked = state, epochs, 0.0
        self.bar = tqdm(total=total, initial=initial, unit="clip", desc=name, disable=not shown)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: Any) -> None:
        self.bar.close()

    def say(self, line: str) -> None:
        """A line above the bar."""
        if not self.bar.disable:
            self.bar.write(line)

    def done(self, clips: int) -> None:
        """So many clips more."""
        self.bar.update(clips)
        self.show()

    def show(self, *, now: bool = False) -> None:
        """Loss and accuracy beside the bar, twice a second: asking for them waits for the device."""
        if self.bar.disable or not (now or time.monotonic() - self._asked > 0.5):
            return
        self._asked = time.monotonic()
        known = {row["split"]: row["top1"] for row in self.state.history if not math.isnan(row["top1"])}
        measured = "".join(f", {split} {top1:.0%}" for split, top1 in known.items())
        loss = self.state.meter.means()["loss"]
        self.bar.set_postfix_str(f"epoch {self.state.position.epoch}/{self.epochs}, loss {loss:.3f}{measured}")
