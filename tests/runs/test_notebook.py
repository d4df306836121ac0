from typing import Any

import pytest
from toy_course import PARAMETERS, THIRD, write_course, write_notebook

from labkit.runs.notebook import (
    NotebookError,
    check_parameters,
    computed_before,
    find_notebook,
    read_parameters,
    split_assignments,
)


@pytest.fixture
def notebook(tmp_path):
    return write_notebook(tmp_path / "05_toy.ipynb", THIRD)


def test_a_parameter_has_its_type_default_help_and_choices(notebook):
    found = read_parameters(notebook)
    assert [*found] == ["seed", "rate", "name", "loud", "sizes", "mode", "out"]
    assert (found["seed"].type, found["seed"].default) == ("int", 0)
    assert found["seed"].help == "start of every random choice"
    assert found["mode"].choices == ("fast", "slow")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("seed", "3", 3),
        ("rate", "1e-3", 0.001),
        ("rate", "2", 2.0),
        ("name", "a=b, c", "a=b, c"),
        ("name", "3", "3"),
        ("loud", "yes", True),
        ("loud", "False", False),
        ("sizes", "48,480", [48, 480]),
        ("sizes", "[48, 480]", [48, 480]),
        ("sizes", "", []),
        ("mode", "slow", "slow"),
    ],
)
def test_text_is_read_as_the_parameters_type(notebook, name, text, value):
    read = check_parameters(read_parameters(notebook), {name: text}, "toy")[name]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("sed", "3", "did you mean 'seed'"),
        ("zzz", "3", "there are seed, rate"),
        ("seed", "many", "takes int, not 'many'"),
        ("seed", 1.5, "takes int"),
        ("seed", True, "takes int"),
        ("seed", None, "takes int"),
        ("rate", "fast", "takes float"),
        ("loud", "maybe", "takes bool"),
        ("sizes", "48,many", r"takes list\[int\]"),
        ("sizes", [1.5], r"takes list\[int\]"),
        ("mode", "slo", "did you mean 'slow'"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_would_be_right(notebook, name: str, value: Any, said: str):
    with pytest.raises(NotebookError, match=said):
        check_parameters(read_parameters(notebook), {name: value}, "toy")


def test_python_values_pass_as_they_are(notebook):
    given = {"seed": 3, "rate": 1, "sizes": (4, 5), "loud": True}
    assert check_parameters(read_parameters(notebook), given, "toy") == {**given, "rate": 1.0, "sizes": [4, 5]}


def test_none_is_a_value_only_where_the_type_says_so(tmp_path):
    path = write_notebook(tmp_path / "a.ipynb", THIRD, "limit: int | None = 5\nplain = 2")
    declared = read_parameters(path)
    assert check_parameters(declared, {"limit": "none"}, "a") == {"limit": None}
    assert check_parameters(declared, {"limit": "7"}, "a") == {"limit": 7}
    assert declared["plain"].type == "int"


WRITTEN = """\
%matplotlib inline
from pathlib import Path
seed: int = 0  # a seed
twice = seed * 2
home: str = str(Path.home())  # computed
size = 2**10
folder: Path = Path("data")
limit: int | None = None  # no limit
stop = None
names = {"a", "b"}
listing = !ls"""


def test_parameters_may_be_computed_and_stand_among_magics(tmp_path):
    declared = read_parameters(write_notebook(tmp_path / "a.ipynb", THIRD, WRITTEN))
    assert [*declared] == ["seed", "twice", "home", "size", "folder", "limit", "stop", "names", "listing"]
    assert {name for name, one in declared.items() if one.plain} == {"seed", "limit", "stop"}
    assert (declared["twice"].shown, declared["home"].help) == ("seed * 2", "computed")
    given = check_parameters(declared, {"seed": "3", "home": "/x", "limit": "5", "stop": "none"}, "a")
    assert given == {"seed": 3, "home": "/x", "limit": 5, "stop": None}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("twice", r"'twice' starts as seed \* 2, which is not a plain value.*`twice: int = seed \* 2`"),
        ("size", r"'size' starts as 2 \*\* 10, which is not a plain value"),
        ("folder", r"'folder' has the type Path, which is not plain"),
        ("stop", r"'stop' has the type NoneType.*`stop: int \| None = None`"),
        ("names", "'names' starts as .*, which is not a plain value"),
    ],
)
def test_only_what_is_set_needs_a_plain_type(tmp_path, name, said):
    declared = read_parameters(write_notebook(tmp_path / "a.ipynb", THIRD, WRITTEN))
    with pytest.raises(NotebookError, match=said):
        check_parameters(declared, {name: "5"}, "a")


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        ("int | None", "5", 5),
        ("None | int", "5", 5),
        ("None | int", "none", None),
        ("Optional[int]", "5", 5),
        ("typing.Optional[int]", "none", None),
        ("Union[int, None]", "none", None),
        ("'int | None'", "none", None),
        ("Annotated[int, 'a count']", "5", 5),
        ("int | str", "5", 5),
        ("str | int", "many", "many"),
        ("bool | int", "1", 1),
        ("int | float", "2.5", 2.5),
        ("typing.List[int]", "1,2", [1, 2]),
        ("list[int] | None", "1,2", [1, 2]),
        ("Optional[Literal['a', 'b']]", "b", "b"),
        ("Literal['a', None]", "none", None),
        ("Literal[1, 'auto']", "1", 1),
        ("dict[str, int]", "{'a': 1}", {"a": 1}),
    ],
)
def test_a_type_may_be_written_in_any_usual_way(tmp_path, annotation, text, value):
    path = write_notebook(tmp_path / "a.ipynb", THIRD, f"it: {annotation} = f()")
    read = check_parameters(read_parameters(path), {"it": text}, "a")["it"]
    assert (read, type(read)) == (value, type(value))


def test_a_byte_order_mark_is_left_out(tmp_path):
    path = write_notebook(tmp_path / "a.ipynb", THIRD, "\ufeffseed: int = 3")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_parameters(path)["seed"].default == 3


def test_a_cell_magic_above_the_parameters_hides_none(tmp_path):
    path = write_notebook(tmp_path / "a.ipynb", THIRD, "%%time\nseed: int = 3  # a seed")
    assert read_parameters(path)["seed"].help == "a seed"


def test_what_is_computed_of_a_given_parameter_is_told(tmp_path):
    cell = "seed: int = 0\ntwice = seed * 2\nfour = twice * 2\nother = abs(1)"
    declared = read_parameters(write_notebook(tmp_path / "a.ipynb", THIRD, cell))
    assert computed_before(declared, {"seed": 3}).startswith("twice = seed * 2; four = twice * 2: computed from the")
    assert computed_before(declared, {"seed": 0}) == ""
    assert computed_before(declared, {"seed": 3, "twice": 6, "four": 12}) == ""


def test_a_notebook_is_found_by_path_name_stem_and_number(tmp_path):
    folder = write_course(tmp_path) / "notebooks"
    wanted = (folder / "01_second.ipynb").resolve()
    for name in (wanted, "01_second.ipynb", "01_second", "01"):
        assert find_notebook(name, folder) == wanted


@pytest.mark.parametrize(
    ("name", "said"), [("01_secnd", "did you mean '01_second'"), ("0", "could be any of"), ("zz", "there are 00")]
)
def test_a_notebook_that_is_not_there_is_answered_with_the_nearest(tmp_path, name, said):
    with pytest.raises(NotebookError, match=said):
        find_notebook(name, write_course(tmp_path) / "notebooks")


NO_NOTEBOOKS = ["not json", "[]", "{}", '{"cells": [3]}', '{"cells": [{}]}', '{"cells": ' + "[" * 100_000]
NO_NOTEBOOKS += ['{"cells": [{"cell_type": "code", "source": 3}]}', '{"cells": [], "metadata": 3}']


@pytest.mark.parametrize("text", NO_NOTEBOOKS)
def test_a_file_that_is_no_notebook_is_refused(tmp_path, text):
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    with pytest.raises(NotebookError, match=r"a\.ipynb is not a notebook"):
        read_parameters(path)


def test_an_assignment_needs_a_name_and_an_equals_sign():
    assert split_assignments(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}
    for wrong in ("a", "=3", "a b=3"):
        with pytest.raises(NotebookError, match="name=value"):
            split_assignments([wrong])


def test_a_parameter_given_twice_is_said():
    with pytest.raises(NotebookError, match="'seed' is given twice: '1' and '2'"):
        split_assignments(["seed=1", "rate=3", "seed=2"])


def test_papermill_infers_the_same_parameters(tmp_path):
    import papermill

    plain = "\n".join(line for line in PARAMETERS.splitlines() if "Literal" not in line)
    path = write_notebook(tmp_path / "a.ipynb", THIRD, plain)
    inferred = papermill.inspect_notebook(str(path))
    ours = read_parameters(path)
    assert [*inferred] == [*ours]
    assert {name: one["help"] for name, one in inferred.items()} == {name: one.help for name, one in ours.items()}
    assert inferred["sizes"]["inferred_type_name"] == ours["sizes"].type
