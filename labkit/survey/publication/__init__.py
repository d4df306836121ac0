"""One paper: what is true of it (`schema`), its files (`files`), its published numbers, and how they are cited (`cite`)."""
