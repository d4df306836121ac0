"""A deck as one HTML file: reveal.js, style and slides in it, so that it opens from a memory stick on any computer.

reveal.js (MIT) comes with the package sphinx-revealjs, of which nothing else is used. A policy in the page forbids it
to load or run anything but what it was written with.
"""

import html
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

from labkit.atomic import write_atomically
from labkit.counting import counted
from labkit.page_policy import allow, page_policy

HERE = Path(__file__).parent
# The size that slides are laid out for, on a screen and on a phone; reveal.js scales them to what there is.
WIDTH, HEIGHT = 1280, 720
SCREEN, PHONE = {"width": WIDTH, "height": HEIGHT}, {"width": 600, "height": 800}


@dataclass(frozen=True)
class Slide:
    """One slide: HTML that is safe, and the language it is in, which chooses the letters' forms."""

    body: str
    language: str = "en"
    kind: str = ""  # a class: title, plain


@dataclass(frozen=True, repr=False)
class Deck:
    """Slides in columns: sideways from one to the next, down through each. `foot` stands below all of them."""

    title: str
    language: str
    columns: tuple[tuple[Slide, ...], ...]
    foot: str = ""

    def __repr__(self) -> str:
        return f"{counted(sum(map(len, self.columns)), 'slide')}: {self.title}"

    def _repr_html_(self) -> str:
        """The slides in a frame of their own, to leaf through in a notebook."""
        page = html.escape(slides_html(self))
        frame = "width:100%;aspect-ratio:16/9;min-height:calc(46rem - 60vw);border:1px solid #dfe3e8;border-radius:8px"
        return f'<iframe title="{html.escape(self.title)}" sandbox="allow-scripts" style="{frame}" srcdoc="{page}"></iframe>'


def write_slides(deck: Deck, path: str | Path) -> Path:
    """Write the deck to a file, whole or not at all. Raises as `slides_html` does, and `ValueError` for another ending."""
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{path.name}: slides are a web page; end the name in .html")
    text = slides_html(deck)
    return write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8", newline="\n"))


def slides_html(deck: Deck) -> str:
    """The whole page. Raises `FileNotFoundError`, saying what to install, where reveal.js is not there."""
    reveal = reveal_folder()
    styles = [(reveal / "reset.css").read_text("utf-8"), (reveal / "reveal.css").read_text("utf-8")]
    styles.append((HERE / "slides.css").read_text("utf-8"))
    scripts = [(reveal / "reveal.js").read_text("utf-8"), _own_script()]
    policy = page_policy(allow(*scripts), files=False)
    columns = "\n".join(_column(column, deck.language) for column in deck.columns)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="{html.escape(deck.language)}">',
            '<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{html.escape(deck.title)}</title>",
            *(f"<style>\n{style}\n</style>" for style in styles),
            '</head>\n<body>\n<div class="reveal"><div class="slides">',
            columns,
            f'</div><p class="foot">{html.escape(deck.foot)}</p></div>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body>\n</html>\n",
        ]
    )


def reveal_folder() -> Path:
    """Where reveal.js's own files are. Raises `FileNotFoundError`, saying what to install, where they are not."""
    found = importlib.util.find_spec("sphinx_revealjs")  # looked up, not imported: that would bring all of Sphinx
    for place in (found.submodule_search_locations or ()) if found else ():
        folder = Path(place) / "_static" / "revealjs" / "dist"
        if (folder / "reveal.js").is_file():
            return folder
    raise FileNotFoundError("slides need reveal.js; install it with: pip install sphinx-revealjs")


def _column(slides: tuple[Slide, ...], language: str) -> str:
    made = [_slide(slide, language) for slide in slides]
    return made[0] if len(made) == 1 else '<section class="stack">\n' + "\n".join(made) + "\n</section>"


def _slide(slide: Slide, language: str) -> str:
    lang = f' lang="{html.escape(slide.language)}"' if slide.language != language else ""
    kind = f' class="{html.escape(slide.kind)}"' if slide.kind else ""
    return f"<section{kind}{lang}>{slide.body}</section>"


def _own_script() -> str:
    sizes = json.dumps({"screen": SCREEN, "phone": PHONE})
    return (HERE / "slides.js").read_text("utf-8").replace("SIZES", sizes)
