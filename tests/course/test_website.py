"""The toy course as a site, built once: every page is there, its links lead somewhere, and nothing comes from elsewhere."""

import json
import re
import shutil
from pathlib import Path

import pytest
from toy_course import build_toy_course

from labkit.course.website import reference
from labkit.course.website.build import SiteError, build_site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
DOCUMENT = """# A document

An epoch is one clip, and a Clip is a tensor. [A file](../notebooks/notes.txt), [a notebook](../notebooks/00_first.ipynb).

```mermaid
flowchart TD
    a["one"] --> b["two"]
```
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    project = tmp_path_factory.mktemp("toy")
    build_toy_course(project)
    (project / "docs" / "a.md").write_text(DOCUMENT, encoding="utf-8")
    card = "hara-2018-retrace"
    shutil.copytree(Path(__file__).parents[2] / "summaries" / card, project / "summaries" / card, dirs_exist_ok=True)
    return project


@pytest.fixture(scope="module")
def site(project) -> Path:
    return build_site(folder=project, open_in={"Colab": "https://example.org/open/{path}"}).index.parent


def page(site: Path, name: str) -> str:
    return (site / name).read_text(encoding="utf-8")


def test_every_part_of_the_site_has_its_pages(site):
    for name in (
        "index",
        "notebooks/index",
        "notebooks/00_first",
        "docs/index",
        "docs/a",
        "docs/glossary",
        "papers",
        "api/index",
    ):
        assert (site / f"{name}.html").is_file()
    assert (site / "papers" / "hara-2018-retrace.html").is_file()
    assert [path.name for path in site.rglob("plotly*.js")] == ["plotly.min.js"]


def test_every_public_name_has_an_entry_in_the_reference(site):
    text = "".join(path.read_text(encoding="utf-8") for path in (site / "api").glob("*.html"))
    there = set(re.findall(r'id="(labkit[\w.]*)"', text)) | {
        name.removeprefix("module-") for name in re.findall(r'id="(module-labkit[\w.]*)"', text)
    }
    names = {name for module in reference.modules() for name in reference.public_names(module)}
    assert len(names) > 1000
    assert names - there == set()


def test_what_was_found_is_folded_on_the_first_page(site):
    index = page(site, "index.html")
    (fold,) = re.findall(r"<details class=\"found-out\".*?</details>", index, re.DOTALL)
    assert "25.0 %" in fold
    assert "25.0 %" not in index.replace(fold, "")
    assert "open" not in fold.partition(">")[0]


def test_a_failed_notebook_is_named_with_its_error(site):
    assert "1 of 3 notebooks did not run to the end" in page(site, "index.html")
    assert "This notebook did not run to its end." in page(site, "notebooks/01_second.html")


def test_titles_and_questions_are_escaped(site):
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "First <b>" not in text
        assert "A toy <course>" not in text
        assert "<script>alert(1)" not in text


def test_a_page_leads_to_the_one_before_and_the_next(site):
    text = page(site, "notebooks/01_second.html")
    assert re.search(r'class="left-prev"\s+href="00_first.html"', text)
    assert re.search(r'class="right-next"\s+href="02_third.html"', text)


def test_a_document_links_to_the_glossary_to_pages_and_to_copies_and_has_its_drawing(site):
    text = page(site, "docs/a.html")
    assert len(re.findall(r'href="glossary.html#word-clip"', text)) == 1
    assert 'href="../files/notebooks/notes.txt"' in text
    assert (site / "files" / "notebooks" / "notes.txt").read_text() == "a note\n"
    assert 'href="../notebooks/00_first.html"' in text
    assert "<svg" in text
    assert "flowchart" not in text


def test_a_notebook_links_to_the_glossary_its_file_and_a_service(site):
    text = page(site, "notebooks/00_first.html")
    assert 'href="../docs/glossary.html#word-clip"' in text
    assert 'href="../papers/hara-2018-retrace.html"' in text
    assert 'href="https://example.org/open/notebooks/00_first.ipynb"' in text
    assert json.loads(page(site, "notebooks/00_first.ipynb"))["nbformat"] == 4


def test_every_page_has_one_policy_that_allows_no_script_of_a_reader(site):
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
        assert policy.startswith("default-src 'none'; script-src ")
        assert not re.search(r"script-src[^;]*(unsafe-inline|unsafe-eval|https?:|\*|data:)", policy)
        assert not re.findall(r'<(?:script|link|img|iframe|source)[^>]*(?:src|href)="(?:https?:)?//', text), path.name


def test_no_folder_of_this_machine_is_on_a_page_or_in_the_index(site, project):
    for path in (*site.rglob("*.html"), site / "searchindex.js"):
        assert str(project) not in path.read_text(encoding="utf-8")


def test_the_search_has_the_words_of_notebooks_papers_and_pairs_of_characters(site):
    index = json.loads(page(site, "searchindex.js").removeprefix("Search.setIndex(").removesuffix(")"))
    assert "papers/hara-2018-retrace" in index["docnames"]
    assert "notebooks/00_first" in index["docnames"]
    assert "動画" in index["terms"]


def test_a_fault_leaves_the_earlier_site_and_is_named(site, project):
    before = page(site, "index.html")
    wrong = project / "docs" / "wrong.md"
    wrong.write_text("# Wrong\n\n[Nowhere](a.md#nowhere)\n\n:::{nothing}\n:::\n", encoding="utf-8")
    try:
        with pytest.raises(SiteError, match=r"the site has faults:\n/docs/wrong\.md:\d+: (?s:.*)nowhere"):
            build_site(folder=project)
    finally:
        wrong.unlink()
    assert page(site, "index.html") == before
    assert {path.name for path in (project / "build").iterdir() if path.is_dir()} == {"runs", "course", "site"}
