"""The README, CONTRIBUTING and docs point at things that exist and agree with the files they repeat."""

import ast
import doctest
import re
import tomllib
from pathlib import Path

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
