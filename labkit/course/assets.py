"""Files that pages share, and how a page is written."""

import json
from pathlib import Path

from labkit.atomic import write_atomically
from labkit.course.templates import SITE

OWN = ("parts.css", "course.css", "course.js", "found.js", "gallery.js")


def write_assets(folder: Path) -> None:
    """Write the styles and scripts that all pages share, labkit's and plotly's."""
    from plotly.offline import get_plotlyjs
    from pygments.formatters import HtmlFormatter

    from labkit.viz import theme

    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark"))
    themes = {"light": theme.LIGHT.to_plotly_json(), "dark": theme.DARK.to_plotly_json()}
    write_page(folder / "code.css", f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n")
    write_page(folder / "themes.js", f"window.courseThemes = {json.dumps(themes)};\n")
    write_page(folder / "plotly.min.js", get_plotlyjs())
    for name in OWN:
        write_page(folder / name, (SITE / name).read_text(encoding="utf-8"))


def write_page(path: Path, text: str) -> None:
    """Write the text of a page, whole or not at all."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
