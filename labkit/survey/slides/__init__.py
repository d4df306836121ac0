"""Slides of what was read: one card, a session of papers, or a stream of them through the years, as one reveal.js file.

```
write_slides(card_deck(read_card(path)), "retrace.html")
write_slides(session_deck("Monday", ["hara-2018-retrace", "wang-2016-tsn"]), "monday.html")
write_slides(stream_deck("Kinetics"), "kinetics.html")
```

The file needs no network and no other file. Arrows and space walk, `o` or Escape shows all, `f` fills the screen,
`?view=print` behind the address lays them out for printing. Cards carry their version; the last slide is its history.
`decks` and `sections` decide what stands on a slide, `paging` how much, `page` writes the file. `shared_deck` is the
deck of a paper that several people improve.
"""

from labkit.survey.slides.decks import card_deck, session_deck, stream_deck
from labkit.survey.slides.page import Deck, Slide, slides_html, write_slides

__all__ = ["Deck", "Slide", "card_deck", "session_deck", "slides_html", "stream_deck", "write_slides"]
