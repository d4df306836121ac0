"""A chooser whose numbers leave its table: with a kernel, a number that the table lacks is counted when it is chosen.

The static version has no kernel, so it keeps to the table, and says so.
"""

import html
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labkit.viz.chooser import Choice, Chooser, Record, styled

Count = Callable[[Choice], Record]
LONGEST = 10  # digits of a number that is typed


class LiveChooser(Chooser):
    """A `Chooser` that counts choices which its table of `states` lacks.

    `numbers` has the controls that take any whole number, each with its largest. `count` gives the record of such a
    choice, or raises `ValueError` if there can be none. Then the nearest choice that can be is shown, with the reason in
    `trouble`. What was counted is kept. A new value of the first control starts from the table.
    """

    def __init__(
        self,
        states: Mapping[Choice, Record],
        controls: Sequence[str],
        template: str,
        *,
        count: Count,
        numbers: Mapping[str, int],
        **options: Any,
    ) -> None:
        super().__init__(states, controls, template, **options)
        self._count, self._numbers = count, dict(numbers)
        self._counted: dict[Choice, Record] = {}
        self.trouble = ""
        self.note = (
            '<p style="flex-basis:100%"><small>This page has the values of a table. In JupyterLab any whole number can be '
            f"chosen as {html.escape(' or '.join(numbers))}, and is counted at once.</small></p>"
        )

    @property
    def record(self) -> Record:
        """The record of the present choice."""
        return self._record(self.choice)

    def settled(self, wanted: Sequence[str]) -> Choice:
        """The choice nearest to the wanted values in the table, with the wanted numbers where a number is free."""
        known = super().settled(wanted)
        if wanted[0] != self.choice[0]:
            return known
        return tuple(
            _plain(asked) if name in self._numbers and value.isdecimal() else value
            for name, asked, value in zip(self.controls, wanted, known, strict=True)
        )

    def picture(self) -> str:
        """The HTML of the present choice, below the reason if it is not the one that was asked for."""
        return _line("alert", self.trouble) + super().picture()

    def _check(self, name: str, value: str) -> None:
        if name not in self._numbers:
            super()._check(name, value)
        elif fault := self._fault(name, _plain(value)):
            raise ValueError(fault)

    def _fault(self, name: str, value: str) -> str:
        """The reason why a value cannot be asked for; empty if it can."""
        largest, known = self._numbers.get(name), self._values[self.controls.index(name)]
        if largest is None or value in known or (_is_number(value) and 1 <= int(value) <= largest):
            return ""
        return f"{name} must be a whole number from 1 to {largest}, not {value[:40]!r}"

    def _choose(self, wanted: Sequence[str]) -> None:
        asked, self.trouble = self.settled(wanted), ""
        try:
            for name, value in zip(self.controls, asked, strict=True):
                if fault := self._fault(name, value):
                    raise ValueError(fault)
            self._record(asked)
            self.choice = asked
        except ValueError as error:
            self.choice = self._nearest(asked)
            changed = (
                f"{name} {now}" for name, was, now in zip(self.controls, asked, self.choice, strict=True) if was != now
            )
            reason = str(error).partition("\n")[0].rstrip(".")
            self.trouble = f"{reason}. Shown: the nearest that can be built, with {', '.join(changed)}."

    def _record(self, choice: Choice) -> Record:
        """From the table, or counted now and kept. Raises `ValueError` for a choice that cannot be."""
        if choice in self.states:
            return self.states[choice]
        if choice not in self._counted:
            self._say_that_it_counts()
            self._counted[choice] = self._count(choice)
        return self._counted[choice]

    def _nearest(self, asked: Choice) -> Choice:
        """The choice nearest to an impossible one: with one number less or more, or another row of the table."""
        free = [k for k, name in enumerate(self.controls) if name in self._numbers and asked[k] not in self._words(k)]
        target = tuple(self._within(k, asked[k]) if k in free else value for k, value in enumerate(asked))
        rows = [
            state for state in self.states if all(state[k] == value for k, value in enumerate(asked) if k not in free)
        ]
        single = [(*target[:k], row[k], *target[k + 1 :]) for row in rows for k in free]
        near = sorted(dict.fromkeys((target, *single, *rows)), key=lambda choice: _distance(choice, target, free))
        return next(choice for choice in near if self._possible(choice))

    def _possible(self, choice: Choice) -> bool:
        try:
            self._record(choice)
        except ValueError:
            return False
        return True

    def _words(self, number: int) -> list[str]:
        """The values of a control that are no numbers."""
        return [value for value in self._values[number] if not value.isdecimal()]

    def _within(self, number: int, value: str) -> str:
        """The possible number nearest to the value; the present one if the value is not a number."""
        if not _is_number(value.removeprefix("-")):
            return self.choice[number]
        return str(min(max(int(value), 1), self._numbers[self.controls[number]]))

    # The live version

    def _control(self, number: int) -> Any:
        import ipywidgets

        name = self.controls[number]
        if name not in self._numbers:
            return super()._control(number)
        common = {"description": name, "style": {"description_width": "initial"}, "continuous_update": False}
        if name in self._sliders:
            box = ipywidgets.IntSlider(min=1, max=self._numbers[name], layout={"width": "min(20em, 95%)"}, **common)
        else:
            box = ipywidgets.Combobox(ensure_option=False, layout={"width": "16em"}, **common)
        self._dress(number, box)
        return box

    def _dress(self, number: int, box: Any) -> None:
        name, now = self.controls[number], self.choice[number]
        if name not in self._numbers:
            super()._dress(number, box)
        elif name in self._sliders:
            box.value = int(now)
        else:
            box.options = self.offered(number, self.choice[:number])
            box.value, box.disabled = now, not now.isdecimal()

    def offered(self, number: int, before: Sequence[str]) -> list[str]:
        """The values of a control that go with the values before it, or with the table's row nearest to these."""
        row = Chooser.settled(self, (*before, *self.choice[len(before) :]))
        return super().offered(number, row[:number])

    def _say_that_it_counts(self) -> None:
        if self._widget is not None:
            self._widget.children[1].value = styled(_line("status", "Counting …") + super().picture())


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < LONGEST


def _plain(text: str) -> str:
    """What was typed, without spaces and leading zeros."""
    return str(int(text)) if _is_number(text.strip()) else text.strip()


def _line(role: str, text: str) -> str:
    return f'<p role="{role}"><b>{html.escape(text)}</b></p>' if text else ""


def _distance(choice: Choice, target: Choice, free: Sequence[int]) -> float:
    """How many times larger or smaller the numbers are, in all, as a logarithm."""
    return sum(abs(math.log(int(choice[k]) / int(target[k]))) for k in free)
