"""A reader's Markdown as HTML that is safe to show: whatever a card says, nothing in it runs, loads or leads astray.

```
as_html(card.role("method"))                                          # links to the web stay; figures become their words
as_html(text, figure=lambda target: data_uri(figure_file(folder, target)))
```

HTML in a card is text. A link goes to the web (http, https, mailto) or where `link` sends it; any other is plain words.
A picture is shown where `figure` finds one; a card never makes a page load anything.
"""

import base64
import functools
import html
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

Target = Callable[[str], str | None]
LARGEST_FIGURE = 8 * 1024 * 1024  # bytes
# What a picture's bytes begin with. SVG is not among them: it is a document that can hold scripts.
_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
_WEB = re.compile(r"(?:https?://|mailto:)[^\s\"'<>\\]+", re.IGNORECASE)


def web_only(target: str) -> str | None:
    """The link if it leads to the web, else None."""
    return target if _WEB.fullmatch(target) else None


def nowhere(target: str) -> str | None:
    """None, whatever the target."""
    return None


def as_html(text: str, *, link: Target = web_only, figure: Target = nowhere) -> str:
    """The Markdown as HTML. `link` gives the address of a link's target, `figure` the source of a picture; None: words only.

    What `link` and `figure` return is trusted, and escaped.
    """
    return str(_parser().render(text, {"link": link, "figure": figure}))


@functools.cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough")
    # Every target is parsed as a link, so that the rules below decide, and not what Markdown happens to take for one.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    parser.add_render_rule("link_open", _link_open)
    parser.add_render_rule("link_close", _link_close)
    parser.add_render_rule("image", _image)
    return parser


def _link_open(renderer: Any, tokens: Any, at: int, options: Any, env: Any) -> str:
    href = env["link"](str(tokens[at].attrGet("href") or ""))
    env.setdefault("open", []).append(bool(href))
    return f'<a href="{html.escape(href)}" rel="noopener noreferrer">' if href else ""


def _link_close(renderer: Any, tokens: Any, at: int, options: Any, env: Any) -> str:
    return "</a>" if env["open"].pop() else ""


def _image(renderer: Any, tokens: Any, at: int, options: Any, env: Any) -> str:
    words = renderer.renderInlineAsText(tokens[at].children or [], options, env)
    source = env["figure"](str(tokens[at].attrGet("src") or ""))
    if source:
        return f'<img src="{html.escape(source)}" alt="{html.escape(words)}">'
    return f"<em>{html.escape(words)}</em>" if words else ""


def figure_file(folder: str | Path, target: str) -> Path | None:
    """The picture that a card means, if it is one and lies in the paper's folder; None otherwise.

    A card stands in `cards/`, so its paths may begin there or in the folder itself. Backslashes, %20 and both Unicode
    normalisations of a name are understood.
    """
    root = Path(folder).resolve()
    plain = unquote(target).replace("\\", "/")
    if not plain or ":" in plain or plain.startswith("/") or "\0" in plain:
        return None
    for form in ("NFC", "NFD"):
        for base in (root / "cards", root):
            try:
                path = (base / unicodedata.normalize(form, plain)).resolve()
                if path.is_relative_to(root) and path.is_file():
                    return path
            except (OSError, RuntimeError, ValueError):  # a name too long, a link that leads in circles
                continue
    return None


def data_uri(path: Path | None) -> str | None:
    """A picture's file inside its own address, so that a page needs no other file; None for anything but a picture."""
    if path is None or path.stat().st_size > LARGEST_FIGURE:
        return None
    data = path.read_bytes()
    kind = next((kind for start, kind in _PICTURES.items() if data.startswith(start)), None)
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}" if kind else None
