"""The weight of a 2D convolution, spread over the time of a 3D one."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import judge


def check(inflate_weight: Any) -> None:
    """Inflate a small weight in both ways: to 5 frames, and to other numbers of frames."""
    import torch

    weight = 1.0 + torch.arange(2 * 3 * 4 * 4, dtype=torch.float64).reshape(2, 3, 4, 4)
    given = weight.clone()
    result = inflate_weight(given, 5)
    if not torch.equal(given, weight):
        raise Wrong("the weight of the 2D network itself has changed; `weight / frames` makes a new one, `/=` does not")
    _judge_mean(result, weight)
    _judge_centre(inflate_weight(given, 5, "centre"), weight)
    if result.dtype != weight.dtype or inflate_weight(given, 5, placement="centre").dtype != weight.dtype:
        raise Wrong("a weight in float64 should stay in float64; `weight.new_zeros` makes zeros of the same kind")
    even = inflate_weight(given, 4, placement="centre")
    if not any(torch.equal(even, _only(weight, 4, place)) for place in (1, 2)):
        raise Wrong("with 4 frames, the weight should stand in one of the two slices in the middle")
    judge(inflate_weight(given, 3, "mean"), _repeated(weight / 3, 3), "with 3 frames, each slice of `mean` is a third")


def _judge_mean(result: Any, weight: Any) -> None:
    even = _repeated(weight / 5, 5)
    judge(
        result,
        even,
        "with 5 frames, each of the 5 slices of `mean` should be a fifth of the weight",
        mistakes={
            "with 5 frames your kernel sums to 5 times the weight over time; divide by the frames": 5 * even,
            "without a `placement` you give the kernel of `centre`; it should be `mean`": _only(weight, 5, 2),
            "time comes last; the axes should be (O, I, frames, H, W)": even.movedim(2, 4),
            "time comes first; the axes should be (O, I, frames, H, W)": even.movedim(2, 0),
            "time comes before the channels that go in; the axes should be (O, I, frames, H, W)": even.movedim(2, 1),
            "time stands between height and width; the axes should be (O, I, frames, H, W)": even.movedim(2, 3),
            "the result has one slice; repeat it over time": even[:, :, :1],
        },
    )


def _judge_centre(result: Any, weight: Any) -> None:
    judge(
        result,
        _only(weight, 5, 2),
        "with 5 frames, slice 2 of `centre` should be the weight, and the other slices 0",
        mistakes={
            "`centre` gives the kernel of `mean`: look at the argument `placement`": _repeated(weight / 5, 5),
            "the middle slice of `centre` has the whole weight; do not divide it": _only(weight / 5, 5, 2),
            "that is the first slice; the middle one of 5 has the number 2": _only(weight, 5, 0),
            "that is the last slice; the middle one of 5 has the number 2": _only(weight, 5, 4),
            "that is one slice before the middle: of 5, it has the number 2": _only(weight, 5, 1),
            "that is one slice after the middle: of 5, it has the number 2": _only(weight, 5, 3),
            "in `centre` only the middle slice has weights, the others are 0": _repeated(weight, 5),
        },
    )


def _repeated(weight: Any, frames: int) -> Any:
    return weight.unsqueeze(2).repeat(1, 1, frames, 1, 1)


def _only(weight: Any, frames: int, place: int) -> Any:
    kernel = weight.new_zeros(*weight.shape[:2], frames, *weight.shape[2:])
    kernel[:, :, place] = weight
    return kernel


EXERCISE = Exercise(
    number="03",
    cell="inflate-solution",
    defines="inflate_weight",
    text="""\
**Exercise 1** (difficulty 2 of 5, importance 5 of 5, 10 minutes). Turn the weight of a 2D convolution, `(O, I, H, W)`, into one of \
a 3D convolution, `(O, I, t, H, W)`, in both ways.""",
    code='''\
def inflate_weight(weight, frames, placement="mean"):
    """`(O, I, H, W)` to `(O, I, frames, H, W)`, summing to `weight` over time."""
    ### BEGIN SOLUTION
    if placement == "mean":
        return (weight / frames).unsqueeze(2).repeat(1, 1, frames, 1, 1)
    inflated = weight.new_zeros(*weight.shape[:2], frames, *weight.shape[2:])
    inflated[:, :, (frames - 1) // 2] = weight
    return inflated
    ### END SOLUTION
''',
    check=check,
    setup="import torch",
    hints=(
        "Both kernels sum to the weight over time. What does each slice of `mean` hold, and what do the slices of `centre` hold?",
        "`weight.unsqueeze(2)` makes room for time after the channels, and `repeat(1, 1, frames, 1, 1)` fills it. For `centre`, "
        "begin with zeros, and write the weight into the slice `(frames - 1) // 2`.",
    ),
    explanation="In both kernels the slices sum to the 2D weight, so a repeated image gives the same answer. `mean` gives each slice "
    "the same part, `centre` gives all to one. The network's own weight must not change: the 2D network is needed again.",
    right=(
        """
        share = torch.zeros(frames, dtype=weight.dtype)
        if placement == "mean":
            share += 1 / frames
        else:
            share[frames // 2] = 1
        return torch.einsum("oihw,t->oithw", weight, share)
        """,
        """
        empty = torch.zeros_like(weight)
        middle = frames // 2
        if placement == "centre":
            slices = [weight if t == middle else empty for t in range(frames)]
        else:
            slices = [weight / frames] * frames
        return torch.stack(slices, dim=2)
        """,
    ),
    wrong=(
        Mistake("forgot 1/t", "return weight.unsqueeze(2).repeat(1, 1, frames, 1, 1)", "sums to 5 times the weight"),
        Mistake("time last", "return torch.stack([weight / frames] * frames, dim=-1)", "time comes last"),
        Mistake("time first", "return torch.stack([weight / frames] * frames)", "time comes first"),
        Mistake(
            "time before the channels", "return torch.stack([weight / frames] * frames, dim=1)", "before the channels"
        ),
        Mistake("not repeated", "return (weight / frames).unsqueeze(2)", "has one slice"),
        Mistake("only mean", "return torch.stack([weight / frames] * frames, dim=2)", "look at the argument"),
        Mistake(
            "centre divided",
            """
            kernel = torch.stack([weight / frames] * frames, dim=2)
            if placement == "centre":
                kernel[:, :, : frames // 2] = kernel[:, :, frames // 2 + 1 :] = 0
            return kernel
            """,
            "do not divide it",
        ),
        Mistake(
            "middle counted from 1",
            """
            if placement == "mean":
                return torch.stack([weight / frames] * frames, dim=2)
            kernel = weight.new_zeros(*weight.shape[:2], frames, *weight.shape[2:])
            kernel[:, :, (frames + 1) // 2] = weight
            return kernel
            """,
            "one slice after the middle",
        ),
        Mistake("in place", "weight /= frames\nreturn torch.stack([weight] * frames, dim=2)", "itself has changed"),
        Mistake(
            "float32",
            """
            if placement == "mean":
                return torch.stack([weight / frames] * frames, dim=2)
            kernel = torch.zeros(*weight.shape[:2], frames, *weight.shape[2:])
            kernel[:, :, frames // 2] = weight
            return kernel
            """,
            "should stay in float64",
        ),
    ),
)
