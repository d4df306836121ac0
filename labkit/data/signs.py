"""By which names of videos a published dataset is known, so that the wrong archive is told apart before it is unpacked."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from labkit.counting import counted
from labkit.data.video_file import shown
from labkit.data.videos_below import VIDEO_SUFFIXES

_KINETICS = r"[\w-]{11}(_\d{6}_\d{6})?"
SIGNS = {  # of a file's name without its suffix; kinds with names of any form are not here
    "ucf101": r"v_[A-Za-z]+_g\d+_c\d+",
    "hmdb51": r".+_[fhlu]_[cn]m_np\d_(ba|fr|le|ri)_(goo|med|bad)_\d+",
    "kinetics400": _KINETICS,
    "kinetics600": _KINETICS,
    "kinetics700": _KINETICS,
    "activitynet": r"(v_)?[\w-]{11}",
    "something": r"\d+",
}


class WrongDatasetError(ValueError):
    """The videos have the names of another dataset than the one that was asked for."""


def check_names(kind: str, names: Iterable[str]) -> None:
    """Raise `WrongDatasetError` if there are videos among the names, and not one is named as those of `kind` are.

    Other names than videos' do not count. The message says which dataset has such names.
    """
    sign = SIGNS.get(kind)
    videos = [path for path in map(PurePosixPath, names) if path.suffix.lower() in VIDEO_SUFFIXES]
    if sign is None or not videos or any(re.fullmatch(sign, path.stem) for path in videos):
        return
    likes = [other for other, form in SIGNS.items() if all(re.fullmatch(form, path.stem) for path in videos)]
    like = f"; {' and '.join(likes)} has such names" if likes else ""
    raise WrongDatasetError(
        f"these are not the videos of {kind}: of {counted(len(videos), 'name')} none has its form, "
        f"the first is {shown(videos[0].name)!r}{like}"
    )
