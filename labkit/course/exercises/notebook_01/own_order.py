"""The frames of each clip in a random order of its own."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import form

CLIPS, COLOURS, FRAMES = 8, 2, 7


def check(without_order: Any) -> None:
    """Find out where each frame of eight clips went, in two calls."""
    import torch

    batch = torch.arange(CLIPS * COLOURS * FRAMES * 3 * 4.0).reshape(CLIPS, COLOURS, FRAMES, 3, 4)
    given = batch.clone()
    results = [without_order(given), without_order(given)]
    if not torch.equal(given, batch):
        raise Wrong("the batch that your function gets is changed; make a new one")
    drawn = [_orders(result, batch) for result in results]
    for orders in drawn:
        _judge_orders(orders)
    if drawn[0] == drawn[1]:
        raise Wrong("a second call gives the same orders; draw new ones each time, without a seed of your own")


def _orders(result: Any, batch: Any) -> list[tuple[int, ...]]:
    """For each clip, the numbers that its frames had. Raises `Wrong` if the result has other pictures than the batch."""
    if form(result) != form(batch):
        raise Wrong(f"the result is {form(result)}; it should be {form(batch)}")
    places = {tuple(frame.flatten().tolist()): (b, t) for b, clip in enumerate(batch) for t, frame in _frames(clip)}
    found = [[places.get(tuple(frame.flatten().tolist())) for _, frame in _frames(clip)] for clip in result]
    if any(place is None for clip in found for place in clip):
        raise Wrong("the pictures are no longer whole: move frames with all their colours and pixels, along axis 2")
    whole = [[place for place in clip if place is not None] for clip in found]
    if any(b != n for n, clip in enumerate(whole) for b, _ in clip):
        raise Wrong("frames have gone from one clip to another; each clip should keep its own frames")
    orders = [tuple(t for _, t in clip) for clip in whole]
    if any(len(set(order)) < FRAMES for order in orders):
        raise Wrong("some frames come twice and others never; draw an order, in which each frame comes once")
    return orders


def _frames(clip: Any) -> Any:
    return enumerate(clip.unbind(1))


def _judge_orders(orders: list[tuple[int, ...]]) -> None:
    own = tuple(range(FRAMES))
    if set(orders) == {own}:
        raise Wrong("the frames are still in order")
    if len(set(orders)) == 1:
        raise Wrong(
            "every clip gets the same order. A network can learn this one order, and then it knows the direction again"
        )
    if all(order in {own[k:] + own[:k] for k in own} for order in orders):
        raise Wrong(
            "neighbours are still neighbours: only the start of each clip has moved, and the direction is still there"
        )
    if len(set(orders)) < CLIPS // 2:
        raise Wrong(f"{CLIPS} clips got only {len(set(orders))} orders; draw one for each clip")


EXERCISE = Exercise(
    number="01",
    cell="own-order-solution",
    defines="without_order",
    text="""\
**Exercise 4** (difficulty 3 of 5, importance 3 of 5, 10 minutes). How does one take the order away, and nothing else? Write \
`without_order`: the frames of each clip in a random order. Be careful: a network must not be able to learn the order.""",
    code='''\
def without_order(batch):
    """`(B, C, T, H, W)` to the same shape: each clip has its own frames, in random order."""
    ### BEGIN SOLUTION
    mixed = [each[:, torch.randperm(each.shape[1])] for each in batch]
    return torch.stack(mixed)
    ### END SOLUTION
''',
    check=check,
    setup="import torch",
    hints=(
        "`torch.randperm(n)` draws an order of n things. How many orders do you need for a batch? Which axis does each one "
        "belong to?",
        "Go through the batch clip by clip. A clip is `(C, T, H, W)`, and `clip[:, order]` has its frames in that order. "
        "`torch.stack` puts the clips together again.",
    ),
    explanation="Each clip needs an order of its own. With one order for all clips, frame 5 may always come first; a network learns "
    "this, sees time again, and the experiment measures nothing. labkit's `Reordered` draws an order for each clip, too.",
    right=(
        """
        order = torch.rand(batch.shape[0], batch.shape[2]).argsort(1)
        return batch.gather(2, order[:, None, :, None, None].expand_as(batch))
        """,
        """
        new = batch.clone()
        for n in range(len(batch)):
            new[n] = batch[n].index_select(1, torch.randperm(batch.shape[2]))
        return new
        """,
    ),
    wrong=(
        Mistake(
            "one order for all", "return batch[:, :, torch.randperm(batch.shape[2])]", "every clip gets the same order"
        ),
        Mistake("the clips", "return batch[torch.randperm(len(batch))]", "from one clip to another"),
        Mistake(
            "with repetition",
            "return torch.stack([c[:, torch.randint(c.shape[1], (c.shape[1],))] for c in batch])",
            "some frames come twice",
        ),
        Mistake(
            "each colour by itself",
            """
            planes = batch.flatten(0, 1)
            planes = torch.stack([p[torch.randperm(len(p))] for p in planes])
            return planes.reshape(batch.shape)
            """,
            "no longer whole",
        ),
        Mistake(
            "moved in a circle",
            "return torch.stack([c.roll(int(torch.randint(c.shape[1], ())), 1) for c in batch])",
            "neighbours are still neighbours",
        ),
        Mistake(
            "backwards or not",
            "return torch.stack([c.flip(1) if torch.rand(()) < 0.5 else c for c in batch])",
            "clips got only 2 orders",
        ),
        Mistake(
            "a seed of its own",
            "torch.manual_seed(0)\nreturn torch.stack([c[:, torch.randperm(c.shape[1])] for c in batch])",
            "a second call gives the same orders",
        ),
        Mistake(
            "in place",
            "for c in batch:\n    c[:] = c[:, torch.randperm(c.shape[1])]\nreturn batch",
            "is changed",
        ),
    ),
)
