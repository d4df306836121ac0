"""Every notebook of the course has the same anatomy; each rule below is also shown to fire on a notebook that breaks it."""

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from labkit.survey.publication.files import paper_ids, read_paper, read_results

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
COURSE = FOLDER / "course.toml"
PATHS = sorted(FOLDER.glob("*.ipynb"))
LONGEST = 30  # lines in a code cell; longer code belongs in the package
SHORT = 10  # most cells are below this
CHECKED = "# NBVAL_CHECK_OUTPUT"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
OPENING = ("You will", "Before", "Time", "Paper")
ENDING = ["What we found", "Exercises", "Further reading"]
SHARED = {"seed": 0, "device": "auto", "out": ""}  # parameters that all notebooks have, with their defaults
ON_DATA = {"data": "motion", "root": ""}  # and those that look at a dataset
DATA_NOTEBOOKS = ("01", "04", "05", "06", "07", "08", "09")

COMPARING = re.compile(
    r"\b(?:faster|slower|quicker|cheaper|dearer|better|worse|longer|shorter|twice|times (?:the|as)|nearly|usually|mostly"
    r"|quickly|slowly)\b",
    flags=re.IGNORECASE,
)
UNMEASURED = {  # sentences that compare and that no measurement decides: a part of each, and why it may stand
    "a network that starts from images does better on video": "the paper's claim, given as its claim",
    "gets twice the epochs": "the plan of a training, not its outcome",
}

# Words that puzzle a reader, and the usual ones.
ODD_WORDS = {
    r"told (?:apart|from)|be told|seen above": "say `no clear difference`",
    r"\bdear(?:er)?\b": "say `costs more`, or give the factor",
    r"\bteacher\b": "name the network",
    r"\bbeginnings\b": "say `starts`",
    r"in place of": "say `instead of`",
}

Rule = Callable[[NotebookNode, dict[str, Any]], Iterator[str]]
RULES: dict[str, Rule] = {}


def rule(check: Rule) -> Rule:
    """Adds a rule: it yields what is wrong with a notebook, given its entry in course.toml."""
    RULES[check.__name__] = check
    return check


# ---------------------------------------------------------------- reading a notebook


def is_markdown(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown"


def is_code(cell: NotebookNode) -> bool:
    return cell.cell_type == "code"


def is_parameters(cell: NotebookNode) -> bool:
    return "parameters" in cell.metadata.get("tags", [])


def prose(cell: NotebookNode) -> str:
    """Markdown without its code blocks and code spans."""
    text = re.sub(r"```.*?```", " ", cell.source, flags=re.DOTALL)
    return re.sub(r"`[^`\n]*`", " ", text)


def tree(cell: NotebookNode) -> ast.Module:
    """The cell's code, without line magics, which are not Python."""
    lines = [re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in cell.source.splitlines()]
    return ast.parse("\n".join(lines))


def headings(nb: NotebookNode) -> list[tuple[int, str]]:
    """(cell number, text) of every `## ` heading, in order."""
    found = []
    for i, cell in enumerate(nb.cells):
        if is_markdown(cell):
            found += [(i, title.strip()) for title in re.findall(r"^## (.+)$", cell.source, flags=re.MULTILINE)]
    return found


def section(nb: NotebookNode, title: str) -> list[NotebookNode]:
    """The cells from a `## ` heading to the next one."""
    starts = headings(nb)
    for (start, name), (stop, _) in zip(starts, [*starts[1:], (len(nb.cells), "")], strict=True):
        if name == title:
            return nb.cells[start : max(stop, start + 1)]
    return []


def line_of(nb: NotebookNode, name: str) -> str:
    """The opening cell's line that starts with `**name`, or nothing."""
    for line in nb.cells[0].source.splitlines():
        if re.match(rf"[-*]?\s*\*\*{name}\b", line.strip()):
            return line
    return ""


# ---------------------------------------------------------------- the rules


@rule
def opens_with_title_and_question(nb, entry):
    first = nb.cells[0]
    if not is_markdown(first):
        yield "the first cell is not markdown"
        return
    title, _, rest = first.source.partition("\n")
    number = entry["file"][:2]
    if title != f"# {number} {entry['title']}":
        yield f"the title is {title!r}, course.toml has {entry['title']!r}"
    question = rest.strip().split("\n\n")[0]
    if " ".join(entry["question"].split()) not in " ".join(question.split()):
        yield f"the paragraph below the title does not ask what course.toml has: {entry['question']!r}"


@rule
def opening_says_what_who_and_how_long(nb, entry):
    for name in OPENING:
        words = re.findall(r"\w+", line_of(nb, name).replace(name, "", 1))
        if not words:
            yield f"the opening cell has no line **{name}** with something in it"
    card = entry.get("card")
    if card and not {card, read_paper(card).authors[0].family} & set(re.findall(r"[\w-]+", line_of(nb, "Paper"))):
        yield f"the Paper line does not name {card}, its card in course.toml"


@rule
def opening_gives_no_finding_away(nb, entry):
    """A reader guesses what the paper found before the notebook tells it."""
    words = r"\b(?:found (?:that|out that)|showed that|turned out|rose|fell|won|were too (?:small|few))\b"
    if told := re.findall(words, nb.cells[0].source):
        yield f"the opening tells a finding: {', '.join(told)}"


@rule
def time_agrees_with_the_course_file(nb, entry):
    said = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", line_of(nb, "Time"))}
    for device in ("cpu", "gpu"):
        minutes = float(entry["minutes"][device])
        if minutes not in said:
            yield f"the Time line does not say {minutes:g} minutes on {device.upper()}, as course.toml does"


@rule
def has_one_typed_and_commented_parameters_cell(nb, entry):
    tagged = [i for i, cell in enumerate(nb.cells) if is_parameters(cell)]
    if tagged != [1]:
        yield f"cells tagged parameters: {tagged}; it must be the second cell and no other"
        return
    source = nb.cells[1].source
    comments = {
        token.start[0]: token.string.strip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    defaults = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.AnnAssign) or node.value is None:
            yield f"line {node.lineno} is not `name: type = value  # what it is`"
            continue
        try:
            defaults[ast.unparse(node.target)] = ast.literal_eval(node.value)
        except ValueError:
            yield f"line {node.lineno}: the value is computed, so that nobody can read the default off it"
        if not comments.get(node.end_lineno or node.lineno):
            yield f"line {node.lineno} has no comment"
    for name, value in (SHARED | (ON_DATA if entry["file"].startswith(DATA_NOTEBOOKS) else {})).items():
        if name not in defaults or defaults[name] != value:
            yield f"no parameter {name} with the default {value!r}"


@rule
def imports_follow_the_parameters(nb, entry):
    code = [cell for cell in nb.cells if is_code(cell) and not is_parameters(cell)]
    if code and not any(isinstance(node, ast.Import | ast.ImportFrom) for node in tree(code[0]).body):
        yield "the first code cell after the parameters imports nothing"


@rule
def labkit_is_imported_before_torch(nb, entry):
    """How torch's threads wait on a busy machine is set by the first import of labkit, and read when torch is loaded."""
    imported = [
        module.partition(".")[0]
        for cell in nb.cells
        if is_code(cell)
        for node in tree(cell).body
        for module in (
            [name.name for name in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    ]
    if imported and imported[0] != "labkit":
        yield f"the first import is {imported[0]}, not labkit"


@rule
def cells_are_short(nb, entry):
    lengths = {cell.id: len(cell.source.splitlines()) for cell in nb.cells if is_code(cell)}
    for name, length in lengths.items():
        if length > LONGEST:
            yield f"cell {name} has {length} lines, more than {LONGEST}"
    if sum(length < SHORT for length in lengths.values()) * 2 < len(lengths):
        yield f"fewer than half of the cells are below {SHORT} lines"


@rule
def has_a_control_that_teaches(nb, entry):
    called = {name for cell in nb.cells if is_code(cell) for node in ast.walk(tree(cell)) for name in calls(node)}
    if not entry["file"].startswith("00") and "Explorer" not in called:
        yield "no Explorer: nothing to move"


@rule
def solutions_are_marked(nb, entry):
    for before, cell in zip([None, *nb.cells], nb.cells, strict=False):
        marks = re.findall(rf"^\s*({BEGIN}|{END})\s*$", cell.source, flags=re.MULTILINE)
        if cell.source.count("SOLUTION") != len(marks) or marks != [BEGIN, END] * (len(marks) // 2):
            yield f"cell {cell.id}: solution markers are not BEGIN, END in turn: {marks}"
        elif marks and (before is None or not is_markdown(before)):
            yield f"cell {cell.id}: no exercise text above the solution"
        elif marks and (
            missing := [w for w in ("difficulty", "importance", "minutes") if w not in before.source.casefold()]
        ):
            yield f"cell {cell.id}: the exercise above it does not give {', '.join(missing)}"


@rule
def has_an_exercise_to_solve(nb, entry):
    if not entry["file"].startswith("00") and not any(BEGIN in cell.source for cell in nb.cells if is_code(cell)):
        yield "no exercise has a marked solution"


@rule
def has_a_guess_and_its_result(nb, entry):
    called = [
        (cell, node)
        for cell in nb.cells
        if is_code(cell)
        for node in ast.walk(tree(cell))
        if isinstance(node, ast.Call)
    ]
    made = {
        which: [(cell, node.args[0]) for cell, node in called if calls(node) == {which}]
        for which in ("guess", "beside")
    }
    if len(made["guess"]) != 1 or len(made["beside"]) != 1:
        yield f"{len(made['guess'])} guesses and {len(made['beside'])} results beside a guess; a notebook has one of each"
        return
    (asked, name), (told, same) = made["guess"][0], made["beside"][0]
    if ast.unparse(name) != ast.unparse(same) or not ast.literal_eval(name).startswith(f"{entry['file'][:2]}-"):
        yield f"the guess is {ast.unparse(name)}, the result {ast.unparse(same)}; both start with the notebook's number"
    if nb.cells.index(asked) >= nb.cells.index(told):
        yield "the result comes before the guess"
    if any("aside" not in cell.metadata.get("tags", []) for cell in (asked, told)):
        yield "the cells of the guess and of its result are tagged aside"


@rule
def shows_its_quiz(nb, entry):
    number = entry["file"][:2]
    shown = [cell for cell in nb.cells if is_code(cell) and re.search(r"\bquiz\(", cell.source)]
    if [cell.source.splitlines()[-1] for cell in shown] != [f'quiz("{number}")']:
        yield f'no cell ends with quiz("{number}"), or several do'
    elif "aside" not in shown[0].metadata.get("tags", []):
        yield "the cell of the quiz is tagged aside"


@rule
def ends_with_found_exercises_reading(nb, entry):
    names = [name for _, name in headings(nb)]
    if names[-3:] != ENDING:
        yield f"the last headings are {names[-3:]}, not {ENDING}"
    reading = "\n".join(cell.source for cell in section(nb, ENDING[-1]) if is_markdown(cell))
    if not any(paper_id in reading for paper_id in paper_ids()):
        yield "Further reading links no paper in summaries/"


@rule
def shows_its_papers_card(nb, entry):
    card = entry.get("card")
    asides = [cell for cell in nb.cells if is_code(cell) and "aside" in cell.metadata.get("tags", [])]
    if card and not any(re.search(rf"""\bshow_card\(["']{card}["']\)$""", cell.source) for cell in asides):
        yield f"no cell tagged aside ends with show_card({card!r})"
    for cell in asides:
        if BEGIN not in cell.source and any(
            isinstance(node, ast.Assign | ast.AnnAssign | ast.FunctionDef) for node in ast.walk(tree(cell))
        ):
            yield f"cell {cell.id}: an aside only shows something; findings do not look at its code"


@rule
def no_number_depends_on_an_aside(nb, entry):
    asides, others = [], []
    for cell in filter(is_code, nb.cells):
        (asides if "aside" in cell.metadata.get("tags", []) else others).append(cell)
    names = {name: cell.id for cell in asides if BEGIN in cell.source for name in written(cell)}
    for cell in others:
        for node in ast.walk(tree(cell)):
            if isinstance(node, ast.Name) and node.id in names:
                yield f"cell {cell.id} uses {node.id} of {names[node.id]}, an aside; findings do not look at its code"


def written(cell: NotebookNode) -> set[str]:
    """The names that a cell defines: values, functions and classes."""
    nodes = [node for node in tree(cell).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    stored = {n.id for n in ast.walk(tree(cell)) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return {node.name for node in nodes} | stored


@rule
def what_we_found_comes_from_cells(nb, entry):
    cells = section(nb, "What we found")
    if not any(is_code(cell) for cell in cells):
        yield "What we found has no cell that prints or cites a number"
    for cell in cells:
        if is_markdown(cell) and (typed := re.findall(r"\d[\d.,]*\s?(?:%|percent\b)", cell.source)):
            yield f"cell {cell.id}: typed numbers {typed}; print or cite them"


@rule
def published_numbers_are_cited(nb, entry):
    published = {r.printed for name in paper_ids() for r in read_results(name) if r.unit == "%" and "." in r.printed}
    for cell in nb.cells:
        for typed in re.findall(r"(?<![\d.])\d+\.\d+(?![\d.])", cell.source):
            if typed in published:
                yield f"cell {cell.id}: {typed} is a published accuracy; use cite()"


@rule
def comparisons_are_chosen_by_data(nb, entry):
    for cell in nb.cells:
        for sentence in asserted(cell):
            computed = re.sub(r"\{\} times (?:the|as)\b", "", sentence)
            if (word := COMPARING.search(computed)) and not any(part in sentence for part in UNMEASURED):
                yield (
                    f"cell {cell.id}: {word.group()!r} in {sentence!r}: let a condition on what was measured choose the "
                    "words, or ask; what needs no measurement is listed in UNMEASURED, with the reason"
                )


def asserted(cell: NotebookNode) -> Iterator[str]:
    """Sentences that stand whatever was measured: no questions, and of code no string that a condition chooses."""
    if is_markdown(cell):
        yield from (one for one in re.split(r"(?<=[.!?:])\s+|\n", prose(cell)) if not one.endswith("?"))
    else:
        yield from (text for text in unconditional(tree(cell)) if " " in text)


def unconditional(node: ast.AST) -> Iterator[str]:
    """Strings of code outside `if`, conditional expressions and tables to choose from; computed parts become `{}`."""
    if isinstance(node, ast.If | ast.IfExp | ast.Dict):
        return
    if isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        node = ast.Tuple([part for part in node.values if isinstance(part, ast.FormattedValue)])
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from unconditional(child)


@rule
def says_it_in_usual_words(nb, entry):
    for cell in nb.cells:
        for odd, usual in ODD_WORDS.items():
            if found := re.search(odd, cell.source, flags=re.IGNORECASE):
                yield f"cell {cell.id}: {found.group()!r}: {usual}"


@rule
def is_committed_without_outputs(nb, entry):
    for cell in filter(is_code, nb.cells):
        checked = cell.source.startswith(CHECKED)
        if cell.execution_count is not None and not checked:
            yield f"cell {cell.id} has an execution count"
        if checked and cell.execution_count is None:
            yield f"cell {cell.id} is to be checked and has no execution count: nbval takes its output for a leftover"
        if cell.outputs and not checked:
            yield f"cell {cell.id} has outputs, and does not start with {CHECKED}"
        if checked and not cell.outputs:
            yield f"cell {cell.id} is to be checked against its output, and has none"
        for output in cell.outputs:
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            plain = output.output_type == "stream" or set(output.get("data", {})) == {"text/plain"}
            if not plain or output.get("name") == "stderr" or len(text.splitlines()) > 20:
                yield f"cell {cell.id}: a checked output is a few lines of plain text, nothing else"


@rule
def metadata_is_plain(nb, entry):
    if nb.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"
    if left := {"papermill", "widgets"} & set(nb.metadata):
        yield f"metadata left over from a run: {sorted(left)}"
    if any("papermill" in cell.metadata or "execution" in cell.metadata for cell in nb.cells):
        yield "cell metadata left over from a run"


@rule
def cells_have_ids(nb, entry):
    names = [cell.get("id", "") for cell in nb.cells]
    if (nb.nbformat, nb.nbformat_minor) < (4, 5) or not all(re.fullmatch(r"[\w-]{1,64}", name) for name in names):
        yield "not every cell has an id (nbformat 4.5)"
    if len(set(names)) != len(names):
        yield "two cells share an id"


@rule
def has_no_latex(nb, entry):
    for cell in filter(is_markdown, nb.cells):
        if re.search(r"\$|\\[(\[]|\\begin\{|\\frac\b", prose(cell)):
            yield f"cell {cell.id}: LaTeX; pages are built without it"


@rule
def has_no_absolute_paths(nb, entry):
    for cell in nb.cells:
        found = re.search(
            r"(?<![\w.:/>])(?:/(?:home|Users|root|work|tmp|mnt|data|opt|media)/|[A-Za-z]:\\+\w)", cell.source
        )
        if found:
            yield f"cell {cell.id}: an absolute path, {found.group()}…"


@rule
def figures_are_described_below(nb, entry):
    makers = figure_makers(nb)
    shown: set[str] = set()  # variables that hold a figure
    for i, cell in enumerate(nb.cells):
        if not is_code(cell):
            continue
        body = tree(cell).body
        for node in body:
            if isinstance(node, ast.Assign) and calls(node.value) & makers:
                shown |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        last = body[-1] if body else None
        if not isinstance(last, ast.Expr):
            continue
        names = {n.id for n in ast.walk(last.value) if isinstance(n, ast.Name)}
        called = calls(last.value)
        is_figure = (
            bool(called & (makers | shown))
            or (isinstance(last.value, ast.Name) and last.value.id in shown)
            or ("display" in called and bool(names & (makers | shown)))
        )
        if is_figure and not (says_something(cell) or (i + 1 < len(nb.cells) and says_something(nb.cells[i + 1]))):
            yield f"cell {cell.id}: no sentence below the figure for those who cannot see it"


def figure_makers(nb: NotebookNode) -> set[str]:
    """What makes figures in this notebook: names it imports from labkit.viz, functions of its own that use those, plotly's."""
    makers = {"Figure", "Explorer"}
    trees = [tree(cell) for cell in nb.cells if is_code(cell)]
    for node in (inside for each in trees for inside in ast.walk(each)):
        if isinstance(node, ast.ImportFrom) and node.module:
            makers |= {n.asname or n.name for n in node.names if f"{node.module}.{n.name}.".startswith("labkit.viz.")}
    for node in (inside for each in trees for inside in each.body):
        if isinstance(node, ast.FunctionDef) and any(
            calls(n) & makers for n in ast.walk(node) if isinstance(n, ast.Call)
        ):
            makers.add(node.name)
    return makers


def calls(node: ast.AST) -> set[str]:
    """Names that an expression calls, at its own level or as a method's object: `viz.curves(...)` calls viz and curves."""
    names: set[str] = set()
    while isinstance(node, ast.Call):
        target = node.func
        while isinstance(target, ast.Attribute):
            names.add(target.attr)
            target = target.value
        if isinstance(target, ast.Name):
            names.add(target.id)
        node = target
    return names


def says_something(cell: NotebookNode) -> bool:
    """A markdown cell with a sentence in it, or code that prints one or shows Markdown."""
    if is_markdown(cell):
        text = re.sub(r"^#.*$", "", cell.source, flags=re.MULTILINE)
        return bool(re.search(r"(?:\S+\s+){3,}\S+[.!?:]", text))
    return bool({"print", "Markdown"} & {n.id for n in ast.walk(tree(cell)) if isinstance(n, ast.Name)})


# ---------------------------------------------------------------- the notebooks


def course() -> dict[str, dict[str, Any]]:
    """The entries of course.toml by file name."""
    entries = tomllib.loads(COURSE.read_text(encoding="utf-8"))["notebook"]
    return {entry["file"]: entry for entry in entries}


def test_the_course_file_lists_the_notebooks_in_reading_order():
    assert list(course()) == [path.name for path in PATHS]
    assert len(PATHS) >= 7
    numbers = [path.name[:2] for path in PATHS]
    assert all(re.fullmatch(r"\d\d", number) for number in numbers)
    assert numbers == sorted(set(numbers)), "two notebooks share a number"


def test_the_budgets_of_the_notebooks_together_are_within_the_courses():
    plan = tomllib.loads(COURSE.read_text(encoding="utf-8"))
    assert sum(entry["budget_s"] for entry in plan["notebook"]) <= plan["budget_s"]


@pytest.mark.parametrize("check", RULES.values(), ids=list(RULES))
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook(path, check):
    nb = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    problems = list(check(nb, course()[path.name]))
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_is_valid(path):
    nbformat.validate(nbformat.read(path, as_version=nbformat.NO_CONVERT))


# ---------------------------------------------------------------- the rules themselves


ENTRY = {
    "file": "01_example.ipynb",
    "title": "An example",
    "question": "Why does this notebook exist?",
    "minutes": {"cpu": 1.5, "gpu": 1},
    "card": "hara-2018-retrace",
}
OPENING_TEXT = """\
# 01 An example

Why does this notebook exist?

- **You will** see every rule at work.
- **Before**: nothing.
- **Time**: 1.5 minutes on a CPU, 1 on a GPU.
- **Paper**: Hara et al. 2018."""
PARAMETERS = """\
seed: int = 0  # decides every draw
device: str = "auto"  # auto, cpu, cuda
out: str = ""  # folder for results; empty: nothing is kept
data: str = "motion"  # the dataset
root: str = ""  # the dataset's folder; empty: generated"""


def good() -> NotebookNode:
    """A notebook that breaks no rule."""
    checked = new_output("stream", name="stdout", text="2\n")
    cells = [
        new_markdown_cell(OPENING_TEXT, id="opening"),
        new_code_cell(PARAMETERS, id="parameters", metadata={"tags": ["parameters"]}),
        new_code_cell("from labkit.viz.curves import training_curves", id="imports"),
        new_markdown_cell("A clip is `(T, C, H, W)` and costs `$5`.", id="prose"),
        new_code_cell('guess("01-gap", "How large is the gap?", 0, 100)', id="guess", metadata={"tags": ["aside"]}),
        new_code_cell("figure = training_curves([])\nfigure", id="figure"),
        new_markdown_cell("The gap between the two lines grows.", id="described"),
        new_code_cell('beside("01-gap", 7)', id="beside", metadata={"tags": ["aside"]}),
        new_code_cell("Explorer(training_curves, slider={'epoch': [1, 2]})", id="control"),
        new_markdown_cell("Move the slider to see the first epoch.", id="control-described"),
        new_code_cell(f"{CHECKED}\nprint(1 + 1)", id="checked", outputs=[checked], execution_count=1),
        new_markdown_cell("**Exercise.** Difficulty 1/5, importance 3/5, 5 minutes.", id="exercise"),
        new_code_cell(f"{BEGIN}\nanswer = 2\n{END}", id="solution"),
        new_code_cell('quiz("01")', id="quiz", metadata={"tags": ["aside"]}),
        new_markdown_cell("## What we found\n\nThe curves part.", id="found"),
        new_code_cell("print(answer)", id="found-number"),
        new_markdown_cell("## Exercises\n\n1. Another.", id="exercises"),
        new_markdown_cell("## Further reading\n\n- [Hara](../summaries/hara-2018-retrace/paper.yaml)", id="reading"),
        new_code_cell('show_card("hara-2018-retrace")', id="card", metadata={"tags": ["aside"]}),
    ]
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


def at(nb: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in nb.cells if cell.id == name)


def replace(name: str, old: str, new: str) -> Callable[[NotebookNode], None]:
    """Breaks a notebook by changing text in one cell."""

    def change(nb: NotebookNode) -> None:
        assert old in at(nb, name).source
        at(nb, name).source = at(nb, name).source.replace(old, new)

    return change


def drop(name: str) -> Callable[[NotebookNode], None]:
    return lambda nb: nb.cells.remove(at(nb, name))


def undescribed(code: str) -> Callable[[NotebookNode], None]:
    """Breaks a notebook by showing a figure with silent code below it."""

    def change(nb: NotebookNode) -> None:
        at(nb, "figure").source = code
        at(nb, "described").update(cell_type="code", source="x = 1", outputs=[], execution_count=None)

    return change


BREAKS: list[tuple[str, Callable[[NotebookNode], Any]]] = [
    ("opens_with_title_and_question", drop("opening")),
    ("opens_with_title_and_question", replace("opening", "# 01 An example", "# An example")),
    ("opens_with_title_and_question", replace("opening", "exist?", "exist.")),
    ("opening_says_what_who_and_how_long", replace("opening", "**You will**", "You will")),
    ("opening_says_what_who_and_how_long", replace("opening", "- **Before**: nothing.\n", "")),
    ("opening_says_what_who_and_how_long", replace("opening", "Hara et al. 2018.", "")),
    ("opening_says_what_who_and_how_long", replace("opening", "Hara", "Somebody")),
    ("opening_gives_no_finding_away", replace("opening", "exist?", "exist? They found that it does.")),
    ("time_agrees_with_the_course_file", replace("opening", "1.5 minutes", "2 minutes")),
    ("has_one_typed_and_commented_parameters_cell", lambda nb: at(nb, "parameters").metadata.pop("tags")),
    ("has_one_typed_and_commented_parameters_cell", lambda nb: at(nb, "figure").metadata.update(tags=["parameters"])),
    ("has_one_typed_and_commented_parameters_cell", replace("parameters", "seed: int = 0", "seed = 0")),
    ("has_one_typed_and_commented_parameters_cell", replace("parameters", "  # decides every draw", "")),
    ("has_one_typed_and_commented_parameters_cell", replace("parameters", '"auto"', "pick()")),
    ("has_one_typed_and_commented_parameters_cell", replace("parameters", "out: str", "folder: str")),
    ("has_one_typed_and_commented_parameters_cell", replace("parameters", '"motion"', '"ucf101"')),
    ("has_a_control_that_teaches", drop("control")),
    ("imports_follow_the_parameters", replace("imports", "from labkit.viz.curves import training_curves", "x = 1")),
    ("labkit_is_imported_before_torch", replace("imports", "from labkit", "import torch\nfrom labkit")),
    ("cells_are_short", replace("solution", "answer = 2", "answer = 2\n" * LONGEST)),
    ("cells_are_short", lambda nb: [replace(name, "\n", "\n" * SHORT)(nb) for name in ("solution", "figure", "parameters", "checked")]),
    ("solutions_are_marked", replace("solution", END, "")),
    ("solutions_are_marked", replace("solution", BEGIN, "### BEGIN SOLUTIONS")),
    ("solutions_are_marked", replace("exercise", "importance 3/5, ", "")),
    ("solutions_are_marked", drop("exercise")),
    ("has_an_exercise_to_solve", drop("solution")),
    ("has_a_guess_and_its_result", drop("guess")),
    ("has_a_guess_and_its_result", drop("beside")),
    ("has_a_guess_and_its_result", replace("beside", "01-gap", "01-cap")),
    ("has_a_guess_and_its_result", lambda nb: nb.cells.append(nb.cells.pop(nb.cells.index(at(nb, "guess"))))),
    ("has_a_guess_and_its_result", lambda nb: at(nb, "guess").metadata.pop("tags")),
    ("shows_its_quiz", drop("quiz")),
    ("shows_its_quiz", replace("quiz", "01", "02")),
    ("shows_its_quiz", lambda nb: at(nb, "quiz").metadata.pop("tags")),
    ("ends_with_found_exercises_reading", drop("exercises")),
    ("ends_with_found_exercises_reading", lambda nb: nb.cells.append(new_markdown_cell("## One more thing"))),
    ("ends_with_found_exercises_reading", replace("reading", "hara-2018-retrace", "somewhere")),
    ("shows_its_papers_card", drop("card")),
    ("shows_its_papers_card", replace("card", "hara", "someone")),
    ("shows_its_papers_card", lambda nb: at(nb, "card").metadata.pop("tags")),
    ("shows_its_papers_card", replace("card", "show_card", "seed = 1\nshow_card")),
    ("no_number_depends_on_an_aside", lambda nb: at(nb, "solution").metadata.update(tags=["aside"])),
    ("what_we_found_comes_from_cells", replace("found", "part.", "part by 40 %.")),
    ("what_we_found_comes_from_cells", drop("found-number")),
    ("published_numbers_are_cited", replace("found-number", "answer", "42.4")),
    ("published_numbers_are_cited", replace("prose", "A clip", "At 84.4 %, a clip")),
    ("comparisons_are_chosen_by_data", replace("prose", "costs", "is usually decoded in")),
    ("comparisons_are_chosen_by_data", replace("described", "grows", "is twice the other")),
    ("comparisons_are_chosen_by_data", replace("found-number", "answer", "'The GPU is faster.'")),
    ("comparisons_are_chosen_by_data", replace("found-number", "answer", "f'{answer} ms, nearly as much'")),
    ("says_it_in_usual_words", replace("prose", "costs", "is dear, and costs")),
    ("says_it_in_usual_words", replace("found-number", "answer", "'not to be told from guessing'")),
    ("is_committed_without_outputs", lambda nb: at(nb, "figure").outputs.append(new_output("stream", text="x"))),
    ("is_committed_without_outputs", lambda nb: at(nb, "figure").update(execution_count=3)),
    ("is_committed_without_outputs", lambda nb: at(nb, "checked").update(outputs=[])),
    ("is_committed_without_outputs", lambda nb: at(nb, "checked").update(execution_count=None)),
    ("is_committed_without_outputs", lambda nb: at(nb, "checked").outputs[0].update(name="stderr")),
    ("metadata_is_plain", lambda nb: nb.metadata.kernelspec.update(name="my-env")),
    ("metadata_is_plain", lambda nb: nb.metadata.update(papermill={})),
    ("cells_have_ids", lambda nb: at(nb, "prose").pop("id")),
    ("cells_have_ids", lambda nb: at(nb, "prose").update(id="opening")),
    ("has_no_latex", replace("prose", "costs", "costs $x^2$ and")),
    ("has_no_latex", replace("prose", "costs", r"costs \(x\) and")),
    ("has_no_absolute_paths", replace("figure", "[]", '["/home/me/history.jsonl"]')),
    ("has_no_absolute_paths", replace("figure", "[]", r'["C:\\runs"]')),
    ("figures_are_described_below", replace("described", "The gap between the two lines grows.", "## Next")),
    ("figures_are_described_below", undescribed("training_curves([])")),
    ("figures_are_described_below", undescribed("figure = training_curves([])\nfigure.show()")),
    ("figures_are_described_below", undescribed("figure = training_curves([])\ndisplay(figure)")),
    ("figures_are_described_below", undescribed("def draw(epoch):\n    return training_curves([])\n\ndraw(1)")),
    ("figures_are_described_below", undescribed("Explorer(draw, slider={'epoch': [1, 2]})")),
]  # fmt: skip


def test_a_good_notebook_breaks_no_rule():
    nbformat.validate(good())
    assert {name: list(check(good(), ENTRY)) for name, check in RULES.items()} == {name: [] for name in RULES}


@pytest.mark.parametrize(("name", "spoil"), BREAKS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(BREAKS)])
def test_a_broken_notebook_breaks_the_rule(name, spoil):
    nb = good()
    spoil(nb)
    assert list(RULES[name](nb, ENTRY)), f"{name} let a broken notebook pass"


@pytest.mark.parametrize(
    "said",
    ["'faster' if answer > 1 else 'slower'", "{1: 'is faster', -1: 'is slower'}[answer]", "f'{answer} times as much'"],
)
def test_a_comparison_that_a_number_chooses_breaks_no_rule(said):
    nb = good()
    replace("found-number", "answer", said)(nb)
    assert not list(comparisons_are_chosen_by_data(nb, ENTRY))


def test_every_rule_is_shown_to_fire():
    assert {name for name, _ in BREAKS} == set(RULES)
