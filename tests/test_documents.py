"""The README, CONTRIBUTING and docs point at things that exist and agree with the files they repeat."""

import ast
import doctest
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_inside_the_project_lead_somewhere(path):
    targets = re.findall(r"\]\(([^)\s#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    inside = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in inside if not (path.parent / target).exists()] == []


def test_the_readme_lists_the_notebooks_as_the_course_file_has_them():
    entries = tomllib.loads((ROOT / "notebooks" / "course.toml").read_text(encoding="utf-8"))["notebook"]
    rows = [
        f"| [{entry['file'][:2]} {entry['title']}](notebooks/{entry['file']}) | {entry['question']} "
        f"| {entry['minutes']['cpu']} | {entry['minutes']['gpu']} |"
        for entry in entries
    ]
    assert [row for row in rows if row not in README] == []
    assert README.count("](notebooks/") == len(rows)


def test_the_cited_number_in_the_readme_is_what_cite_answers():
    example = re.search(r"```python\n(>>> .*?)```", README, flags=re.DOTALL).group(1)
    # The card of a paper is for a notebook's eyes; the rest is run as it stands.
    runnable = example.split(">>> paper(")[0]
    test = doctest.DocTestParser().get_doctest(runnable, {}, "README.md", "README.md", 0)
    assert doctest.DocTestRunner(verbose=False).run(test) == (0, 2)


def test_the_readme_opens_with_three_uses_a_described_picture_each_and_two_commands():
    first_screen = "\n".join(README.splitlines()[:25])
    described = re.findall(r"!\[([^]]+)\]\(docs/images/\w+\.png\)", first_screen)
    assert [len(words.split()) > 8 for words in described] == [True] * 3
    assert re.findall(r"^make \w+", first_screen, flags=re.MULTILINE) == ["make course", "make test"]


def test_every_picture_of_the_documents_is_small_shown_and_drawn_by_the_script():
    pictures = sorted((ROOT / "docs" / "images").iterdir())
    script = ast.parse((ROOT / "docs" / "pictures.py").read_text(encoding="utf-8"))
    drawn = {node.name for node in script.body if isinstance(node, ast.FunctionDef)}
    for path in pictures:
        header, data = path.read_bytes()[:24], path.stat().st_size
        assert header[1:4] == b"PNG"
        assert int.from_bytes(header[16:20]) <= 1200, f"{path.name} is too wide"
        assert data < 150_000, f"{path.name} is too large"
        assert path.stem in drawn, f"docs/pictures.py does not draw {path.name}"
        assert f"docs/images/{path.name}" in README


def test_the_readme_speaks_of_groups_in_one_section():
    sections = re.findall(r"^## .+?(?=^## |\Z)", README, flags=re.MULTILINE | re.DOTALL)
    assert sum("labkit group" in section for section in sections) == 1


def commands(tool: str) -> set[str]:
    """The sub-commands of `labkit` or `make` that the documents tell a reader to type."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    return {name for block in blocks for name in re.findall(rf"^{tool} ([a-z]+)", block, flags=re.MULTILINE)}


def test_every_labkit_command_in_the_documents_exists():
    from typer.main import get_command

    from labkit.cli import app

    assert {"doctor", "course", "run", "runs"} <= commands("labkit")
    assert commands("labkit") - set(get_command(app).commands) == set()


def test_contributing_starts_with_the_quick_tests():
    first = re.search(r"```bash\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert first.group(1).startswith("make check ")


def test_every_make_target_in_the_documents_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {"course", "lab", "test"} <= commands("make")
    assert commands("make") - targets == set()


def blocks(language: str) -> list[tuple[str, str]]:
    """Each block of a shell's code in the documents, with the name of its document."""
    texts = ((path.name, path.read_text(encoding="utf-8")) for path in DOCUMENTS)
    return [(name, block) for name, text in texts for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]


def typed_commands() -> Iterator[tuple[str, list[str]]]:
    """The words of each `labkit` command in the blocks of the documents, with the name of the document."""
    for name, block in [*blocks("bash"), *blocks("powershell")]:
        for line in block.replace("\\\n", " ").splitlines():
            if found := re.match(r"(?:\w+=\S+ |\S+python -m |.* && )?labkit (.*)", line.strip()):
                words = shlex.split(found[1], comments=True)
                ends = [at for at, word in enumerate(words) if word in ("|", ">", "&&", "&", "||")]
                yield name, words[: ends[0]] if ends else words


def refused(words: list[str]) -> str:
    """Why labkit would refuse these words, without running them; empty if it takes them."""
    from typer.main import get_command

    from labkit.cli import app

    command: Any = get_command(app)
    while hasattr(command, "commands"):
        first = words[:1]
        if not first or first[0] not in command.commands:
            first = [getattr(command, "default", "")]
        else:
            words = words[1:]
        if first[0] not in command.commands:
            return f"no command in {words}"
        command = command.commands[first[0]]
    try:
        command.make_parser(command.context_class(command)).parse_args(list(words))
    except Exception as error:
        return str(error)
    return ""


def test_every_labkit_command_in_a_block_has_options_that_exist():
    typed = list(typed_commands())
    assert len(typed) > 75
    assert "--quik" in refused(["run", "05", "--quik"])
    assert refused(["course", "--quick"]) == ""
    assert [(name, words, why) for name, words in typed if (why := refused(words))] == []


def test_the_site_can_colour_every_block():
    from pygments.lexers import find_lexer_class_by_name

    marked = {name for path in DOCUMENTS for name in re.findall(r"^```(\w+)$", path.read_text("utf-8"), re.MULTILINE)}
    assert {"bash", "python", "text"} <= marked
    for name in marked - {"mermaid"}:  # which the site draws
        assert find_lexer_class_by_name(name)


@pytest.mark.skipif(os.name == "nt", reason="the blocks are for a Unix shell")
def test_every_block_for_a_unix_shell_is_one():
    for name, block in blocks("bash"):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert done.stderr == "", name


def test_what_pip_is_told_to_install_exists_and_is_quoted():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    asked = []
    for path in DOCUMENTS:
        for line in re.findall(r"pip (?:install|wheel)[^`\n]*\[[^`\n]*", path.read_text(encoding="utf-8")):
            found = re.search(r'"(?:\.|labkit-video)\[([a-z,]+)\]"', line)  # zsh would expand brackets without quotes
            assert found, (path.name, line)
            asked += found[1].split(",")
    assert {"flow", "grading", "site"} <= set(asked) <= set(extras)
