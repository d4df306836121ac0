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
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from labkit.survey.card.markdown import DEEPEST, is_address, local_target, parser
from labkit.survey.card.words import terms

Target = Callable[[str], str | None]
LARGEST_FIGURE = 8 * 1024 * 1024  # bytes
# What a picture's bytes begin with. SVG is not among them: it is a document that can hold scripts.
_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
_PICTURE = re.compile(r'<em class="picture"[^>]*>(.*?)</em>', re.DOTALL)
_INLINE_TAGS = re.compile(r"</?(?:em|strong|s|code|a|span)\b[^>]*>")
_WEB = re.compile(r"(?:https?://|mailto:)[^\s\"'<>\\]+", re.IGNORECASE)


def web_only(target: str) -> str | None:
    """The link if it leads to the web, else None."""
    return target if _WEB.fullmatch(target) else None


def nowhere(target: str) -> str | None:
    """No address for any target."""
    return None


def as_html(
    text: str, *, link: Target = web_only, figure: Target = nowhere, references: Mapping[str, Any] | None = None
) -> str:
    """The Markdown as HTML. `link` gives the address of a link's target, `figure` the source of a picture; None: words only.

    What `link` and `figure` return is trusted, and escaped. `references` are definitions of links that stand elsewhere.
    """
    env: dict[str, Any] = {"link": link, "figure": figure, "references": dict(references or {})}
    tokens = parser().parse(text, env)
    if any(token.level >= DEEPEST - 1 for token in tokens):  # the parser drops deeper text
        return f"<pre>{html.escape(text)}</pre>"
    return str(_renderer().render(tokens, parser().options, env))


def shown_text(text: str, references: Mapping[str, Any] | None = None) -> str:
    """The text that a page shows of the Markdown, on one line. `references` as for `as_html`."""
    # Text in the HTML is escaped, so that every "<" begins a tag. A tag inside a line may stand inside a word.
    apart = _PICTURE.sub(r" \1 ", as_html(text, references=references))
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", _INLINE_TAGS.sub("", apart))).split())


def words_shown(text: str) -> frozenset[str]:
    """The words that the Markdown shows, one width and case; pairs of characters where words are not spaced."""
    return frozenset(term.text for term in terms(shown_text(text)))


@functools.cache
def _renderer() -> Any:
    for kind, rule in (("link_open", _link_open), ("link_close", _link_close), ("image", _image), ("fence", _fence)):
        parser().add_render_rule(kind, rule)
    return parser().renderer


def _link_open(renderer: Any, tokens: Any, at: int, options: Any, env: Any) -> str:
    target = str(tokens[at].attrGet("href") or "")
    href, title = env["link"](target), _title(tokens[at])
    tag = "a" if href else "span" if title else ""
    env.setdefault("open", []).append((f"</{tag}>" if tag else "") + ("" if href else _no_address(target)))
    return (
        f'<a href="{html.escape(href)}" rel="noopener noreferrer"{title}>' if href else f"<{tag}{title}>" if tag else ""
    )


def _link_close(renderer: Any, tokens: Any, at: int, options: Any, env: Any) -> str:
    return str(env["open"].pop())


def _image(renderer: Any, tokens: Any, at: int, options: Any, env: Any) -> str:
    words = renderer.renderInlineAsText(tokens[at].children or [], options, env)
    title = _title(tokens[at])
    source = env["figure"](str(tokens[at].attrGet("src") or ""))
    if source:
        return f'<img src="{html.escape(source)}" alt="{html.escape(words)}"{title}>'
    shown = f'<em class="picture"{title}>{html.escape(words)}</em>' if words or title else ""
    return shown + _no_address(str(tokens[at].attrGet("src") or ""))


def _no_address(target: str) -> str:
    """Words in brackets in the place of an address: "[unclear](to me)"."""
    return "" if not target or is_address(target) else f" ({html.escape(target)})"


def _title(token: Any) -> str:
    return f' title="{html.escape(token.attrGet("title"))}"' if token.attrGet("title") else ""


def _fence(renderer: Any, tokens: Any, at: int, options: Any, env: Any) -> str:
    """Code. The words behind its fence are the name of a language, or text to read."""
    info = html.unescape(tokens[at].info).strip()
    language = re.fullmatch(r"[A-Za-z0-9+#._-]{1,20}", info)
    named = f' class="language-{info}"' if language else ""
    words = f"<p>{html.escape(info)}</p>\n" if info and not language else ""
    return f"{words}<pre><code{named}>{html.escape(tokens[at].content)}</code></pre>\n"


def figure_file(folder: str | Path, target: str) -> Path | None:
    """The picture that a card links to, if it is a picture in the paper's folder; else None.

    A card stands in `cards/`, so its paths may begin there or in the folder itself; a picture that the review kept
    elsewhere may have been put into `figures/` under its own name. Backslashes, %20, both Unicode normalisations of a
    name and the address of a Jekyll site are understood.
    """
    root = Path(folder).resolve()
    plain = unquote(local_target(target)).replace("\\", "/")
    if not plain or ":" in plain or "\0" in plain:
        return None
    for form in ("NFC", "NFD"):
        name = unicodedata.normalize(form, plain)
        relative = () if name.startswith("/") else (root / "cards" / name, root / name)
        for place in (*relative, root / "figures" / name.rpartition("/")[2]):
            try:
                path = place.resolve()
                if path.is_relative_to(root) and path.is_file():
                    return path
            except (OSError, RuntimeError, ValueError):  # a name too long, a link that leads in circles
                continue
    return None


def unshown(text: str, folder: str | Path) -> Iterator[tuple[str, str]]:
    """The pictures of a Markdown text that no page can show, each with the reason; `folder` is the paper's."""
    wanted: dict[str, None] = {}
    as_html(text, figure=lambda target: wanted.setdefault(target))
    for target in wanted:
        file = figure_file(folder, target)
        if web_only(target):
            yield (
                target,
                "on the web, and pages load nothing from there; save it into figures/ and link to it there",
            )
        elif file is None:
            yield target, "not found; put it into figures/"
        elif data_uri(file) is None:
            yield target, f"not a PNG, JPEG, GIF or WebP file of at most {LARGEST_FIGURE >> 20} MiB"


def data_uri(path: Path | None) -> str | None:
    """A picture as an address that holds its bytes, so that a page needs no other file; None for another file."""
    if path is None or path.stat().st_size > LARGEST_FIGURE:
        return None
    data = path.read_bytes()
    kind = next((kind for start, kind in _PICTURES.items() if data.startswith(start)), None)
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}" if kind else None
