"""Reading `summaries/`: where they are found, and bad files named with file, line and what to do."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from labkit.survey import SummaryError, cite, paper, papers
from labkit.survey.publication.files import paper_ids, summaries_folder
from labkit.survey.publication.yaml_files import Loader, parse_yaml

PAPER = """\
id: a-2020-b
titles: {en: A title}
authors: [{given: Ada, family: Byron}]
year: 2020
venue: CVPR 2020
"""
HEADER = "model,dataset,metric,value,unit,source"
ROW = "Net,UCF-101,top-1,50.0,%,Table 1"


@pytest.fixture
def summaries(tmp_path, monkeypatch):
    """An empty library; `add(paper=..., results=...)` puts the paper a-2020-b into it."""
    monkeypatch.setenv("LABKIT_SUMMARIES", str(tmp_path))

    def add(
        paper: str | bytes = PAPER, results: str | bytes | None = f"{HEADER}\n{ROW}\n", folder: str = "a-2020-b"
    ) -> Path:
        target = tmp_path / folder
        target.mkdir()
        for name, text in (("paper.yaml", paper), ("results.csv", results)):
            if text is not None:
                (target / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return target

    return add


def test_a_paper_is_read_from_the_folder_that_the_environment_names(summaries):
    summaries()
    assert paper("a-2020-b").short == "Byron 2020"
    assert str(cite("a-2020-b")) == "50.0 % (Byron 2020, Table 1)"
    assert list(papers()["id"]) == ["a-2020-b"]


def test_a_paper_without_results_is_a_paper(summaries):
    summaries(results=None)
    assert papers()["results"].tolist() == [0]
    with pytest.raises(LookupError, match="has no published numbers"):
        cite("a-2020-b")


def test_a_changed_file_is_read_again(summaries):
    folder = summaries()
    assert float(cite("a-2020-b")) == 50.0
    (folder / "results.csv").write_text(f"{HEADER}\n{ROW.replace('50.0', '51.25')}\n")
    assert float(cite("a-2020-b")) == 51.25


def test_a_missing_folder_says_what_is_wanted(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_SUMMARIES", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"should hold <paper-id>/paper.yaml"):
        paper_ids()


def test_a_checkout_reads_the_summaries_beside_the_package(monkeypatch):
    monkeypatch.delenv("LABKIT_SUMMARIES", raising=False)
    assert summaries_folder() == Path(__file__).resolve().parents[3] / "summaries"


def test_the_wheel_carries_the_summaries():
    about = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    assert about["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]["summaries"] == "labkit/summaries"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (PAPER.replace("year: 2020", "year: twenty"), 4, "year"),
        (PAPER.replace("year:", "yaer:"), 4, "unknown key 'yaer'; did you mean 'year'"),
        (PAPER.replace("id: a-2020-b", "id: other"), 1, "the folder is 'a-2020-b'"),
        (PAPER.replace("[{given: Ada, family: Byron}]", "[{given: Ada, familly: Byron}]"), 3, "did you mean 'family'"),
        (PAPER + "errata:\n  - {where: Table 1, printed: x}\n", 7, "evidence"),
        (PAPER + "doi: {id: 10.1/x}\n", 6, "give a source, or say `unsure: true`"),
        (PAPER + "links:\n- {title: x, url: 'javascript:alert(1)'}\n", 7, "url"),
        (PAPER + "year: 2021\n", 6, "key 'year' twice"),
        (PAPER + "\tkeywords: [a]\n", 6, "found"),
        (PAPER + "keywords: !!python/object/apply:os.system [ls]\n", 6, "could not determine a constructor"),
        ("just text\n", 1, "expected keys and values"),
        (b"\xef\xbb\xbf" + PAPER.encode() + b"keywords: [caf\xe9]\n", 6, "not UTF-8"),
        (" \n", None, "the file is empty"),
    ],
)
def test_a_bad_paper_is_named_with_file_and_line(summaries, text, line, reason):
    path = summaries(paper=text) / "paper.yaml"
    with pytest.raises(SummaryError) as caught:
        paper("a-2020-b")
    assert caught.value.path == path
    assert caught.value.line == line, caught.value
    assert reason in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (f"{HEADER}\n{ROW}\n{ROW.replace('50.0', '50.0%')}\n", 3, "without the percent sign"),
        (f"{HEADER}\n" + ROW.replace("50.0", '"98,0"') + "\n", 2, "write a decimal point"),
        (f"{HEADER}\n{ROW.replace('50.0', 'nan')}\n", 2, "finite"),
        (f"{HEADER}\n{ROW.replace('50.0', 'many')}\n", 2, "value"),
        (f"{HEADER}\n{ROW},\n", 2, "7 fields, but the header has 6"),
        (f"{HEADER}\nNet,UCF-101\n", 2, "2 fields, but the header has 6"),
        (f"{HEADER.replace('dataset', 'datset')}\n{ROW}\n", 1, "unknown column 'datset'; did you mean 'dataset'"),
        (f"{HEADER.replace('source', 'page')}\n{ROW}\n", 1, "no column source"),
        (f"{HEADER}\n{ROW.replace('Table 1', '')}\n", 2, "source: is empty"),
        (f"{HEADER},level\n{ROW},frame\n", 2, "level"),
        (f"{HEADER},status\n{ROW},guessed\n", 2, "status"),
        ("", None, "the file is empty"),
    ],
)
def test_a_bad_table_is_named_with_file_and_line(summaries, text, line, reason):
    path = summaries(results=text) / "results.csv"
    with pytest.raises(SummaryError) as caught:
        cite("a-2020-b")
    assert caught.value.path == path
    assert caught.value.line == line, caught.value
    assert reason in str(caught.value)


def test_byte_order_mark_and_windows_line_ends_are_read(summaries):
    summaries(
        paper=b"\xef\xbb\xbf" + PAPER.replace("\n", "\r\n").encode(),
        results=b"\xef\xbb\xbf" + f"{HEADER}\r\n{ROW}\r\n".encode(),
    )
    assert str(cite("a-2020-b")) == "50.0 % (Byron 2020, Table 1)"


def test_keys_of_somebodys_own_are_kept(summaries):
    summaries(paper=PAPER + "shelf: 3rd from the left\n")
    assert paper("a-2020-b").model_extra == {"shelf": "3rd from the left"}


def test_aliases_that_unfold_without_end_are_refused(tmp_path):
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    with pytest.raises(SummaryError, match="nested or repeated too much"):
        parse_yaml(tmp_path / "paper.yaml", bomb)


@pytest.mark.parametrize("text", ["[" * 400_000 + "]" * 400_000, "- " * 200_000 + "a", "? " * 200_000 + "a"])
def test_nesting_that_would_end_the_interpreter_is_refused(tmp_path, text):
    with pytest.raises(SummaryError, match=r"paper\.yaml, line 1: nested"):
        parse_yaml(tmp_path / "paper.yaml", text)


def test_an_alias_of_itself_is_refused(tmp_path):
    with pytest.raises(SummaryError, match="nested or repeated too much"):
        parse_yaml(tmp_path / "paper.yaml", "a: &a [*a]\n")


def test_yaml_is_read_with_libyaml_where_it_is_there():
    import yaml

    assert Loader.__name__ == ("CSafeLoader" if yaml.__with_libyaml__ else "SafeLoader")


def test_importing_survey_loads_no_torch():
    code = "import sys, labkit.survey; print('torch' in sys.modules, 'plotly' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False", "False"]
