"""Which encoding a file that is no UTF-8 may be in, so that an error about it can say so."""

from collections.abc import Callable

# What a file that is no UTF-8 may be, and the letters that then show: a script, or the commoner half of a Chinese set.
ENCODINGS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "cp949": ("Korean", lambda letter: "\uac00" <= letter <= "\ud7a3"),
    "cp932": ("Japanese", lambda letter: "\u3040" <= letter <= "\u30ff"),
    "euc_jp": ("Japanese", lambda letter: "\u3040" <= letter <= "\u30ff"),
    "gb18030": ("Chinese", lambda letter: b"\xb0" <= letter.encode("gb2312", "ignore")[:1] <= b"\xd7"),
    "big5": ("Chinese", lambda letter: b"\xa4" <= letter.encode("big5", "ignore")[:1] <= b"\xc6"),
    "cp1252": ("Western European", lambda letter: "\u00c0" <= letter <= "\u00ff"),
}
_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def likely_encodings(data: bytes) -> tuple[str, ...]:
    """Encodings that could read these bytes, those first whose script then shows most."""
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
