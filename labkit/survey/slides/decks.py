"""The slides of one card, of a session, of a stream. All text of readers goes through `markup`."""

import html
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from labkit.names import did_you_mean
from labkit.survey.card.file import CardFile, card_paths, read_card
from labkit.survey.card.schema import Card, CardClaim, CardLanguage
from labkit.survey.card.show import best_card, is_told
from labkit.survey.library.shelf import Shelf, open_shelf
from labkit.survey.publication.files import paper_ids, read_paper
from labkit.survey.publication.schema import Paper
from labkit.survey.queue.references import compared
from labkit.survey.queue.venue import queued
from labkit.survey.slides.labels import LABELS
from labkit.survey.slides.page import Deck, Slide
from labkit.survey.slides.sections import inline, sections, shower

e = html.escape


def card_deck(card: CardFile) -> Deck:
    """One card: the paper, each section, claims, open questions, what to read next, and how the card came to its version.

    Raises `SummaryError` where the card cannot be read, `LookupError` where its paper is not in the library.
    """
    paper, about = read_paper(card.about.paper), card.about
    words = LABELS[about.language]
    slides = [_title(paper, card), *sections(card, paper), *_listed(paper, about), _history([card], about.language)]
    foot = f"{paper.short} · {about.reader} · {words['version'].format(about.version)}"
    return Deck(paper.title, about.language, tuple((slide,) for slide in slides), foot)


def session_deck(
    title: str, papers: Sequence[str], *, language: CardLanguage = "en", untaken: Iterable[str] = ()
) -> Deck:
    """Several papers: a list, then one column per paper with its card in this language, else in another.

    `untaken` are titles that the library does not have. Raises `LookupError` for an unknown id, `ValueError` for none.
    """
    return _of_papers(title, [read_paper(one) for one in papers], language, tuple(untaken))


def venue_deck(venue: str, session: str = "", *, language: CardLanguage = "en") -> Deck:
    """The papers of a venue's reading queue, all or of one session. Papers outside the library are shown by title.

    Raises `LookupError`, naming the nearest, for a venue or a session that is not there.
    """
    listed = queued(venue)
    chosen = [one for one in listed if not session or compared(one.session) == compared(session)]
    if not chosen:
        known = list(dict.fromkeys(one.session for one in listed if one.session))
        raise LookupError(f"{venue} has no session {session!r}{did_you_mean(session, known)}")
    known_papers = set(paper_ids())
    papers = [one.id for one in chosen if one.id in known_papers]
    untaken = [one.title for one in chosen if one.id not in known_papers]
    return session_deck(
        " · ".join(part for part in (venue, session) if part), papers, language=language, untaken=untaken
    )


def stream_deck(keyword: str, *, language: CardLanguage = "en", shelf: Shelf | None = None) -> Deck:
    """All papers with a keyword, of the paper or of a card, in the order of their years.

    Raises `LookupError`, naming the nearest keyword, where no paper has it.
    """
    shelf = shelf or open_shelf()
    by_keyword: dict[str, set[str]] = {}
    written: dict[str, str] = {}
    tagged = [(paper.id, word) for paper in shelf.papers.values() for word in (*paper.keywords, *paper.aliases)]
    tagged += [(card.paper, word) for card in shelf.cards for word in card.about.keywords]
    for paper_id, word in tagged:
        by_keyword.setdefault(compared(word), set()).add(paper_id)
        written.setdefault(compared(word), word)
    found = [shelf.papers[one] for one in by_keyword.get(compared(keyword), ()) if one in shelf.papers]
    if not found:
        raise LookupError(f"no paper has the keyword {keyword!r}{did_you_mean(keyword, written.values())}")
    found.sort(key=lambda paper: (paper.year or 0, paper.id))
    return _of_papers(written[compared(keyword)], found, language, (), years=True)


def card_named(name: str, language: CardLanguage | None = None) -> CardFile:
    """A card by its path, or a paper's by its id. Raises `LookupError` where there is none."""
    path = Path(name)
    if path.suffix == ".md":
        return read_card(path)
    card = best_card(name, language or "en")
    if card is None or (language and card.about.language != language):
        there = ", ".join(one.name for one in card_paths(name))
        which = f" in {language!r}" if language else ""
        raise LookupError(f"{name} has no card{which}{f'; it has {there}' if there else ''}")
    return card


# ---------------------------------------------------------------- slides


def _of_papers(
    title: str, papers: Sequence[Paper], language: CardLanguage, untaken: Sequence[str], *, years: bool = False
) -> Deck:
    if not papers and not untaken:
        raise ValueError(f"{title}: there is no paper to show")
    chosen = {paper.id: best_card(paper.id, language) for paper in papers}
    words, read = LABELS[language], [card for card in chosen.values() if card]
    front = [Slide(f"<h1>{e(title)}</h1><p>{_span(papers, untaken, language)}</p>", language, "title")]
    rows = [_row(paper, chosen[paper.id], language, years=years) for paper in papers]
    rows += [_listed_row("", one, words["no card"], read=False) for one in untaken]
    heading = words["years" if years else "contents"]
    front += [Slide(f"<h2>{e(heading)}</h2>{table(some)}", language) for some in portions(rows, 9)]
    columns = [(slide,) for slide in front]
    for paper in papers:
        card = chosen[paper.id]
        columns.append((_title(paper, card), *(sections(card, paper, brief=True) if card else ())))
    asked = [(card.about, question) for card in read for question in card.about.questions]
    texts = [
        f'<li lang="{about.language}">{e(one.text)} <small>{e(_where(one.dataset, one.condition))} · {e(about.paper)}</small></li>'
        for about, one in asked
    ]
    columns += [(slide,) for slide in _lists(words["questions"], texts, language)]
    if read:
        columns.append((_history(read, language),))
    return Deck(title, language, tuple(columns), title)


def paper_lines(paper: Paper, language: CardLanguage) -> list[str]:
    """Which paper it is, as HTML: its title, the title in this language, authors and venue."""
    authors = ", ".join(map(str, paper.authors[:6])) + (" et al." if len(paper.authors) > 6 or paper.and_others else "")
    lines = [f'<h1 lang="{paper.language}">{e(paper.title)}</h1>']
    told = paper.titles.get(language)
    if told and language != paper.language:
        lines.append(f'<p class="told">{e(told.text)}</p>')
    return [*lines, f'<p class="authors" lang="{paper.language}">{e(authors)}<br>{e(paper.venue)}</p>']


def _title(paper: Paper, card: CardFile | None) -> Slide:
    about = card.about if card else None
    language = about.language if about else "en"
    words = LABELS[language]
    lines = paper_lines(paper, language)
    if card and card.title and not is_told(card.title.heading, paper):
        lines.append(f'<p class="told">{inline(card.title.heading, shower(card))}</p>')
    if about is None:
        lines.append(f'<p class="about">{e(words["no card"])}</p>')
    else:
        parts = [about.reader, about.institution, words[about.mode], words["version"].format(about.version)]
        parts.append(about.date.isoformat() if about.date else "")
        lines.append(f'<p class="about">{e(" · ".join(part for part in parts if part))}</p>')
        if about.goal:
            lines.append(f'<p class="goal"><b>{e(words["goal"])}</b> {e(about.goal)}</p>')
    return Slide("".join(lines), language, "title")


def _listed(paper: Paper, about: Card) -> Iterator[Slide]:
    """What the front matter lists: claims, open questions, papers to read next."""
    words, language = LABELS[about.language], about.language
    yield from _lists(words["claims"], [_claim(paper, one, words) for one in about.claims], language)
    questions = [
        f"<li>{e(one.text)} <small>{e(_where(one.dataset, one.condition, one.notebook))}</small></li>"
        for one in about.questions
    ]
    yield from _lists(words["questions"], questions, language)
    following = [f"<li>{e(one.text)} <small>{e(one.paper or '')}</small></li>" for one in about.next]
    yield from _lists(words["next"], following, language)


def _claim(paper: Paper, one: CardClaim, words: dict[str, str]) -> str:
    source = f"{words['source']}: {one.source}" if one.source else words["unsure"]
    notebook = f"{words['notebook']}: {one.notebook}" if one.notebook else ""
    text = f"<li>{e(one.text)} <small>{e(_where(source, notebook))}</small>"
    if one.disputes:
        quoted = next((claim.text for claim in paper.claims if claim.id == one.disputes), one.disputes)
        text += f'<p class="disputes"><b>{e(words["disputes"])}</b> {e(quoted)}<br><b>{e(words["evidence"])}</b> {e(one.evidence)}</p>'
    return text + "</li>"


def _lists(heading: str, items: Sequence[str], language: str) -> Iterator[Slide]:
    for some in portions(items, 5):
        yield Slide(f"<h2>{e(heading)}</h2><ul>{''.join(some)}</ul>", language)


def _history(read: Sequence[CardFile], language: CardLanguage) -> Slide:
    """Which version each card is at, and what was changed from one to the next."""
    words = LABELS[language]
    rows = []
    for card in read:
        about = card.about
        name = f"<small>{e(about.paper)} · {e(about.file_name)}</small>" if len(read) > 1 else ""
        told = {revision.version for revision in about.history}
        steps = [(one.version, one.date, one.by or about.reader, one.what) for one in about.history]
        if about.version not in told:
            steps.append((about.version, about.date, about.reader, words["first"] if about.version == 1 else ""))
        steps.sort(key=lambda step: -step[0])
        for version, date, by, what in steps[: 1 if len(read) > 6 else 6]:
            when = date.isoformat() if date else ""
            row = (words["version"].format(version), when, by)
            cells = "".join(f"<td>{e(cell)}</td>" for cell in row)
            rows.append(f'<tr>{cells}<td class="wide" lang="{about.language}">{e(what)} {name}</td></tr>')
    return Slide(f"<h2>{e(words['history'])}</h2>{table(rows)}", language)


def _row(paper: Paper, card: CardFile | None, language: CardLanguage, *, years: bool) -> str:
    words = LABELS[language]
    name = f"{paper.short}" + (f" ({paper.aliases[0]})" if paper.aliases else "")
    state = f"{card.about.language} · {words['version'].format(card.about.version)}" if card else words["no card"]
    first = str(paper.year or "") if years else name
    second = f"{name}: {paper.title}" if years else paper.title
    return _listed_row(first, second, state, read=card is not None, language=paper.language)


def _listed_row(first: str, second: str, state: str, *, read: bool, language: str = "en") -> str:
    unread = "" if read else ' class="unread"'
    return f'<tr{unread}><td>{e(first)}</td><td class="wide" lang="{language}">{e(second)}</td><td>{e(state)}</td></tr>'


def table(rows: Sequence[str]) -> str:
    """Rows of a list, as HTML."""
    return f'<table class="listed"><tbody>{"".join(rows)}</tbody></table>'


def _span(papers: Sequence[Paper], untaken: Sequence[str], language: CardLanguage) -> str:
    years = [paper.year for paper in papers if paper.year]
    span = f"{min(years)}–{max(years)}" if years and min(years) != max(years) else "".join(map(str, years[:1]))
    return " · ".join(part for part in (LABELS[language]["papers"].format(len(papers) + len(untaken)), span) if part)


def _where(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def portions(items: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """The items in portions of at most so many."""
    for start in range(0, len(items), most):
        yield items[start : start + most]
