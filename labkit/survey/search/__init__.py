"""Search over titles, abstracts and cards in four languages (`index`), and the gallery of cards."""
