"""The text of a file: of a sensible size, in a known encoding. An error says which encoding the file may be in."""

from collections.abc import Callable
from pathlib import Path

from labkit.survey.publication.problems import SummaryError

LARGEST = 4 * 1024 * 1024  # bytes of one file; a season's largest table is far below
# Encodings that a file may have in place of UTF-8, and letters that speak for each: a script, or common Chinese ones.
ENCODINGS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "cp949": ("Korean", lambda letter: "\uac00" <= letter <= "\ud7a3"),
    "cp932": ("Japanese", lambda letter: "\u3040" <= letter <= "\u30ff"),
    "euc_jp": ("Japanese", lambda letter: "\u3040" <= letter <= "\u30ff"),
    "gb18030": ("Chinese", lambda letter: b"\xb0" <= letter.encode("gb2312", "ignore")[:1] <= b"\xd7"),
    "big5": ("Chinese", lambda letter: b"\xa4" <= letter.encode("big5", "ignore")[:1] <= b"\xc6"),
    "cp1252": ("Western European", lambda letter: "\u00c0" <= letter <= "\u00ff"),
}
_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def read_text(path: Path, encoding: str = "utf-8-sig") -> str:
    """The text of a file, without a byte-order mark. Raises `SummaryError` where it is empty, huge or in another encoding."""
    return decoded(path, path.read_bytes(), encoding)


def decoded(path: Path, data: bytes, encoding: str = "utf-8-sig") -> str:
    """The text of a file's bytes, as `read_text` gives it."""
    text = decode(path, data, encoding)
    if not text.strip():
        raise SummaryError(path, "the file is empty")
    return text


def decode(path: Path, data: bytes, encoding: str = "utf-8") -> str:
    """The text of these bytes, byte-order mark and all.

    Raises `SummaryError` where they are too many or in another encoding, with the line and what it may be; `ValueError`
    for an encoding that is not known.
    """
    if len(data) > LARGEST:
        raise SummaryError(path, f"{len(data):,} bytes; a file here has at most {LARGEST:,}")
    try:
        return data.decode(encoding)
    except LookupError:
        raise ValueError(f"unknown encoding {encoding!r}; common ones are utf-8, {', '.join(ENCODINGS)}") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        name = "UTF-8" if encoding in ("utf-8", "utf-8-sig") else encoding
        likely = spoken_encodings(data, but=encoding)
        maybe = f"; it may be {likely}" if likely else ""
        reason = f"not {name} (byte {data[error.start]:#04x}){maybe}; save it as UTF-8 (an import takes --encoding)"
        raise SummaryError(path, reason, line) from None


def likely_encodings(data: bytes) -> tuple[str, ...]:
    """Encodings that could read these bytes, the likeliest first, by the share of letters in its script."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return (name,)
    scores = {}
    for name, (_, shows) in ENCODINGS.items():
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        beyond = [letter for letter in text if not letter.isascii()]
        scores[name] = sum(map(shows, beyond)) / max(len(beyond), 1)
    return tuple(sorted(scores, key=lambda name: -scores[name]))


def spoken_encodings(data: bytes, *, but: str = "utf-8") -> str:
    """The likeliest three as words, `cp949 (Korean) or gb18030 (Chinese)`; empty where none could read the bytes."""
    likely = [name for name in likely_encodings(data) if name != but][:3]
    return " or ".join(f"{name} ({ENCODINGS[name][0]})" if name in ENCODINGS else name for name in likely)
