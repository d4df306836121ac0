"""What Sphinx, MyST-NB and the theme are told. Nothing of it loads a file from another site."""

import html
import re
from pathlib import Path
from typing import Any

from labkit import __version__
from labkit.course.templates import SITE
from labkit.course.website.search import LANGUAGE

THEME = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "primary_sidebar_end": [],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "show_nav_level": 1,
    "navigation_depth": 2,
    "header_links_before_dropdown": 6,
    "search_bar_text": "Search all pages",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "icon_links": [],
}


def settings(title: str, static: Path) -> dict[str, Any]:
    """Sphinx's configuration for a site with this title. `static` has its style and scripts."""
    return {
        "project": title,
        "release": __version__,
        "extensions": ["myst_nb"],
        "html_title": re.sub(r"[<>]", "", title),  # a template of the theme does not escape it
        "html_theme": "pydata_sphinx_theme",
        "html_theme_options": {**THEME, "logo": {"text": html.escape(title)}},  # the theme does not escape it
        "html_static_path": [str(static), str(SITE / "parts.css")],
        "html_css_files": ["site.css", "parts.css"],
        "html_favicon": str(static / "icon.svg"),  # without one a browser asks for /favicon.ico, which is not there
        "html_search_language": LANGUAGE,
        "html_context": {"default_mode": "auto"},  # light or dark as the system is
        "html_show_search_summary": False,  # it would be fetched, which a page opened from disk may not
        "html_copy_source": False,
        "html_show_sourcelink": False,
        "html_show_sphinx": False,
        "html_show_copyright": False,
        "html_sidebars": {"index": []},
        "nb_execution_mode": "off",  # labkit ran the notebooks
        "nb_ipywidgets_js": {},  # by default from elsewhere
        "nb_merge_streams": True,
        "myst_enable_extensions": ["colon_fence", "deflist"],
        "myst_heading_anchors": 4,
        "add_module_names": False,
        "python_use_unqualified_type_names": True,
        "toc_object_entries_show_parents": "hide",
    }
