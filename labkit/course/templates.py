"""The site's templates. They escape every text; intended HTML is given to them as `Markup`."""

import functools
from pathlib import Path
from typing import Any

from markupsafe import Markup

from labkit.counting import counted
from labkit.page_policy import page_policy

SITE = Path(__file__).parent / "site"


def render(template: str, **values: Any) -> str:
    """The page from a template of `site/` with these values. A missing value is an error."""
    return str(_templates().get_template(template).render(**values))


@functools.cache
def _templates() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(loader=FileSystemLoader(SITE), undefined=StrictUndefined, autoescape=True)
    made.globals |= {"counted": counted, "page_policy": lambda *given, **named: Markup(page_policy(*given, **named))}  # noqa: S704 (our own words)
    return made
