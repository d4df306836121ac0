"""The scores of two streams as one."""

from typing import Any

import numpy as np

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import judge, same

RGB = ((0.6, 0.3, 0.1), (0.2, 0.2, 0.6))
FLOW = ((0.1, 0.8, 0.1), (0.5, 0.25, 0.25))


def _normal(scores: np.ndarray) -> np.ndarray:
    return scores / scores.sum(axis=1, keepdims=True)


def check(together: Any) -> None:
    """Ask for two videos of three classes, with equal weights and with others."""
    rgb, flow = np.array(RGB), np.array(FLOW)
    product = _normal(np.sqrt(rgb * flow))
    logits = 0.5 * np.log(rgb) + 0.5 * np.log(flow)
    _close(
        together(rgb, flow),
        product,
        "with equal weights, add half of each logarithm, take `exp`, and divide by the sum of the row",
        {
            "that is the mean of the scores; add their logarithms": (rgb + flow) / 2,
            "these are still logarithms; make scores of them with `exp`": logits,
            "the scores of a video do not sum to 1; divide each row by its sum": np.exp(logits),
            "you divided by the sum over the videos; each video is a row, so use axis 1": np.exp(logits)
            / np.exp(logits).sum(axis=0, keepdims=True),
            "you divided by the sum of all; each video has scores of its own": np.exp(logits) / np.exp(logits).sum(),
            "the weights are missing: half of each logarithm": _normal(rgb * flow),
        },
    )
    _close(
        together(rgb, flow, 0.25),
        _normal(rgb**0.75 * flow**0.25),
        "with a share of 0.25 the frames have a weight of 0.75, and the flow has 0.25",
        {"`share` is the weight of the flow; the frames have 1 - share": _normal(rgb**0.25 * flow**0.75)},
    )
    _close(
        together(rgb, flow, 0), rgb, "with a share of 0 the flow does not count: the scores of the frames come back", {}
    )
    surely = np.array([[1.0, 0.0, 0.0]])
    got = together(surely, np.array([[0.0, 1.0, 0.0]]))
    judge(got.shape, (1, 3), "the result has one row for each video")
    if not np.isfinite(got).all():
        raise Wrong("a score of 0 has no logarithm: add a small number such as 1e-9 first")


def _close(got: Any, want: np.ndarray, otherwise: str, mistakes: dict[str, np.ndarray]) -> None:
    if not same(got, want, 1e-4):  # a small number inside the logarithm changes the last digits
        for why, result in mistakes.items():
            if same(got, result, 1e-4):
                raise Wrong(why)
        judge(got, want, otherwise)


EXERCISE = Exercise(
    number="07",
    cell="together-solution",
    defines="together",
    text="""\
**Exercise: together.** Each stream gives every class a score, a probability. The paper adds the logits of the streams. A logit is \
the logarithm of the score, but for a number that all classes share. So: multiply the logarithms by the weights, add them, and make \
probabilities of the sum again. (difficulty 2 of 5, importance 5 of 5, 10 minutes)""",
    code='''\
def together(rgb, flow, share=0.5):
    """Scores `(N, K)` of both streams as one; `share` is the weight of the flow, from 0 to 1."""
    ### BEGIN SOLUTION
    logits = (1 - share) * np.log(rgb + 1e-9) + share * np.log(flow + 1e-9)
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)
    ### END SOLUTION
''',
    setup="import numpy as np",
    check=check,
    hints=(
        "First logarithms, then weights, then a sum over both streams. At last the scores of each video must sum to 1 again.",
        "`np.exp(logits)` makes numbers above 0 again; divide each row by its sum: `sum(axis=1, keepdims=True)`. A tiny number "
        "inside `np.log` keeps a score of 0 from breaking it.",
    ),
    explanation="Adding logarithms multiplies scores: a class must look likely to both streams. The mean of the scores would let "
    "one stream be outvoted less easily. Taking the highest logit away first changes no score and keeps `exp` small.",
    right=(
        """
        product = (rgb + 1e-9) ** (1 - share) * (flow + 1e-9) ** share
        return product / product.sum(1)[:, None]
        """,
        """
        logits = np.log(np.maximum(rgb, 1e-9)) * (1 - share) + np.log(np.maximum(flow, 1e-9)) * share
        rows = [np.exp(row) / np.exp(row).sum() for row in logits]
        return np.stack(rows)
        """,
    ),
    wrong=(
        Mistake("mean of the scores", "return (1 - share) * rgb + share * flow", "that is the mean of the scores"),
        Mistake(
            "logarithms left",
            "return (1 - share) * np.log(rgb + 1e-9) + share * np.log(flow + 1e-9)",
            "these are still logarithms",
        ),
        Mistake(
            "not divided",
            "return np.exp((1 - share) * np.log(rgb + 1e-9) + share * np.log(flow + 1e-9))",
            "do not sum to 1",
        ),
        Mistake(
            "over the videos",
            """
            scores = np.exp((1 - share) * np.log(rgb + 1e-9) + share * np.log(flow + 1e-9))
            return scores / scores.sum(axis=0, keepdims=True)
            """,
            "so use axis 1",
        ),
        Mistake(
            "no weights",
            """
            scores = (rgb + 1e-9) * (flow + 1e-9)
            return scores / scores.sum(axis=1, keepdims=True)
            """,
            "the weights are missing",
        ),
        Mistake(
            "weights exchanged",
            """
            scores = np.exp(share * np.log(rgb + 1e-9) + (1 - share) * np.log(flow + 1e-9))
            return scores / scores.sum(axis=1, keepdims=True)
            """,
            "`share` is the weight of the flow",
        ),
        Mistake(
            "score of zero",
            """
            with np.errstate(all="ignore"):
                scores = np.exp((1 - share) * np.log(rgb) + share * np.log(flow))
                return scores / scores.sum(axis=1, keepdims=True)
            """,
            "a score of 0 has no logarithm",
        ),
    ),
    equivalent=(),
)
