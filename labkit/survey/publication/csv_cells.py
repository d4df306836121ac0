"""Cells of CSV files that are safe in a spreadsheet: text that looks like a formula gets an apostrophe in front."""

# Some spreadsheets read the full-width forms like the plain ones.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def guarded(text: str) -> str:
    """The text as it is written to a CSV file. `unguarded` gives back what it was."""
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def unguarded(text: str) -> str:
    """A cell of a CSV file that `guarded` wrote, as it was."""
    return text[1:] if text.startswith("'") else text
