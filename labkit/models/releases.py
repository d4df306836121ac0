"""Published weights that need other pixels than the network's clip says, and the signs that tell their files apart.

Plain data, without torch. The same network was published more than once, and each release scales its pixels its own
way. With the wrong scaling a network answers at random, and nothing looks wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labkit.clip import ClipSpec


@dataclass(frozen=True, kw_only=True)
class Release:
    """One release: its signs, and the pixels that it needs."""

    name: str
    sign: str  # a regular expression that matches one of its tensor names, as the file has them
    mean: tuple[float, ...] = ()  # per channel, in 0-255, as in a `ClipSpec`; empty where no clip is right
    std: tuple[float, ...] = ()
    # The architecture that the file names, where tensor names do not tell; "" for a file that names none.
    arch: str | None = None
    classes: int | None = None  # of its classifier, where that is a sign too
    advice: str = ""  # advice that a clip cannot express

    def signs(self, names: Mapping[str, Any], classes: int) -> bool:
        """Whether a file with these names may be of this release."""
        return self.classes in (None, classes) and any(re.search(self.sign, name) for name in names)

    def is_sure(self, metadata: Mapping[str, Any]) -> bool:
        """Whether it is, given that it may be."""
        return self.arch is None or bool(self.arch and re.fullmatch(self.arch, str(metadata.get("arch", ""))))


def follow_release(model: Any, contents: Any, classes: int) -> str:
    """Let `model.clip` follow the loaded file. Returns advice for the user, empty if there is none.

    `contents` are the file's, `classes` is its number of classes. A clip that was chosen by hand stays, and so does the
    clip if the file may be of another origin: then the advice names the clip to give.
    """
    clip: ClipSpec | None = getattr(model, "clip", None)
    default: ClipSpec | None = getattr(model, "default_clip", None)
    releases: tuple[Release, ...] = getattr(model, "releases", ())
    if not isinstance(clip, ClipSpec):
        return ""
    fits = [each for each in releases if each.signs(contents.tensors, classes) and _channels_fit(each, clip)]
    release = next(iter(fits), None)
    known = [(each.mean, each.std) for each in releases]
    ours = default is not None and _pixels(clip) in [_pixels(default), *known]
    if release is None:
        if default is not None and ours and contents.by_torch and _pixels(clip) != _pixels(default):
            model.clip = clip.but(mean=default.mean, std=default.std)  # another file of this network was loaded before
        return ""
    if not release.mean:
        return f"these are weights of {release.name}. {release.advice}"
    if _pixels(clip) == (release.mean, release.std):
        return ""
    sure = release.is_sure(contents.metadata)
    if sure and ours:
        model.clip = clip.but(mean=release.mean, std=release.std)
        return (
            f"these are weights of {release.name}, and network.clip follows them: mean={release.mean}, "
            f"std={release.std}. Clips cut by another one would be answered at random."
        )
    if not sure and not contents.by_torch:
        return ""
    told = f"these are weights of {release.name}" if sure else f"if these weights are of {release.name}"
    return (
        f"{told}, give them clips with mean={release.mean}, std={release.std} (create_model(..., clip=...)): "
        f"network.clip says mean={clip.mean}, std={clip.std}, which they would answer at random."
    )


def _pixels(clip: ClipSpec) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return clip.mean, clip.std


def _channels_fit(release: Release, clip: ClipSpec) -> bool:
    return not release.mean or len(release.mean) == clip.channels
