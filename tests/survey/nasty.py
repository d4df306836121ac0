"""Markdown as nobody should write it, for property tests: fences, rules, front matter that never ends, all line ends."""

from hypothesis import strategies as st

LINES = (
    "",
    "   ",
    "---",
    "--- ",
    "...",
    "===",
    "# ",
    "#タグ",
    "## 手法",
    "##手法",
    "＃＃ 方法",
    "## 2. Method ##",
    "### 3.1 네트워크 구조  ",
    "# Title",
    "####### seven",
    "    # code",
    "**概要**",
    "**局限性：**",
    "■ 結果",
    "【議論】",
    "Method",
    "```",
    "```python",
    "~~~~",
    "~~~",
    " ```",
    "# comment",
    "<!--",
    "-->",
    "<pre>",
    "</pre>",
    "{:toc}",
    "{% highlight py %}",
    "{% endhighlight %}",
    "+ 항목  ",
    "- item\\",
    "![図](images\\図 1.png)",
    "key: value",
    "tags: [a, b]",
    "tags: x, y",
    "language: ja",
    "language: Japanese",
    "status: published",
    "keywords: [a, 'b # c']",
    "\tkey: tab",
    "? [a]",
    "&a [*a]",
    "# labkit: up to here",
    "# labkit: the lines from here were added by the import",
    "imported: {fences: added}",
    "ｆｕｌｌ　ｗｉｄｔｈ！？",
    "か\u3099 decomposed",
    "\ufeff",
    "\x85 \u2028 \x0c \x1c",
    "nul \x00",
)
ENDS = ("\n", "\n", "\n", "\r\n", "\r")

lines = st.one_of(st.sampled_from(LINES), st.text(st.characters(codec="utf-8"), max_size=12))


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Lines with one kind of line end or all kinds, with or without a byte-order mark, a fence or a last line end."""
    mixed = draw(st.booleans())
    end = draw(st.sampled_from(ENDS))
    chosen = draw(st.lists(lines, min_size=1, max_size=14))
    if draw(st.booleans()):
        chosen = ["---", *chosen]
    text = "".join(line + (draw(st.sampled_from(ENDS)) if mixed else end) for line in chosen)
    text = text if draw(st.booleans()) else text.rstrip("\r\n")
    return ("\ufeff" if draw(st.booleans()) else "") + text
