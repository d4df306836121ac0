"""Whatever a text says, it stays data inside a script element."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.script_json import ESCAPED, script_json

NASTY = [
    "</script><script>alert(1)</script>",
    "<!--<script",
    "]]>",
    "&lt;",
    "it's",
    "\u2028\u2029",
    "\udc80",
    "動画 🎬",
]
# Bytes of a file's name that are not UTF-8 are such surrogates; a high and a low one side by side are a letter to JSON.
letters = st.characters(exclude_categories=["Cs"]) | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)
texts = st.sampled_from(NASTY) | st.text(letters)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)


@given(values)
def test_json_for_a_script_reads_back_equal_and_cannot_end_the_script(value):
    made = script_json(value)
    assert json.loads(made) == value
    assert not set(ESCAPED) & set(made)
    made.encode("utf-8")  # a lone surrogate would raise


@pytest.mark.parametrize("text", NASTY)
def test_every_text_that_once_ended_a_script_is_data(text):
    made = script_json({text: [text]})
    assert "</script" not in made
    assert "<!--" not in made
    assert json.loads(made) == {text: [text]}
