"""A made-up group to try things on: a copy of the library's papers and a season of readers, the same for one seed.

Readers are reader-a, reader-b, ...; institutions Institute A, B, ... One reader grows quiet towards the end, two hold
one paper, one stopwatch runs, and some ideas are rejected.
"""

import datetime as dt
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from labkit.atomic import create_folder, is_vacant
from labkit.survey.card.formats import TEMPLATES
from labkit.survey.card.front_matter import written
from labkit.survey.card.schema import Card, Mode
from labkit.survey.group.events import Event, make_event
from labkit.survey.group.log import ATTRIBUTES
from labkit.survey.group.settings import zone_of
from labkit.survey.group.state import fold
from labkit.survey.publication.files import paper_ids, read_paper, summaries_folder
from labkit.survey.publication.schema import Paper

DAYS = 70
MOST_PAPERS = 60  # of a larger library the first ones
QUIET = 16  # days for which one reader has been quiet

IDEAS = (
    ("Train on every second frame and compare the curves.", "keep", "It costs an afternoon and answers a question."),
    ("Average the scores of clips by the median.", "reject", "Tried on one split; no difference beyond the noise."),
    ("Read the confusion matrix before the accuracy.", "keep", "It showed two swapped labels at once."),
    ("Inflate with random time kernels.", "", ""),
    ("Use the audio track as a third stream.", "reject", "Half of the clips have no sound."),
)
PRAISE = (
    "The table of splits saved me an hour.",
    "Your question about the missing protocol was the right one.",
    "A card that one can read in two minutes.",
)


@dataclass
class _Season:
    """What has happened so far."""

    chance: random.Random
    papers: list[str]
    cards: dict[tuple[str, str], tuple[dt.datetime, float, Mode]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def tell(self, person: str, at: dt.datetime, kind: str, **about: object) -> Event:
        self.events.append(make_event(person, at, kind, **about))
        return self.events[-1]

    def free(self) -> list[str]:
        taken = {paper for paper, _ in fold(self.events).readings}
        return [paper for paper in self.papers if paper not in taken]

    def choose(self, person: str) -> str | None:
        """A paper that nobody has touched, or now and then a second reading; a quarter of all papers stays untouched."""
        free = self.free()
        second = [paper for paper, reader in self.cards if reader != person and (paper, person) not in self.cards]
        if len(free) <= len(self.papers) // 4 or (second and self.chance.random() < 0.15):
            return self.chance.choice(second) if second else None
        return self.chance.choice(free)


def make_demo(
    folder: str | Path, *, seed: int = 0, readers: int = 6, until: dt.date | None = None, zone: str = "Asia/Tokyo"
) -> Path:
    """Make a library with a group in it, which ends in the evening of `until`, or now; return its folder.

    Raises `FileExistsError` where the folder has something in it, `ValueError` for an unknown zone.
    """
    folder = Path(folder).expanduser()
    clock = zone_of(zone)
    if not is_vacant(folder):
        raise FileExistsError(f"{folder} is not empty; name a new folder")
    source = summaries_folder()
    papers = [paper for paper in paper_ids() if read_paper(paper).kind == "paper"][:MOST_PAPERS]
    people = [f"reader-{chr(ord('a') + number)}" for number in range(readers)]
    now = dt.datetime.now(clock).replace(second=0, microsecond=0)
    last = dt.datetime.combine(until, dt.time(18), clock) if until else now
    season = _play(random.Random(seed), papers, people, last)

    def fill(place: Path) -> None:
        for paper in papers:
            shutil.copytree(source / paper, place / paper, ignore=shutil.ignore_patterns("cards"))
        for (paper, person), (at, minutes, mode) in season.cards.items():
            _write_card(place, read_paper(paper), person, _institution(people.index(person)), at, minutes, mode)
        _write_group(place, season.events, people, zone)

    return create_folder(folder, fill)


def _institution(number: int) -> str:
    """Two or three readers each: A A A, B B, C, then three more."""
    return f"Institute {'ABC'[(number % 6 >= 3) + (number % 6 >= 5)]}{'' if number < 6 else number // 6 + 1}"


def _play(chance: random.Random, papers: list[str], people: list[str], last: dt.datetime) -> _Season:
    season = _Season(chance, papers)
    first = last - dt.timedelta(days=DAYS)
    for number, person in enumerate(people):
        season.tell(person, first + dt.timedelta(minutes=number), "join", institution=_institution(number))
    season.tell(people[0], first + dt.timedelta(hours=1), "goal", month=f"{first:%Y-%m}", skims=12, close=3)
    quiet = people[1]
    for day in range(1, DAYS):
        morning = (first + dt.timedelta(days=day)).replace(hour=9)
        for number, person in enumerate(people):
            if person == quiet and day > DAYS - QUIET:
                continue
            if chance.random() < (0.25 if person == quiet else 0.16 - 0.01 * number):
                _read(season, person, morning + dt.timedelta(minutes=chance.randrange(480)))
    _talk(season, people, first)
    _today(season, people, last)
    return season


def _read(season: _Season, person: str, at: dt.datetime) -> None:
    """One paper, from the claim to the card."""
    paper = season.choose(person)
    if paper is None:
        return
    mode: Mode = "close" if season.chance.random() < 0.2 else "skim"
    minutes = round(season.chance.uniform(60, 130) if mode == "close" else season.chance.uniform(12, 38), 1)
    end = at + dt.timedelta(minutes=5 + minutes)
    season.tell(person, at, "claim", paper=paper)
    season.tell(person, at + dt.timedelta(minutes=5), "start", paper=paper, mode=mode)
    season.tell(person, end, "stop", paper=paper, minutes=minutes)
    season.tell(person, end + dt.timedelta(minutes=20), "done", paper=paper, card=f"en-{person}.md")
    season.cards[paper, person] = (end, minutes, mode)


def _talk(season: _Season, people: list[str], first: dt.datetime) -> None:
    """Ideas with what became of them, and praise for cards that are there."""
    chance = season.chance
    for number, (text, verdict, reason) in enumerate(IDEAS):
        at = first + dt.timedelta(days=10 + 11 * number, hours=1)
        idea = season.tell(chance.choice(people), at, "idea", text=text, paper=chance.choice(season.papers))
        if verdict:
            season.tell(chance.choice(people), at + dt.timedelta(days=2), verdict, idea=idea.id, reason=reason)
    for number, text in enumerate(PRAISE):
        paper, author = chance.choice(sorted(season.cards)) if season.cards else (season.papers[0], people[0])
        others = [person for person in people if person != author]
        at = first + dt.timedelta(days=DAYS - 1 - 9 * number, hours=2)
        season.tell(chance.choice(others), at, "praise", to=author, text=text, paper=paper)


def _today(season: _Season, people: list[str], last: dt.datetime) -> None:
    """What is open at the end: two readers on one paper, and a stopwatch that runs."""
    free = season.free()
    if len(free) < 2:
        return
    season.tell(people[0], last - dt.timedelta(days=3), "claim", paper=free[0])
    season.tell(people[-1], last - dt.timedelta(days=1), "claim", paper=free[0])
    season.tell(people[-1], last - dt.timedelta(minutes=12), "start", paper=free[0], mode="skim")
    season.tell(people[0], last - dt.timedelta(hours=2), "claim", paper=free[1])


def _write_card(
    folder: Path, paper: Paper, person: str, institution: str, at: dt.datetime, minutes: float, mode: Mode
) -> None:
    about = {
        "paper": paper.id,
        "language": "en",
        "format": "cvpaper",
        "reader": person,
        "institution": institution,
        "mode": mode,
        "goal": "Try the reading group.",
        "minutes": {"spent": round(minutes), "budget": 60 if mode == "close" else 30},
        "status": "done",
        "version": 1,
        "date": at.date().isoformat(),
        "keywords": list(paper.keywords[:3]),
    }
    name = Card.model_validate(about).file_name
    head = "".join(f"{key}: {value if key == 'date' else written(value)}\n" for key, value in about.items())
    body = "".join(f"\n## {asked.en}\n\n{_words(paper, asked.role)}\n" for asked in TEMPLATES["cvpaper"])
    path = folder / paper.id / "cards" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"---\n{head}---\n\n# {paper.title}\n{body}", encoding="utf-8", newline="\n")


def _words(paper: Paper, role: str) -> str:
    """A sentence or two that are true of any card of a made-up reader."""
    if role == "what":
        claims = " ".join(claim.text for claim in paper.claims[:1])
        return f"{claims} This card is made up, so that there is one to check off.".strip()
    if role == "links":
        return "\n".join(f"- <{link.url}>" for link in paper.links[:3]) or "None yet."
    return "A reader would write here; this one is made up."


def _write_group(folder: Path, events: list[Event], people: list[str], zone: str) -> None:
    log = folder / "group" / "log"
    log.mkdir(parents=True)
    (folder / "group" / "group.yaml").write_text(f"zone: {zone}\nname: A made-up group\n", encoding="utf-8")
    (folder / "group" / ".gitattributes").write_bytes(ATTRIBUTES.encode())
    for person in people:
        lines = [event.line for event in sorted(events, key=lambda event: event.at) if event.person == person]
        (log / f"{person}.jsonl").write_bytes("".join(f"{line}\n" for line in lines).encode())
