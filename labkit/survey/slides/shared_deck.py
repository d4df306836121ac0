"""One deck of slides for a paper that several people improve, version by version.

```
new_deck("hara-2018-retrace", reader="reader-a")                    # from the cards there are: version 1
raise_version("hara-2018-retrace", "Shorter method.", reader="reader-b")   # after editing its files: version 2
write_slides(paper_deck("hara-2018-retrace"), "retrace.html")
```

Its slides are the files of `deck_files`. Its versions are lines of the members' own logs, so that two who raise it at
the same time do not meet in one file either: the version is how many times somebody did, in the order of time.
"""

import datetime as dt
import html
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from labkit.survey.card.file import CardFile, cards
from labkit.survey.card.formats import ROLES, role_of
from labkit.survey.card.markdown import definitions
from labkit.survey.card.markup import as_html
from labkit.survey.card.reviews import guess_language
from labkit.survey.card.schema import CardLanguage
from labkit.survey.card.show import is_told
from labkit.survey.group.events import Event
from labkit.survey.group.log import own_log, read_events
from labkit.survey.group.settings import local_now
from labkit.survey.library.deck_files import Part, deck_files, deck_folder, deck_problems, read_part
from labkit.survey.publication.files import read_paper
from labkit.survey.publication.ids import reader_id
from labkit.survey.publication.schema import Paper
from labkit.survey.slides.decks import paper_lines, portions, table
from labkit.survey.slides.labels import LABELS
from labkit.survey.slides.page import Deck, Slide
from labkit.survey.slides.sections import Topic, figures, topic_slides, topics

STALE = 3600  # seconds after which nobody is still writing a deck's first version
LISTS = 800  # place of the lists in the cards' front matter: after all sections


def new_deck(
    paper_id: str, *, reader: str, language: CardLanguage | None = None, now: dt.datetime | None = None
) -> tuple[Path, ...]:
    """Write the first version of a paper's deck from its cards in one language, by default that of most of them.

    Raises `LookupError` for an unknown paper, or one without a card, `FileExistsError` where it has a deck.
    """
    paper, folder, now = read_paper(paper_id), deck_folder(paper_id), now or local_now()
    reader_id(reader)
    chosen = _chosen(paper, language)
    drafts: dict[str, str] = {}
    for card in chosen:
        for place, slug, heading, text in _drafts(card, paper):
            while (name := f"{place:03d}-{slug}-{card.about.reader}.md") in drafts:
                place += 1
            drafts[name] = f"# {heading}\n\n{text}".rstrip() + "\n"
    if not drafts:
        raise LookupError(f"the cards of {paper.id} have no words yet; a deck is made from their words")
    _write(drafts, folder)
    with own_log(reader, now) as log:
        readers = sorted({card.about.reader for card in chosen})
        log.add("deck", paper=paper.id, what=f"from the cards of {', '.join(readers)}", readers=readers)
    return deck_files(folder)


def raise_version(paper_id: str, what: str, *, reader: str, now: dt.datetime | None = None) -> int:
    """Say what was improved; returns the version that this makes.

    Raises `LookupError` where there is no deck, `ValueError` where nothing is said, or a slide is wrong.
    """
    reader_id(reader)
    read_deck(paper_id)
    if not what.strip():
        raise ValueError("what was improved? Say it in a line, such as 'Shorter method, a figure of the block.'")
    problems = [one for one in deck_problems(deck_folder(paper_id)) if one.severity == "error"]
    if problems:
        raise ValueError(f"{problems[0]}{f' (and {len(problems) - 1} more)' if len(problems) > 1 else ''}")
    with own_log(reader, now or local_now()) as log:
        log.add("deck", paper=paper_id, what=what.strip())
    return len(versions(paper_id))


def versions(paper_id: str) -> tuple[Event, ...]:
    """The events that raised the deck's version, in order; the first made the deck."""
    return tuple(event for event in read_events() if event.kind == "deck" and event["paper"] == paper_id)


def read_deck(paper_id: str) -> tuple[Part, ...]:
    """The slides as they are written. Raises `LookupError` where there are none, `SummaryError` for a bad one."""
    files = deck_files(deck_folder(paper_id))
    if not files:
        raise LookupError(f"{paper_id} has no deck yet; `labkit deck new {paper_id}` makes one from its cards")
    return tuple(map(read_part, files))


def paper_deck(paper_id: str) -> Deck:
    """The deck of a paper: which version it is, who contributed, its slides, and what each version changed.

    Raises as `read_deck` does.
    """
    paper, parts, steps = read_paper(paper_id), read_deck(paper_id), versions(paper_id)
    spoken = [guess_language(f"{part.heading}\n{part.text}") for part in parts]
    language = Counter(spoken).most_common(1)[0][0]
    names = dict.fromkeys(name for step in steps for name in (*_readers(step), step.person))
    version = LABELS[language]["version"].format(max(1, len(steps)))
    about = " · ".join(part for part in (version, str(steps[-1].at.date()) if steps else "", ", ".join(names)) if part)
    lines = [*paper_lines(paper, language), f'<p class="about">{html.escape(about)}</p>']
    references = {name: one for part in parts for name, one in definitions(part.text).items()}
    show = partial(as_html, figure=figures(paper.id), references=references)
    slides = [Slide("".join(lines), language, "title")]
    for part, tongue in zip(parts, spoken, strict=True):
        slides += topic_slides(Topic(part.heading, part.text), show, tongue)
    slides += _history(steps, language)
    return Deck(paper.title, language, tuple((slide,) for slide in slides), f"{paper.short} · {version}")


def _write(drafts: dict[str, str], folder: Path) -> None:
    """Make the folder of these files, whole or not at all. Of two who do it at once, one gets `FileExistsError`."""
    for left in folder.parent.glob(".deck-*"):  # by a process that was killed
        with suppress(FileNotFoundError):  # another process has just made a deck of it
            if time.time() - left.stat().st_mtime > STALE:
                shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=".deck-", dir=folder.parent))
    try:
        for name, text in drafts.items():
            (made / name).write_text(text, encoding="utf-8", newline="\n")
        made.chmod(0o777 & folder.parent.stat().st_mode)
        made.rename(folder)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        if not deck_files(folder):
            raise
        instead = f"edit its slides, then `labkit deck raise {folder.parent.name} WHAT`"
        raise FileExistsError(f"{folder} is there already; {instead}") from error


def _readers(step: Event) -> Sequence[str]:
    """Whose cards the deck was made from; from a log, so it may be anything."""
    told = step["readers"]
    return [one for one in told if isinstance(one, str)] if isinstance(told, list) else []


def _history(steps: Sequence[Event], language: CardLanguage) -> Iterator[Slide]:
    words, e = LABELS[language], html.escape
    rows = [
        f"<tr><td>{e(words['version'].format(number))}</td><td>{step.at.date()}</td><td>{e(step.person)}</td>"
        f'<td class="wide">{e(str(step["what"]))}</td></tr>'
        for number, step in enumerate(steps, start=1)
    ]
    for some in portions(rows[::-1], 8):
        yield Slide(f"<h2>{e(words['history'])}</h2>{table(some)}", language)


def _chosen(paper: Paper, language: CardLanguage | None) -> list[CardFile]:
    """The cards to begin with, the highest version first. Raises `LookupError` where there is none."""
    there = list(cards(paper.id))
    if not there:
        raise LookupError(f"{paper.id} has no card yet; `labkit card new {paper.id} --reader NAME` begins one")
    counted = Counter(card.about.language for card in there)
    wanted = language or counted.most_common(1)[0][0]
    found = [card for card in there if card.about.language == wanted]
    if not found:
        raise LookupError(f"{paper.id} has no card in {wanted!r}; it has some in {', '.join(sorted(counted))}")
    return sorted(found, key=lambda card: (-card.about.version, card.about.reader))


def _drafts(card: CardFile, paper: Paper) -> Iterator[tuple[int, str, str, str]]:
    """The slides that a card gives to a deck: place, name, heading and text. Sections of one role stand together."""
    title = card.title.heading if card.title else ""
    place = 5
    if title and not is_told(title, paper) and not any(topic.heading == title for topic in topics(card)):
        yield place, "title", title, ""
    for heading, text in topics(card):
        if heading in ("", title) and is_told(text, paper):
            continue
        role = role_of(heading) if heading not in ("", title) else None
        place = 10 * (1 + ROLES.index(role)) if role else place + 1
        used = [f"[{name}]: <{one['href']}>" for name, one in card.references.items() if f"[{name}" in text.upper()]
        yield place, role or "part", heading or paper.short, "\n\n".join([text.strip("\n"), *used])
    words, about = LABELS[card.about.language], card.about
    claims = [(one.text, one.source or words["unsure"], one.disputes, one.evidence) for one in about.claims]
    questions = [(one.text, one.dataset, one.condition) for one in about.questions]
    following = [(one.text, one.paper or "") for one in about.next]
    listed: tuple[tuple[str, Sequence[tuple[str, ...]]], ...] = (
        ("claims", claims),
        ("questions", questions),
        ("next", following),
    )
    for number, (name, items) in enumerate(listed):
        if items:
            yield LISTS + 10 * number, name, words[name], "\n".join(_item(*item) for item in items)


def _item(text: str, *more: str) -> str:
    """An item of a Markdown list with plain text, escaped."""
    told = [re.sub(r"([\\`*_\[\]<>|~#])", r"\\\1", " ".join(one.split())) for one in (text, *more) if one]
    return f"- {told[0]}" + (f" ({'; '.join(told[1:])})" if len(told) > 1 else "")
