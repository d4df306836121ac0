"""`labkit card` and `labkit papers`: what they print, what they ask, and that one bad file does not stop the rest."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from labkit.cli import app
from labkit.cli.app import said
from labkit.survey import read_card
from labkit.survey.card.json_schemas import SCHEMAS, json_schema, schema_text
from labkit.survey.publication.files import summaries_folder

REVIEW = """\
## どんなもの？
深いネットワーク。
## 次に読むべき論文は？
- Quo Vadis, Action Recognition? A New Mo…
- TSN
- Unheard of (2017)
"""
HARA = "hara-2018-retrace"


def labkit(*arguments: object, answers: str = "") -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], input=answers)


@pytest.fixture
def review(tmp_path) -> Path:
    path = tmp_path / "review.md"
    path.write_bytes(REVIEW.encode())
    return path


def test_new_prints_the_path_and_takes_a_title_or_a_number_for_an_id(library):
    for reader, paper in (("a", HARA), ("b", "Can Spatiotemporal 3D CNNs…"), ("c", "1711.09577")):
        done = labkit("card", "new", paper, "--format", "ochiai", "--language", "ja", "--reader", reader)
        assert done.exit_code == 0, done.output
        assert Path(done.stdout.strip()) == library / HARA / "cards" / f"ja-{reader}.md"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["TSN", "--reader", "a"], "wang-2016-tsn: TSN"),
        (["hara-2018-retrac", "--reader", "a"], "did you mean 'hara-2018-retrace'"),
        ([HARA, "--reader", "A B"], "did you mean 'a-b'"),
        ([HARA, "--reader", "a", "--format", "ochai"], "did you mean 'ochiai'"),
    ],
)
def test_new_says_what_was_meant(arguments, said, library):
    done = labkit("card", "new", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_import_asks_about_each_match_and_shows_it(library, review):
    done = labkit("card", "import", review, "--paper", HARA, "--reader", "a", answers="\n2\n")
    assert done.exit_code == 0, done.output
    assert "0.95  carreira-2017-quo-vadis  Quo Vadis, Action Recognition? A New Model" in done.stderr
    assert "2 of 2 headings have a role" in done.stderr
    card = read_card(Path(done.stdout.strip().splitlines()[-1]))
    assert [(one.text, one.paper) for one in card.about.next] == [
        ("Quo Vadis, Action Recognition? A New Mo…", "carreira-2017-quo-vadis"),
        ("TSN", "wang-2018-tsn"),
        ("Unheard of (2017)", None),
    ]
    assert (card.about.language, card.about.format, card.about.status) == ("ja", "ochiai", "done")


@pytest.mark.parametrize(
    ("more", "answers", "papers"), [(["--yes"], "", 1), ([], "", 0), ([], "0\n0\n", 0), ([], "9\nx\n", 0)]
)
def test_import_takes_no_match_that_nobody_confirmed(more, answers, papers, library, review):
    done = labkit("card", "import", review, "--paper", HARA, "--reader", "a", *more, answers=answers)
    assert done.exit_code == 0, done.output
    found = [one.paper for one in read_card(Path(done.stdout.strip().splitlines()[-1])).about.next]
    assert len(found) == 3
    assert sum(one is not None for one in found) == papers


def test_an_answer_that_is_no_number_of_the_list_is_asked_for_again(library, review):
    done = labkit("card", "import", review, "--paper", HARA, "--reader", "a", answers="9\nyes\n1\n0\n")
    assert done.exit_code == 0, done.output
    assert "type a number from 0 to 1, not '9'" in done.stderr
    assert "type a number from 0 to 1, not 'yes'" in done.stderr
    found = [one.paper for one in read_card(Path(done.stdout.strip().splitlines()[-1])).about.next]
    assert found == ["carreira-2017-quo-vadis", None, None]


@pytest.mark.parametrize("command", ["import", "resolve"])
def test_ctrl_c_in_a_question_ends_the_command_and_writes_nothing(command, library, review, monkeypatch):
    card = library / HARA / "cards" / "ja-a.md"
    arguments: tuple[object, ...] = (review, "--paper", HARA, "--reader", "a")
    if command == "resolve":
        assert labkit("card", "import", *arguments).exit_code == 0
        arguments = (card,)
    before = card.read_bytes() if card.is_file() else None

    def stopped(prompt: str = "") -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", stopped)
    done = labkit("card", command, *arguments)
    assert done.exit_code == 130
    assert "labkit: stopped" in done.stderr
    assert (card.read_bytes() if card.is_file() else None) == before


def test_who_has_said_their_name_to_the_group_need_not_say_it_for_a_card(library, review, monkeypatch):
    monkeypatch.setenv("LABKIT_READER", "reader-q")
    assert Path(labkit("card", "new", HARA).stdout.strip()).name == "en-reader-q.md"
    done = labkit("card", "import", review, "--paper", HARA, "--yes")
    assert done.stdout.strip().endswith("ja-reader-q.md")


@pytest.mark.parametrize(
    ("front", "why"),
    [
        ("---\ntitle: x\n", "the front matter begins here and does not end"),
        ("---\ntitle:\tx\n\ttags: y\n---\n", "(line 3)"),
        ("---\nlanguage: english\n---\n", "uses labkit's keys with another meaning (line 1)"),
    ],
)
def test_import_says_why_a_front_matter_became_text(front, why, library, tmp_path):
    path = tmp_path / "review.md"
    path.write_text(f"{front}\n## Method\n\nWords.\n", encoding="utf-8")
    done = labkit("card", "import", path, "--paper", HARA, "--reader", "a")
    assert done.exit_code == 0
    assert "its front matter is kept as text: " in done.stderr
    assert why in done.stderr


def test_a_review_of_headings_alone_is_not_done(library, tmp_path):
    path = tmp_path / "review.md"
    path.write_text("## Method\n\n## Results\n", encoding="utf-8")
    done = labkit("card", "import", path, "--paper", HARA, "--reader", "a")
    assert read_card(Path(done.stdout.strip())).about.status == "reading"


def test_a_full_disk_is_told_in_plain_words():
    assert said(OSError(28, "No space left on device")) == "No space left on device"
    assert said(OSError(30, "Read-only file system", "card.md")) == "card.md: Read-only file system"


def test_import_names_bad_files_and_goes_on(library, review, tmp_path):
    (tmp_path / "empty.md").write_bytes(b"")
    (tmp_path / "korean.md").write_bytes("방법\n합성곱".encode("cp949"))
    files = [tmp_path / "none.md", tmp_path / "empty.md", tmp_path / "korean.md", review]
    done = labkit("card", "import", *files, "--paper", HARA, "--reader", "a", "--yes")
    assert done.exit_code == 1
    assert "none.md" in done.stderr
    assert "empty.md: the file is empty" in done.stderr
    assert "korean.md, line 1: not UTF-8" in done.stderr
    assert "cp949 (Korean)" in done.stderr
    assert [path.name for path in (library / HARA / "cards").iterdir()] == ["ja-a.md"]


def test_import_names_the_pictures_that_no_page_can_show(library, review):
    (library / HARA / "figures").mkdir()
    (library / HARA / "figures" / "here.png").write_bytes(bytes.fromhex("89504e470d0a1a0a"))
    (library / HARA / "figures" / "drawn.svg").write_text("<svg/>", encoding="utf-8")
    pictures = "![](images/here.png) ![no file](images/missing.png) <img src='drawn.svg'> ![w](https://x.org/a.png)"
    review.write_text(f"## Method\n{pictures}\n![]({{{{ site.baseurl }}}}/b.png) `![](code.png)`\n", encoding="utf-8")
    done = labkit("card", "import", review, "--paper", HARA, "--reader", "a", "--yes")
    assert re.findall(r"  picture (\S+|\{\{.*\}\}\S+): (.{9})", done.stderr) == [
        ("images/missing.png", "not found"),
        ("drawn.svg", "not a PNG"),
        ("https://x.org/a.png", "on the we"),
        ("{{ site.baseurl }}/b.png", "not found"),
    ]


NEXT = """\
## 次に読むべき論文は？
- SlowFast Networks for Video Recognition (2019)
- about deconvolution
  - the part on checkerboards
- the newest version of that detector
- [Temporal Segment Networks](https://arxiv.org/abs/1608.00859)
- want to implement it myself
- "A Closer Look at Spatiotemporal Convolutions for Action Recognition"
- [12] Beyond Short Snippets
- I3D
- Two-Stream Convol…
### 関連
- Quo Vadis, Action Recognition?
"""
PAPERS_IN_IT = [
    "SlowFast Networks for Video Recognition (2019)",
    "Temporal Segment Networks (1608.00859)",
    '"A Closer Look at Spatiotemporal Convolutions for Action Recognition"',
    "Beyond Short Snippets",
    "I3D",
    "Two-Stream Convol…",
    "Quo Vadis, Action Recognition?",
]


@pytest.mark.parametrize("more", [["--yes"], []])
def test_what_is_no_paper_is_not_read_next_unless_somebody_says_so(more, library, review):
    review.write_text(NEXT, encoding="utf-8")
    done = labkit("card", "import", review, "--paper", HARA, "--reader", "a", *more)
    assert done.exit_code == 0, done.output
    card = read_card(Path(done.stdout.strip().splitlines()[-1]))
    assert [one.text for one in card.about.next] == PAPERS_IN_IT
    assert "about deconvolution" in done.stderr


def test_a_line_that_looks_like_no_paper_is_one_when_the_reader_says_so(library, review):
    review.write_text("## Next\n- about deconvolution\n- Video Transformers\n", encoding="utf-8")
    done = labkit("card", "import", review, "--paper", HARA, "--reader", "a", answers="\nmaybe\ny\n")
    assert done.exit_code == 0, done.output
    assert "answer y or n, not 'maybe'" in done.stderr
    assert [one.text for one in read_card(Path(done.stdout.strip())).about.next] == ["Video Transformers"]


def test_import_overwrites_nothing(library, review):
    arguments = ("card", "import", review, "--paper", HARA, "--reader", "a", "--yes")
    assert labkit(*arguments).exit_code == 0
    again = labkit(*arguments)
    assert again.exit_code == 1
    assert "exists already" in again.stderr


def test_export_gives_the_review_back(library, review, tmp_path):
    card = labkit("card", "import", review, "--paper", HARA, "--reader", "a", "--yes").stdout.strip()
    assert labkit("card", "export", card).stdout_bytes == review.read_bytes()
    assert labkit("card", "export", card, "--to", tmp_path / "again.md").exit_code == 0
    assert (tmp_path / "again.md").read_bytes() == review.read_bytes()
    assert labkit("card", "export", card, "--to", tmp_path / "again.md").exit_code == 2


def test_resolve_writes_what_is_confirmed_into_the_front_matter_alone(library):
    path = Path(labkit("card", "new", HARA, "--language", "ja", "--reader", "a").stdout.strip())
    read_card(path).edit("next", "- I3D\n- Unheard of (2017)").save()
    before = path.read_bytes()
    assert labkit("card", "resolve", path, "--yes").exit_code == 0
    assert path.read_bytes() == before.replace(
        b"next: []", b"next: [{text: I3D, paper: carreira-2017-quo-vadis}, {text: Unheard of (2017)}]"
    )


def test_resolve_asks_no_second_time_about_what_was_answered_and_keeps_the_order(library):
    path = Path(labkit("card", "new", HARA, "--reader", "a").stdout.strip())
    read_card(path).edit("next", "- TSN\n- I3D").save()
    assert labkit("card", "resolve", path, answers="0\n1\n").exit_code == 0
    again = labkit("card", "resolve", path, answers="2\n")
    assert "I3D" not in again.stderr
    assert [(one.text, one.paper) for one in read_card(path).about.next] == [
        ("TSN", "wang-2018-tsn"),
        ("I3D", "carreira-2017-quo-vadis"),
    ]
    assert labkit("card", "resolve", path).stdout == "no new paper to read next\n"


def test_papers_import_queues_and_names_what_it_cannot_use(library, tmp_path):
    (tmp_path / "v.csv").write_text(
        "title,authors,session\nI3D again,Ada Lovelace,Oral\n,No Title,Oral\n", encoding="utf-8"
    )
    assert "no queues yet" in labkit("papers", "queue").stdout
    done = labkit("papers", "import", tmp_path / "v.csv", "--venue", "CVPR 2018")
    assert done.exit_code == 1
    assert done.stdout.strip() == str(library / "queue" / "cvpr-2018.csv")
    assert "v.csv, line 3: no title" in done.stderr
    assert "1 paper added, 0 of them in the library" in done.stderr
    assert labkit("papers", "queue").stdout.strip() == "cvpr-2018"
    shown = labkit("papers", "queue", "CVPR 2018").stdout
    assert "Oral" in shown
    assert "lovelace-i3d" in shown


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schemas_are_those_of_the_records(name, monkeypatch):
    monkeypatch.delenv("LABKIT_SUMMARIES", raising=False)
    committed = summaries_folder() / "schema" / f"{name}.schema.json"
    assert committed.read_text(encoding="utf-8") == schema_text(name), "run `labkit card schema --write`"
    assert labkit("card", "schema", name).stdout == schema_text(name)


def test_schemas_can_be_written_and_unknown_ones_are_named(library):
    assert labkit("card", "schema", "--write").exit_code == 0
    assert sorted(path.name for path in (library / "schema").iterdir()) == [
        f"{name}.schema.json" for name in sorted(SCHEMAS)
    ]
    assert "did you mean 'paper'" in labkit("card", "schema", "papre").stderr


def test_a_schema_allows_the_short_ways_of_writing_and_other_peoples_keys():
    paper, card = json_schema("paper"), json_schema("card")
    assert '{"type": "string"}' in json.dumps(paper["properties"]["titles"])
    assert paper["additionalProperties"] is True
    assert {"type": "string"} in card["properties"]["next"]["items"]["anyOf"]
    assert set(card["required"]) == {"paper", "language", "format", "reader"}
    assert set(json_schema("result")["properties"]).isdisjoint({"line", "printed", "cited_as"})
