"""Draw the README's three pictures from the real program: a page of the course, the table of runs, the cards of a library.

First `labkit course`, and a few runs with `labkit run`; then

    python docs/pictures.py          # takes build/site/ and runs/, writes docs/images/
    python docs/pictures.py FOLDER   # writes them there: `make look` does, beside its other screenshots

It needs the test tools (`pip install -e ".[test]"`), an installed Chromium, and Linux or macOS for the terminal.
"""

import io
import os
import pty
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "build" / "site"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
LANGUAGES = ("日本語", "한국어", "中文")
SIZE = {"width": 960, "height": 720}
SCALE = 1.25  # pixels of the picture for each of these
TERMINAL = """<body style="margin: 20px; background: #191919; color: #e0e0e0">\
<pre style="font: 16px/1.5 monospace">{code}</pre></body>"""
COLUMNS = 92  # of the terminal


def explorer(page: Page) -> None:
    """Notebook 02 where a reader takes a network apart. It gives no finding away."""
    page.goto((PAGES / "notebooks" / "02_3d_blocks.html").as_uri())
    box = page.get_by_role("group", name="Architecture explorer")
    box.get_by_label("depth").select_option("50")
    box.evaluate("box => scrollTo(0, box.getBoundingClientRect().top + scrollY - 110)")


def runs(page: Page) -> None:
    """The terminal after `labkit runs`."""
    page.set_content(terminal("runs"))


def terminal(command: str) -> str:
    """HTML of a terminal after `labkit` with this command."""
    written = bytearray()

    def keep(descriptor: int) -> bytes:
        written.extend(read := os.read(descriptor, 4096))
        return read

    os.environ["COLUMNS"] = str(COLUMNS)
    pty.spawn([sys.executable, "-c", "from labkit.cli import main; main()", command], keep)
    screen = Console(record=True, file=io.StringIO(), width=COLUMNS)
    screen.print(Text.from_ansi(f"$ labkit {command}\n{written.decode()}".replace("\r\n", "\n")))
    return screen.export_html(theme=MONOKAI, code_format=TERMINAL, inline_styles=True)


def cards(page: Page) -> None:
    """The library's cards in three of its languages."""
    page.goto((PAGES / "papers" / "index.html").as_uri())
    for language in LANGUAGES:
        page.get_by_label(language).check()
    page.evaluate("scrollTo(0, 130)")


PICTURES: tuple[Callable[[Page], None], ...] = (explorer, runs, cards)


def main() -> None:
    """Write the pictures, a PNG for each function above, under its name."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs" / "images").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    chromium = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if chromium is None:
        raise SystemExit(f"no Chromium found; install one of {', '.join(CHROMIUMS)}")
    os.chdir(ROOT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        for draw in PICTURES:
            page = browser.new_page(viewport=SIZE, device_scale_factor=SCALE)
            draw(page)
            page.wait_for_timeout(1000)  # figures and searches draw after the page is there
            picture = Image.open(io.BytesIO(page.screenshot()))
            picture.quantize(256).save(folder / f"{draw.__name__}.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
