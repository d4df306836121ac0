"""Search in a large library: 10,000 papers with 20,000 cards, in four languages; and the gallery's page of them.

    python benchmarks/search.py [--papers 10000] [--folder FOLDER]

The index is made once per library and kept; a question then has to be answered within 0.2 seconds.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from survey import generate

QUESTIONS = (
    "動画",
    "行動",
    "학습",
    "学习",
    "行動認識",
    "video",
    "depth kernel",
    "vid",
    '"flow dataset"',
    "family77",
    "動",
)
BAR = 0.2  # seconds for one question
TRIES = 5


def main() -> None:
    """Make the library and its index, ask, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="a library that is there already")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="labkit-search-") as scratch:
        os.environ["LABKIT_CACHE"] = f"{scratch}/cache"
        folder = chosen.folder or Path(scratch) / "summaries"
        if not folder.exists():
            generate(folder, chosen.papers)
        measure(folder)


def measure(folder: Path) -> None:
    """Seconds to read the library, to make its index, to open that again, and for each question."""
    from labkit.survey.library.shelf import open_shelf
    from labkit.survey.search.gallery import records
    from labkit.survey.search.index import open_index

    def timed(what, make):
        started = time.perf_counter()
        made = make()
        print(f"{what:<44}{time.perf_counter() - started:>8.2f} s")
        return made

    shelf = timed("look at the files", lambda: open_shelf(folder))
    timed("read papers and cards", lambda: (len(shelf.papers), len(shelf.cards)))
    timed("make the index", lambda: open_index(shelf)).close()
    again = timed("look again", lambda: open_shelf(folder))
    index = timed("open the index again", lambda: open_index(again))
    print(
        f"{len(again.papers):,} papers, {len(again.cards):,} cards; index {index.place.stat().st_size / 1e6:.0f} MB\n"
    )
    for question in QUESTIONS:
        took = []
        for _ in range(TRIES):
            started = time.perf_counter()
            hits = index.search(question)
            took.append(time.perf_counter() - started)
        slow = "" if max(took) <= BAR else "  too slow"
        print(f"{question:<24}{len(hits):>4} hits{statistics.median(took):>10.3f} s, at most {max(took):.3f} s{slow}")
    timed("\nrows of the gallery", lambda: len(list(records(again))))


if __name__ == "__main__":
    main()
