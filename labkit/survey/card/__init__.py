"""One card, what one reader made of a paper: its fields (`schema`), its file (`file`), a new one (`new`), one shown (`show`)."""
