"""Adds a queued paper to the library: writes its `paper.yaml`, so that readers can write cards of it.

Everything in it comes from the venue's list, which is named as the source of its numbers; what the list does not say
is left out.
"""

import re
from pathlib import Path

from labkit.atomic import create
from labkit.names import did_you_mean
from labkit.survey.card.front_matter import written
from labkit.survey.card.reviews import guess_language
from labkit.survey.publication.files import own_place, paper_folder, paper_ids, parse_paper, summaries_folder
from labkit.survey.publication.problems import SummaryError
from labkit.survey.queue.lists import Queued
from labkit.survey.queue.people import people
from labkit.survey.queue.references import compared
from labkit.survey.queue.venue import queue_path, queued, venues


def add_paper(paper_id: str) -> Path:
    """Write `summaries/<id>/paper.yaml` of a queued paper; returns it.

    Raises `LookupError` with the nearest id where no queue has it, `FileExistsError` where the library has it already,
    `SummaryError` where the list lacks authors or year, or its authors can be read in two ways.
    """
    waiting: dict[str, list[tuple[str, Queued]]] = {}
    for venue in venues():
        for one in queued(venue):
            waiting.setdefault(one.id, []).append((venue, one))
    if paper_id in paper_ids():
        raise FileExistsError(f"{paper_id} is in the library: {paper_folder(paper_id)}")
    if paper_id not in waiting:
        raise LookupError(
            f"no queue has a paper {paper_id!r}{did_you_mean(paper_id, waiting)} `labkit papers queue VENUE` shows one"
        )
    if len({compared(one.title) for _, one in waiting[paper_id]}) > 1:
        where = ", ".join(f"{queue_path(venue)} line {one.line} ({one.title})" for venue, one in waiting[paper_id])
        raise LookupError(f"{paper_id} is the id of several papers: {where}; give each its own id there")
    venue, one = waiting[paper_id][0]
    try:
        text = _paper_yaml(one, venue)
    except ValueError as error:
        raise SummaryError(queue_path(venue), str(error), one.line) from None
    path = summaries_folder() / paper_id / "paper.yaml"
    parse_paper(path, text)
    return create(own_place(path), lambda temporary: temporary.write_text(text, encoding="utf-8", newline="\n"))


def _paper_yaml(one: Queued, venue: str) -> str:
    language = guess_language(one.title)
    authors, others = people(one.authors)
    year = int(one.year) if one.year.isdecimal() else None
    source = one.source or f"the list of {venue}"
    about = {
        "id": one.id,
        "language": language if language != "en" else None,
        "titles": {language: one.title},
        "authors": authors,
        "and_others": others,
        "year": year,
        "venue": one.venue or _spoken(venue),
        "pages": one.pages,
        "arxiv": {"id": one.arxiv, "source": source} if one.arxiv else None,
        "doi": {"id": one.doi, "source": source} if one.doi else None,
        "links": [{"title": "Paper", "url": one.url}] if one.url else None,
    }
    return "".join(f"{key}: {written(value)}\n" for key, value in about.items() if value)


def _spoken(venue: str) -> str:
    """The name of a venue from its queue's name: `CVPR 2018` from `cvpr-2018`."""
    return re.sub(r"^[a-z]+(?=-|$)", lambda found: found[0].upper(), venue).replace("-", " ")
