"""Each notebook explains a word of the glossary, or links to it, before the notebook uses it."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from labkit.course.glossary import Term, read_glossary

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
QUESTIONS = {
    entry["file"]: entry["question"]
    for entry in tomllib.loads((FOLDER / "course.toml").read_text(encoding="utf-8"))["notebook"]
}
TERMS = read_glossary()
LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
GLOSSARY = "../docs/glossary.md#"

# Words that a notebook uses in their usual sense only, not in the glossary's.
USUAL = {
    "02": {"split"},  # of channels into groups
    "08": {"split"},  # of a table of measurements
    "10": {"block", "scores", "split"},
}


def written(word: str) -> str:
    """A pattern for a word in a text, in singular and plural."""
    return rf"(?<![\w-]){re.escape(word)}(?:s|es)?(?![\w-])"


def prose(source: str, question: str) -> str:
    """A markdown cell's text, without titles, the course's question, the list of what the reader will do, and code.

    Links to other places than the glossary are left out too: their words are titles.
    """
    text = re.sub(r"```.*?```|`[^`\n]*`", " ", source, flags=re.DOTALL)
    text = re.sub(r"^(?:#.*|- \*\*You will\*\*.*)$", " ", text, flags=re.MULTILINE)
    text = text.replace(question, " ") if question else text
    return LINK.sub(lambda found: found[0] if found[2].startswith(GLOSSARY) else " ", text)


def shown_texts(cell: NotebookNode) -> tuple[str, set[str]]:
    """The sentences among the strings of a code cell, and the strings of one word."""
    lines = [re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in cell.source.splitlines()]
    nodes = ast.walk(ast.parse("\n".join(lines)))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\n".join(text for text in texts if " " in text), {text for text in texts if " " not in text}


def uses(cell: NotebookNode, word: str, is_code: bool, question: str) -> bool:
    """Whether a cell shows the word to a reader."""
    if cell.cell_type == "code":
        sentences, single = shown_texts(cell)
        return word in single if is_code else bool(re.search(written(word), sentences, flags=re.IGNORECASE))
    if is_code:
        return bool(re.search(rf"`\"?{re.escape(word)}\"?`", cell.source))
    return bool(re.search(written(word), prose(cell.source, question), flags=re.IGNORECASE))


def explains(cell: NotebookNode, term: Term, word: str) -> bool:
    """Whether a cell links to the word's row of the glossary, or sets the word in italics or bold, as where it is explained."""
    if cell.cell_type != "markdown":
        return False
    linked = any(target == GLOSSARY + term.place for _, target in LINK.findall(cell.source))
    return linked or bool(re.search(rf"\*(?:[^*\n]*\W)?{re.escape(word)}(?:s|es)?(?:\W[^*\n]*)?\*", cell.source, re.I))


def unexplained(nb: NotebookNode, question: str = "", usual: frozenset[str] | set[str] = frozenset()) -> Iterator[str]:
    for term in TERMS:
        for word, is_code in zip(term.words, term.code, strict=True):
            for cell in nb.cells:
                if word in usual or explains(cell, term, word):
                    break
                if uses(cell, word, is_code, question):
                    yield f"cell {cell.id} uses {word!r} before it is explained; link it: [{word}]({GLOSSARY}{term.place})"
                    break


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_each_word_of_the_glossary_is_explained_or_linked_where_a_notebook_first_uses_it(path):
    nb = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    problems = list(unexplained(nb, QUESTIONS[path.name], USUAL.get(path.name[:2], set())))
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_links_to_the_glossary_lead_to_a_row_that_has_the_word(path):
    places = {term.place: term for term in TERMS}
    for cell in nbformat.read(path, as_version=nbformat.NO_CONVERT).cells:
        for text, target in LINK.findall(cell.source) if cell.cell_type == "markdown" else ():
            if target.startswith(GLOSSARY[:-1]):
                place = target.removeprefix(GLOSSARY)
                assert place in places, f"cell {cell.id}: the glossary has no {place!r}"
                words = places[place].words
                assert any(re.search(written(word), text.strip('`*"'), re.I) for word in words), (
                    f"cell {cell.id}: [{text}]"
                )


def test_no_word_has_two_rows_and_no_row_two_places():
    words = [word for term in TERMS for word in term.words]
    assert len(words) == len(set(words))
    assert len({term.place for term in TERMS}) == len(TERMS)


def test_words_in_their_usual_sense_are_words_of_the_glossary():
    words = {word for term in TERMS for word in term.words}
    assert {word for several in USUAL.values() for word in several} <= words


CELLS = {
    "a word in a sentence": (new_markdown_cell("The stride is 2."), True),
    "its plural": (new_markdown_cell("Strides matter."), True),
    "a longer word": (new_markdown_cell("The overstride is 2."), False),
    "a title": (new_markdown_cell("## The stride"), False),
    "what the reader will do": (new_markdown_cell("- **You will** choose a stride."), False),
    "the name of another notebook": (new_markdown_cell("See [Strides](02.ipynb)."), False),
    "code": (new_markdown_cell("Set `stride`."), False),
    "a link to the glossary": (new_markdown_cell("The [stride](../docs/glossary.md#stride) is 2."), False),
    "a link to another row": (new_markdown_cell("The [stride](../docs/glossary.md#clip) is 2."), True),
    "an explanation": (new_markdown_cell("From one frame to the next: the *stride*. The stride is 2."), False),
    "a name in code": (new_code_cell("stride = 2"), False),
    "a sentence that code shows": (new_code_cell('print(f"a stride of {n} frames")'), True),
}


@pytest.mark.parametrize(("cell", "found"), CELLS.values(), ids=CELLS)
def test_a_use_before_the_explanation_is_found(cell, found):
    problems = [said for said in unexplained(new_notebook(cells=[cell])) if "'stride'" in said]
    assert bool(problems) == found


def test_code_is_explained_before_a_cell_uses_it():
    use = new_code_cell('fit(model, schedule="onecycle")')
    link = new_markdown_cell("The schedule is [one-cycle](../docs/glossary.md#one-cycle).")
    assert any("onecycle" in said for said in unexplained(new_notebook(cells=[use, link])))
    assert not any("onecycle" in said for said in unexplained(new_notebook(cells=[link, use])))
