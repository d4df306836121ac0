"""The depth of a network, from its name and its blocks."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge


def check(depth_of: Any) -> None:
    """Ask for a network of bottlenecks, two of basic blocks, and a dense one."""
    judge(
        depth_of("ResNet-50", [3, 4, 6, 3]),
        50,
        "a ResNet-50 has 16 blocks of 3 convolutions, the stem and the classifier: 50",
        mistakes={
            "the blocks of a ResNet-50 are bottlenecks with three convolutions, not two": 34,
            "the stem and the classifier are layers with weights too": 48,
            "count the stem and the classifier; one of them is missing": 49,
            "that is the number of blocks; a block has several convolutions": 16,
            "only a DenseNet has transitions": 53,
        },
    )
    for name, blocks, depth in (("ResNet-18", [2, 2, 2, 2], 18), ("ResNet-34", [3, 4, 6, 3], 34)):
        why = f"{name} has basic blocks of two convolutions: {depth}"
        judge(
            depth_of(name, blocks),
            depth,
            why,
            mistakes={f"a basic block of {name} has two convolutions": 2 + 3 * sum(blocks)},
        )
    judge(
        depth_of("DenseNet-121", [6, 12, 24, 16]),
        121,
        "a DenseNet-121 has 58 layers of 2 convolutions, three transitions, the stem and the classifier: 121",
        mistakes={
            "a DenseNet has three transitions with a convolution each; they are missing": 118,
            "a dense layer has two convolutions, not three": 179,
            "a dense layer has two convolutions, not three, and there are three transitions": 176,
            "between four dense blocks there are three transitions, not four": 122,
        },
    )


EXERCISE = Exercise(
    number="02",
    cell="erratum",
    defines="depth_of",
    text="""\
**Exercise 4** (difficulty 2 of 5, importance 4 of 5, 10 minutes). Write this arithmetic. The next cell applies it to every row of \
Table 1 as it is printed.""",
    code='''\
def depth_of(name, blocks):
    """How many layers with weights a network has, from its name and the blocks of each stage."""
    ### BEGIN SOLUTION
    dense = name.startswith("DenseNet")
    convolutions = 2 if dense or name in ("ResNet-18", "ResNet-34") else 3
    return 1 + convolutions * sum(blocks) + (3 if dense else 0) + 1
    ### END SOLUTION
''',
    check=check,
    hints=(
        "How many convolutions has one block? That depends on the name. What comes before the blocks, and what after them?",
        "The depth is the stem, the convolutions of all blocks, three transitions in a DenseNet, and the classifier. Two "
        "convolutions for DenseNets, ResNet-18 and ResNet-34, else three.",
    ),
    explanation="ResNet-34 and ResNet-50 have the same blocks in each stage, [3, 4, 6, 3]. One has basic blocks, the other "
    "bottlenecks. So the name decides.",
    right=(
        """
        if name.startswith("DenseNet"):
            return 2 * sum(blocks) + len(blocks) - 1 + 2
        return 2 + (2 if name.split("-")[-1] in ("18", "34") else 3) * sum(blocks)
        """,
        """
        per_block = {"ResNet-18": 2, "ResNet-34": 2, "DenseNet-121": 2, "DenseNet-201": 2}.get(name, 3)
        depth = 2
        for count in blocks:
            depth += per_block * count
        return depth + 3 * ("Dense" in name)
        """,
    ),
    wrong=(
        Mistake("two for all", "return 2 + 2 * sum(blocks)", "bottlenecks with three convolutions"),
        Mistake("no stem, no classifier", "return 3 * sum(blocks)", "the stem and the classifier are layers"),
        Mistake("no stem", "return 1 + 3 * sum(blocks)", "one of them is missing"),
        Mistake("blocks", "return sum(blocks)", "that is the number of blocks"),
        Mistake("three for all", "return 2 + 3 * sum(blocks)", "a basic block of ResNet-18 has two"),
        Mistake(
            "no transitions",
            'basic = name.startswith("DenseNet") or name in ("ResNet-18", "ResNet-34")\n'
            "return 2 + (2 if basic else 3) * sum(blocks)",
            "they are missing",
        ),
        Mistake(
            "dense layers of three",
            'basic = name in ("ResNet-18", "ResNet-34")\n'
            'return 2 + (2 if basic else 3) * sum(blocks) + (3 if name.startswith("DenseNet") else 0)',
            "a dense layer has two convolutions, not three",
        ),
    ),
)
