"""JSON that may stand inside a `<script>` element of a page."""

import json
from typing import Any

ESCAPED = "<>&'\u2028\u2029"


def script_json(value: Any) -> str:
    """The value as JSON in which no text can end the script element, open a comment or leave a quoted attribute.

    `<`, `>`, `&`, `'` and the two separators that older JavaScript takes for ends of lines are written as escapes, and so
    are lone surrogates, which no file in UTF-8 can hold. JSON reads all of them back as they were.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for mark in ESCAPED:
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
