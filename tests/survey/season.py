"""What the tests of the group share: times, and a card that is done in all but its status."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

from labkit.survey.card.new import new_card

TOKYO = ZoneInfo("Asia/Tokyo")
RETRACE, QUO_VADIS, TSN, TSN_2018 = "hara-2018-retrace", "carreira-2017-quo-vadis", "wang-2016-tsn", "wang-2018-tsn"


def at(minutes: float = 0, *, day: int = 5) -> dt.datetime:
    """A moment of March 2018, minutes after nine in the morning in Tokyo."""
    return dt.datetime(2018, 3, day, 9, 0, tzinfo=TOKYO) + dt.timedelta(minutes=minutes)


def write_card(paper: str, reader: str, language: str = "en") -> Path:
    """A new card with words below each of its headings."""
    path = new_card(paper, format="cvpaper", language=language, reader=reader, today=dt.date(2018, 3, 5))
    head, *sections = path.read_text(encoding="utf-8").split("\n## ")
    written = [f"{heading.strip()}\n\n{_WORDS}\n" for heading in sections]
    path.write_text("\n## ".join([head, *written]), encoding="utf-8")
    return path


_WORDS = """A deeper network was trained from scratch on a large set of clips, and it did not overfit there; on the small
sets it did. The reader asks whether the number of clips or their variety made the difference."""
