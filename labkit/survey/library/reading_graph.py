"""The graph of papers and what their cards want read next, with the unread papers.

```
graph = reading_graph()
graph.papers       # one row a paper: title, year, whether it is read, how many cards point to it
graph.edges        # from, to, how many cards say so
graph.unread       # what to read next: unread papers, those that most cards want first
```

`labkit.viz.survey.reading_map(graph.papers, graph.edges)` draws it.
"""

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from labkit.survey.library.shelf import Shelf, open_shelf


@dataclass(frozen=True)
class ReadingGraph:
    """Papers and what to read after them. `papers` is indexed by id; what the library lacks has its title as id."""

    papers: pd.DataFrame
    edges: pd.DataFrame

    @property
    def unread(self) -> pd.DataFrame:
        """Papers without a finished card, those that most cards want read first."""
        return self.papers[~self.papers["read"]].sort_values(["wanted", "year"], ascending=[False, True], kind="stable")

    def most_wanted(self, number: int) -> "ReadingGraph":
        """The papers with most edges, and the edges between them: a large library's graph at a size that can be drawn."""
        degree = Counter([*self.edges["from"], *self.edges["to"]])
        ranked = sorted(self.papers.index, key=lambda one: -degree[one])
        kept = set(ranked[:number])
        edges = self.edges[self.edges["from"].isin(kept) & self.edges["to"].isin(kept)]
        return ReadingGraph(self.papers[self.papers.index.isin(kept)], edges.reset_index(drop=True))


def reading_graph(shelf: Shelf | None = None, *, reader: str = "") -> ReadingGraph:
    """The graph of the whole library. A paper is read where a card of it is done or reviewed: anybody's, or `reader`'s."""
    shelf = shelf if shelf is not None else open_shelf()
    pointing: Counter[tuple[str, str]] = Counter()
    read, mentioned = set(), dict[str, str]()
    for card in shelf.cards:
        about = card.about
        if about.finished and reader in ("", about.reader):
            read.add(card.paper)
        for one in dict.fromkeys((one.paper or one.text, one.text) for one in about.next):
            if one[0] != card.paper:
                pointing[card.paper, one[0]] += 1
                mentioned.setdefault(*one)
    wanted = Counter[str]()
    for (_, to), times in pointing.items():
        wanted[to] += times
    rows = {
        key: (
            paper.title,
            paper.aliases[0] if paper.aliases else paper.short,
            paper.year,
            key in read,
            wanted[key],
            True,
        )
        for key, paper in shelf.papers.items()
        if paper.kind == "paper"
    }
    rows |= {key: (text, text, None, False, wanted[key], False) for key, text in mentioned.items() if key not in rows}
    columns = ["title", "name", "year", "read", "wanted", "in_library"]
    papers = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("paper")
    papers = papers.astype({"year": "Int64", "read": bool, "in_library": bool})
    edges = pd.DataFrame(
        [(*pair, times) for pair, times in pointing.items() if pair[0] in rows], columns=["from", "to", "cards"]
    )
    return ReadingGraph(papers, edges)
