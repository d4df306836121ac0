"""Rules over tables of architectures: how many layers the blocks make, against the number in the network's name."""

import itertools
import re
from collections.abc import Iterator, Sequence

from labkit.survey.check.numbers.finding import Finding, Rule, grouped, number
from labkit.survey.publication.schema import Result

_STAGE = re.compile(r"^(blocks|channels) conv(\d)$")
_NAMED = re.compile(r"(?P<family>[A-Za-z][A-Za-z ]*?)-?(?P<depth>\d{2,4})$")


def other_depth(rows: Sequence[Result]) -> Iterator[Finding]:
    """Blocks that make another number of layers than the network's name says.

    Stem and classifier are two layers. A residual block has two convolutions or, as a bottleneck, three; a layer of a
    dense block has two, and one stands between two blocks (He et al. 2016, Table 1; Huang et al. 2017, Table 1).
    """
    for model, stages in _stages(rows, "blocks"):
        name = _NAMED.search(model)
        if not name or len(stages) < 4:
            continue
        blocks = sum(int(row.value) for row in stages)
        dense = name["family"].casefold().startswith("dense")
        possible = [2 * blocks + len(stages) + 1] if dense else [2 * blocks + 2, 3 * blocks + 2]
        if int(name["depth"]) not in possible:
            printed = ", ".join(row.printed for row in stages)
            message = (
                f"{model}: blocks {{{printed}}} make {' or '.join(map(str, possible))} layers, not {name['depth']}; "
                f"{'two convolutions a layer' if dense else 'two or three convolutions a block'}, "
                f"{'what stands between blocks, ' if dense else ''}stem and classifier"
            )
            wanted = [
                (int(name["depth"]) - fixed) / each for each, fixed in ((2, len(stages) + 1 if dense else 2), (3, 2))
            ]
            counts = [number(count) for count in wanted[: 1 if dense else 2] if count == int(count)]
            hint = f"{' or '.join(counts)} blocks in all would make {name['depth']} layers" if counts else ""
            yield Finding("depth", "error", stages[0].paper, message, tuple(stages), suggestion=hint)


def not_doubling(rows: Sequence[Result]) -> Iterator[Finding]:
    """Stages of a residual network whose channels do not double from one to the next."""
    for model, stages in _stages(rows, "channels"):
        if not re.search(r"ResNe[Xx]?t|WRN", model):
            continue
        for before, after in itertools.pairwise(stages):
            if after.value != 2 * before.value:
                message = f"{model}: {after.metric} is {after.printed}, and the stage before has {before.printed}"
                yield Finding("doubling", "warning", after.paper, message, (after, before))


def _stages(rows: Sequence[Result], what: str) -> Iterator[tuple[str, list[Result]]]:
    """Each network of each table with its stages in order."""
    counted = [row for row in rows if (found := _STAGE.match(row.metric)) and found[1] == what]
    for (model, *_), stages in grouped(counted, ("model", "variant", "source")).items():
        yield str(model), sorted(stages, key=lambda row: row.metric)


DEPTH_RULES = (
    Rule("depth", "blocks whose depth differs from the network's name", other_depth),
    Rule("doubling", "residual stages whose channels do not double", not_doubling),
)
