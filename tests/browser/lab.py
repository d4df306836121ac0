"""A notebook that is open in JupyterLab: run, typed into, its controls moved, and read."""

import ast
import re

import nbformat
import pytest

PATIENCE = 120_000  # milliseconds; a kernel loads torch
OPEN = "jupyterapp.shell.currentWidget"
KERNEL = f"{OPEN}?.sessionContext?.session?.kernel"

# What a cell shows as one line: the titles of its figures, and its text.
SHOWN = """cell => [...[...cell.querySelectorAll('.jp-OutputArea .js-plotly-plot')].map(graph => graph.layout?.title?.text || ''),
  ...[...cell.querySelectorAll('.jp-OutputArea')].map(area => area.innerText)].join(' ').replace(/<br>|\\s+/g, ' ')"""
RUN = f"""async ([index, source]) => {{
  const notebook = {OPEN}.content;
  notebook.activeCellIndex = index;
  if (source !== null) notebook.widgets[index].model.sharedModel.setSource(source);
  await jupyterapp.commands.execute('notebook:run-cell');
}}"""
VALUE = f"""async expression => {{
  const content = {{ code: '', silent: true, user_expressions: {{ value: expression }} }};
  const reply = await {KERNEL}.requestExecute(content).done;
  return reply.content.user_expressions.value;
}}"""


class Lab:
    """The notebook `place`, a path in the folder that JupyterLab serves, with a kernel that is ready."""

    def __init__(self, page, jupyterlab, place: str) -> None:
        self.page = page
        page.goto(jupyterlab.open(place))
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=PATIENCE)
        self.until_idle()
        self.ids = [cell.id for cell in nbformat.read(jupyterlab.folder / place, as_version=4).cells]

    def until_idle(self) -> None:
        self.page.wait_for_function(f"window.jupyterapp && {KERNEL}?.status === 'idle'", timeout=PATIENCE)

    def cell(self, name: str):
        """The cell with this id."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self.ids.index(name))

    def type(self, name: str, source: str | None = None):
        """Run a cell as a reader does, with a new text if one is given. Returns its output."""
        expect = pytest.importorskip("playwright.sync_api").expect
        cell = self.cell(name)
        editor = cell.locator(".cm-content")
        editor.click()
        if source is not None:
            self.page.keyboard.press("ControlOrMeta+a")
            self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Shift+Enter")
        expect(cell.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]"), timeout=PATIENCE)
        return cell.locator(".jp-Cell-outputWrapper")

    def run(self, name: str, source: str | None = None) -> None:
        """Run a cell without typing, with a new text if one is given, and wait for its end."""
        self.page.evaluate(RUN, [self.ids.index(name), source])

    def run_all(self) -> None:
        """Run all cells and wait for the last."""
        self.page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")

    def cells(self) -> list[dict]:
        """The code cells with their outputs, as they would be saved now."""
        saved = self.page.evaluate(f"{OPEN}.content.model.toJSON()")
        return [cell for cell in saved["cells"] if cell["cell_type"] == "code"]

    def value(self, expression: str):
        """The value of an expression in the kernel: a text, a number, or a list of them."""
        got = self.page.evaluate(VALUE, expression)
        assert got["status"] == "ok", got
        return ast.literal_eval(got["data"]["text/plain"])

    def until_shown(self, name: str, words: str) -> None:
        """Wait until the figures' titles and the text of a cell have these words."""
        cell = self.cell(name).element_handle()
        try:
            self.page.wait_for_function(
                f"([cell, words]) => ({SHOWN})(cell).includes(words)", arg=[cell, words], timeout=PATIENCE
            )
        except Exception:
            shown = cell.evaluate(SHOWN)
            assert words in shown
            raise

    def restart(self) -> None:
        self.page.evaluate(f"() => {KERNEL}.restart()")
        self.until_idle()

    def close(self) -> None:
        """End the kernel: its memory is for the next notebook."""
        self.page.evaluate(f"{OPEN}.sessionContext.shutdown()")
