"""What is wrong with a finished site: broken links, public names without an entry, and files that are too large."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from labkit.course.website.links import broken_links

MOST_BYTES = 30_000_000  # of the site: a class loads it over one network, and a stick holds many
MOST_BYTES_OF_A_PAGE = 8_000_000  # a phone opens it within seconds
LARGEST = 3  # files that are named


def faults_of(out: Path, names: Sequence[str]) -> Iterator[str]:
    """A line for each broken link, and for each of the public `names` that the reference lacks."""
    from sphinx.util.inventory import InventoryFile

    yield from broken_links(out)
    listed = InventoryFile.loads((out / "objects.inv").read_bytes(), uri="").data
    there = {name for kind, found in listed.items() if kind.startswith("py:") for name in found}
    yield from (f"the reference lacks {name}" for name in names if name not in there)


def notes_on_size(site: Path) -> Iterator[str]:
    """A line where the site is too large, with its largest files, and one for each page that is."""
    sizes = {path: path.stat().st_size for path in site.rglob("*") if path.is_file()}
    whole = sum(sizes.values())
    if whole > MOST_BYTES:
        largest = sorted(sizes, key=lambda path: -sizes[path])[:LARGEST]
        named = ", ".join(f"{path.relative_to(site).as_posix()} ({_megabytes(sizes[path])})" for path in largest)
        yield f"the site has {_megabytes(whole)}, more than {_megabytes(MOST_BYTES)}; its largest files are {named}"
    for path in sorted(sizes):
        if path.suffix == ".html" and sizes[path] > MOST_BYTES_OF_A_PAGE:
            page, most = path.relative_to(site).as_posix(), _megabytes(MOST_BYTES_OF_A_PAGE)
            yield f"the page {page} has {_megabytes(sizes[path])}, more than {most}: its notebook shows too much"


def bytes_of(site: Path) -> int:
    """The bytes of all files of a site."""
    return sum(path.stat().st_size for path in site.rglob("*") if path.is_file())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
