"""The search's words: as in English, and pairs of characters in Japanese, Korean and Chinese.

Sphinx cuts a text into words at signs and spaces, which these languages do not set between words. So each two neighbours
are a word, and each single character too. `pairs.js` cuts a question in the same way. Letters of other widths and cases
are the same letter.
"""

import re
import unicodedata
from pathlib import Path

from sphinx.search.en import SearchEnglish

from labkit.survey.card.words import RUN

LANGUAGE = "pairs"
PART = re.compile(rf"(?P<run>{RUN}+)|\w(?:(?!{RUN})\w)*")
ONE = re.compile(RUN)
IN_SCRIPT = re.sub(r"\\U000([0-9a-f]{5})", r"\\u{\1}", RUN)  # as JavaScript writes a character beyond four digits


class SearchPairs(SearchEnglish):
    """English words with their stems, and pairs of characters."""

    lang = LANGUAGE
    language_name = "English"  # of the stemmer in JavaScript
    js_splitter_code = (Path(__file__).parent / "pairs.js").read_text(encoding="utf-8").replace("RUN", IN_SCRIPT)

    def split(self, text: str) -> list[str]:
        """All words of a text: for a run of n characters its n - 1 pairs and its n characters."""
        words: list[str] = []
        for part in PART.finditer(unicodedata.normalize("NFKC", text)):
            word = part.group()
            if part["run"]:
                words += [word[at : at + 2] for at in range(len(word) - 1)]
            words += list(word) if part["run"] else [word]
        return words

    def stem(self, word: str) -> str:
        """The stem of an English word. A pair of characters stays as it is."""
        return word if ONE.match(word) else super().stem(word)
