"""The packages that build the site. They come with the extra `site`, and not with a plain `pip install labkit-video`."""

from importlib.util import find_spec

NEEDED = ("sphinx", "myst_nb", "pydata_sphinx_theme")


class PackagesError(ModuleNotFoundError):
    """Packages that build the site are missing. The message has the command that installs them."""


def check_packages() -> None:
    """Raise `PackagesError` where one is missing. Nothing is imported."""
    lacking = [name for name in NEEDED if find_spec(name) is None]
    if lacking:
        raise PackagesError(f'the site needs {", ".join(lacking)}: pip install "labkit-video[site]"')
