"""A course of three small notebooks, one of which fails: what the tests of runs, builds and the site work on."""

from pathlib import Path
from typing import Any

import nbformat
from made_runs import make_run
from nbformat import v4

PLAN = """
title = "A toy <course>"
about = "Three notebooks & a failure."
budget_s = 60

[[notebook]]
file = "00_first.ipynb"
title = "First <b>& foremost</b>"
question = "Does a figure < a table?"
minutes = { cpu = 1, gpu = 1 }
budget_s = 30
card = "hara-2018-retrace"
numbers = { double = ["twice the <seed>", "count"], share = ["a share", "%"], absent = ["not recorded", "ms"] }

[[notebook]]
file = "01_second.ipynb"
title = "Second"
question = "Does it stop the others?"
minutes = { cpu = 2, gpu = 1 }
budget_s = 30

[[notebook]]
file = "02_third.ipynb"
title = "Third"
question = "Does it still run?"
minutes = { cpu = 1, gpu = 1 }
budget_s = 0.01
"""

ADDED = """
[[notebook]]
file = "{name}.ipynb"
title = "Added"
question = "What does the page show?"
minutes = {{ cpu = 1, gpu = 1 }}
budget_s = 30
"""

FINDINGS = """
[[finding]]
id = "doubles"
notebook = "00_first"
statement = "The double is <b>larger</b> than its seed."
measure = "double - seed_"
op = ">="
value = 0
rule = "every seed"
"""

GLOSSARY = """
| word | what it means here |
|---|---|
| clip, `"cut"` | *T* frames <script>alert(1)</script> |
"""

PARAMETERS = """\
seed: int = 0  # start of every random choice
rate: float = 0.5  # a share
name: str = "a"  # any text
loud: bool = False  # whether to print
sizes: list[int] = [1, 2]  # how many
mode: Literal["fast", "slow"] = "fast"  # how
out: str = ""  # folder for results; empty: nothing is kept"""

EXPLORER = """\
import plotly.graph_objects as go
from labkit.viz.explorer import Explorer
from labkit.viz.theme import figure

def draw(sign, power):
    y = [sign * x**power for x in range(5)]
    title = f"x to the power {power} ends at {y[-1]} < 300"
    return figure([go.Scatter(y=y)], title, description=f"A curve that ends at {y[-1]}.")

Explorer(draw, menu={"sign": [1, -1]}, slider={"power": [1, 2, 3, 4]}, labels={"sign": "<sign>"})"""

FIRST = [
    "# 00 First\n\nSee [the third](02_third.ipynb#end), [the card](../summaries/hara-2018-retrace/), [a file](notes.txt) and "
    "[a word](../docs/glossary.md#clip).",
    EXPLORER,
    'figure([go.Bar(x=["a", "b"], y=[1, 3])], "b is larger </script><script>alert(1)</script>")'
    '.update_layout(meta={"narrowest": 600})'
    '.update_xaxes(title="What the bars stand for, said in more words than a phone has room for in a line")',
    "import sys\nfrom tqdm.auto import tqdm\nfor _ in tqdm(range(3)):\n    pass\nprint('to stderr', file=sys.stderr)\n"
    "print('10 %\\r100 %')\nprint('\\x1b[31mred\\x1b[0m & <plain>')",
    "import pandas as pd\npd.DataFrame([range(40)] * 2)",
    "from labkit.runs.results import record\nrecord(out, double=2 * seed, seed_=seed, share=0.25)",
    "### BEGIN SOLUTION\nanswer = 42\n### END SOLUTION\nanswer",
]
SECOND = [
    "# 01 Second",
    "kept = 1\nprint('kept', kept)",
    "## Where it breaks",
    "whole = 1\nwhole / 0",
    "print('never')",
]
THIRD = ["# 02 Third\n\n## End", "print('third ran')"]


def write_notebook(path: Path, parts: list[str], parameters: str = PARAMETERS) -> Path:
    """A notebook of `parts` (Markdown where they start with `#` and a space), its parameters cell after the first."""
    cells = [v4.new_markdown_cell(part) if part.startswith(("# ", "## ")) else v4.new_code_cell(part) for part in parts]
    cells.insert(1, v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def write_course(project: Path) -> Path:
    """The toy course in the folder `project`, with its findings and a card's folder; returns `project`."""
    notebooks = project / "notebooks"
    notebooks.mkdir(parents=True)
    (project / "docs").mkdir()
    (project / "summaries" / "hara-2018-retrace").mkdir(parents=True)
    (notebooks / "course.toml").write_text(PLAN, encoding="utf-8")
    (notebooks / "notes.txt").write_text("a note\n", encoding="utf-8")
    (project / "docs" / "findings.toml").write_text(FINDINGS, encoding="utf-8")
    (project / "docs" / "glossary.md").write_text(GLOSSARY, encoding="utf-8")
    imported = "from typing import Literal\n\n" + PARAMETERS
    write_notebook(notebooks / "00_first.ipynb", FIRST, imported)
    write_notebook(notebooks / "01_second.ipynb", SECOND, imported)
    write_notebook(notebooks / "02_third.ipynb", THIRD, imported)
    return project


def add_ran(project: Path, name: str, *outputs: dict[str, Any]) -> None:
    """Add a notebook to the toy course that has run already: one cell with these outputs, by kind."""
    cells = [
        v4.new_markdown_cell(f"# {name[:2]} Added"),
        v4.new_code_cell("x", outputs=[v4.new_output("display_data", one) for one in outputs]),
    ]
    place = make_run(project / "build" / "runs" / name, notebook=f"{name}.ipynb")
    for folder in (project / "notebooks", place):
        nbformat.write(v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    with (project / "notebooks" / "course.toml").open("a", encoding="utf-8") as plan:
        plan.write(ADDED.format(name=name))
