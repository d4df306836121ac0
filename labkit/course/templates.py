"""The site's templates. They escape every text; HTML that is meant comes to them as `Markup`."""

import functools
from pathlib import Path
from typing import Any

from labkit.counting import counted

SITE = Path(__file__).parent / "site"


def render(template: str, **values: Any) -> str:
    """The page that a template of `site/` makes of these values. A value that the template misses is an error."""
    return str(_templates().get_template(template).render(**values))


@functools.cache
def _templates() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(loader=FileSystemLoader(SITE), undefined=StrictUndefined, autoescape=True)
    made.globals["counted"] = counted
    return made
