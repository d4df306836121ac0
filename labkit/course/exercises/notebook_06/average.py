"""Scores of windows into scores of videos."""

from typing import Any

import numpy as np

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import judge

SCORES = np.array(
    [[0.7, 0.2, 0.1, 0.0], [0.1, 0.6, 0.2, 0.1], [0.5, 0.4, 0.0, 0.1], [0.3, 0.3, 0.3, 0.1], [0.0, 0.0, 0.1, 0.9], [0.2, 0.7, 0.1, 0.0]]
)  # fmt: skip
VIDEOS = np.array(["v2", "v3", "v2", "v1", "v3", "v2"])  # not in order, and with one, two and three windows
ROWS = {"v1": [3], "v2": [0, 2, 5], "v3": [1, 4]}


def check(mean_by_video: Any) -> None:
    """Ask for three videos whose windows are mixed; then for two others."""
    given = mean_by_video(SCORES.copy(), VIDEOS.copy())
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise Wrong("return two things: the names and their mean scores")
    names, means = [str(name) for name in given[0]], np.asarray(given[1], dtype=float)
    judge(
        names,
        list(ROWS),
        "the windows belong to the videos v1, v2, v3: give each name once, sorted",
        mistakes={
            "give each name once, not once for each window": VIDEOS.tolist(),
            "the names are not sorted": ["v2", "v3", "v1"],
        },
    )
    right = _of_videos(lambda rows: rows.mean(axis=0))
    sums, shares = _of_videos(lambda rows: rows.sum(axis=0)), np.exp(right)
    best = np.eye(4)[SCORES.argmax(axis=1)]
    judge(
        means,
        right,
        "the mean scores are not right; with the windows v2, v3, v2, v1, v3, v2, rows 0, 2 and 5 belong to v2",
        mistakes={
            "that is the sum; divide by the number of windows of each video": sums,
            "you divide by the number of all windows; each video has its own number": sums / len(SCORES),
            "you divide by the number of videos; each video has its own number of windows": sums / 3,
            "that is the largest score of each class; take the mean": _of_videos(lambda rows: rows.max(axis=0)),
            "that is the first window of each video; take the mean of all": _of_videos(lambda rows: rows[0]),
            "you took the mean over the classes; take it over the windows of a video": _of_videos(lambda r: r.mean(axis=1)[:1])[:, 0],
            "these are the answers counted; average the scores, not the answers": np.array([best[r].mean(axis=0) for r in ROWS.values()]),
            "softmax after the mean is one too many: the scores are shares already": shares / shares.sum(axis=1, keepdims=True),
            "the names are sorted, but the rows of the scores are not in the same order": right[[1, 2, 0]],
        },
    )  # fmt: skip
    names, means = mean_by_video(np.array([[0.25, 0.75], [0.5, 0.5], [0.75, 0.25]]), ["b", "a", "b"])
    judge(
        [[str(name) for name in names], np.asarray(means)], [["a", "b"], np.full((2, 2), 0.5)], "b, a, b gives a and b"
    )


def _of_videos(summary: Any) -> Any:
    return np.array([summary(SCORES[rows]) for rows in ROWS.values()])


EXERCISE = Exercise(
    number="06",
    cell="average",
    defines="mean_by_video",
    text="""\
**Exercise 1** (difficulty 2 of 5, importance 5 of 5, 10 minutes). Turn scores of windows into scores of videos. `scores` is `(N, \
K)`; `videos` has the name of the video of each row. Return the names, each once and sorted, and their mean scores `(V, K)`.""",
    code='''\
def mean_by_video(scores, videos):
    """Names `(V,)` and mean scores `(V, K)` of the videos; `scores` `(N, K)` has a row for each window."""
    ### BEGIN SOLUTION
    names, number = np.unique(videos, return_inverse=True)
    sums = np.zeros((len(names), scores.shape[1]))
    np.add.at(sums, number, scores)
    return names, sums / np.bincount(number)[:, None]
    ### END SOLUTION
''',
    check=check,
    hints=(
        "`np.unique(videos)` gives the names. For one name, which rows of `scores` are its windows?",
        "`scores[np.asarray(videos) == name].mean(axis=0)` are the mean scores of one video. Do this for each name, and put the "
        "rows into one array.",
    ),
    explanation="`return_inverse` numbers the windows by their video. `np.add.at` adds each window's row to the row of its video, "
    "and `bincount` says how many there were. A loop over the names is as right; with many videos it takes more time.",
    right=(
        """
        names = sorted(set(videos))
        return names, np.stack([scores[np.asarray(videos) == name].mean(axis=0) for name in names])
        """,
        """
        means = pd.DataFrame(scores).groupby(list(videos)).mean()
        return means.index.to_numpy(), means.to_numpy()
        """,
    ),
    wrong=(
        Mistake(
            "sum",
            "sums = pd.DataFrame(scores).groupby(list(videos)).sum()\nreturn sums.index, sums.to_numpy()",
            "that is the sum",
        ),
        Mistake(
            "divided by all windows",
            "sums = pd.DataFrame(scores).groupby(list(videos)).sum()\nreturn sums.index, sums.to_numpy() / len(scores)",
            "the number of all windows",
        ),
        Mistake(
            "divided by the videos",
            "sums = pd.DataFrame(scores).groupby(list(videos)).sum()\nreturn sums.index, sums.to_numpy() / len(sums)",
            "the number of videos",
        ),
        Mistake(
            "largest",
            "most = pd.DataFrame(scores).groupby(list(videos)).max()\nreturn most.index, most.to_numpy()",
            "the largest score",
        ),
        Mistake(
            "first window",
            "first = pd.DataFrame(scores).groupby(list(videos)).first()\nreturn first.index, first.to_numpy()",
            "the first window",
        ),
        Mistake(
            "wrong axis",
            "names = np.unique(videos)\n"
            "return names, np.array([scores[np.asarray(videos) == name].mean(axis=1)[0] for name in names])",
            "the mean over the classes",
        ),
        Mistake(
            "votes",
            "votes = pd.DataFrame(np.eye(scores.shape[1])[scores.argmax(axis=1)]).groupby(list(videos)).mean()\n"
            "return votes.index, votes.to_numpy()",
            "average the scores, not the answers",
        ),
        Mistake(
            "softmax after the mean",
            "means = pd.DataFrame(scores).groupby(list(videos)).mean()\n"
            "return means.index, torch.tensor(means.to_numpy()).softmax(1).numpy()",
            "softmax after the mean",
        ),
        Mistake(
            "rows in another order",
            "means = pd.DataFrame(scores).groupby(list(videos), sort=False).mean()\n"
            "return sorted(means.index), means.to_numpy()",
            "not in the same order",
        ),
        Mistake(
            "not sorted",
            "means = pd.DataFrame(scores).groupby(list(videos), sort=False).mean()\nreturn means.index, means.to_numpy()",
            "the names are not sorted",
        ),
        Mistake("a name for each window", "return videos, scores", "not once for each window"),
        Mistake(
            "no names",
            "return pd.DataFrame(scores).groupby(list(videos)).mean().to_numpy()",
            "return two things",
        ),
    ),
    setup="import numpy as np\nimport pandas as pd\nimport torch\n",
)
