"""JSON that may stand inside a `<script>` element of a page."""

import json
from typing import Any

ESCAPED = "<>&'\u2028\u2029"


def script_json(value: Any) -> str:
    """The value as JSON. No text in it can end the script element, open a comment, or end an attribute in single quotes.

    These are escaped: `<`, `>`, `&`, `'`, the two separators that end a line in older JavaScript, and lone surrogates, which a
    UTF-8 file cannot hold. JSON reads all of them back as they were.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for mark in ESCAPED:
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
