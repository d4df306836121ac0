"""Start a notebook of the teacher's own: the notebook, its quiz, and its entry in the course's plan."""

import json
import re
import tomllib
from hashlib import sha256
from pathlib import Path

from labkit.atomic import create, write_atomically
from labkit.cache import cache_folder
from labkit.course.blank import ENTRY, QUIZ, blank_notebook, filled
from labkit.course.plan import read_plan
from labkit.locks import alone
from labkit.names import meant_or_all
from labkit.runs.project import PLAN
from labkit.survey.publication.files import paper_ids

BUDGET = 15  # seconds that `make course` may take for a new notebook
QUESTION = "What does this notebook find out?"


def start_notebook(project: Path, name: str, *, card: str = "hara-2018-retrace") -> Path:
    """Write a notebook called `name` and its quiz into the project's `notebooks/`, and list it in the plan.

    `name` is a title, `My topic`, or a file's name with its number, `12_my_topic`. Without a number it gets the next one.
    `card` is the paper that it belongs to. Raises `FileNotFoundError` without a plan, `FileExistsError` for a number or a
    file that is taken, and `ValueError` for a name without letters and an unknown paper.
    """
    plan = project / PLAN
    if not plan.is_file():
        raise FileNotFoundError(f"there is no course in {project}: `labkit course get DIR` makes one to work in")
    if card not in paper_ids():
        raise ValueError(f"the library has no paper {card!r}{meant_or_all(card, paper_ids())}")
    lock = cache_folder("locks") / sha256(str(plan.resolve()).encode()).hexdigest()[:16]
    with alone(lock):  # one process at a time changes this plan
        number, words = _number_and_words(name, plan.parent)
        title = " ".join(words)
        values = {
            "NAME": f"{number}_{'_'.join(words).lower()}",
            "NUMBER": number,
            "TITLE": title[0].upper() + title[1:],
            "QUESTION": QUESTION,
            "CARD": card,
        }
        notebook = json.dumps(blank_notebook(values), indent=1, ensure_ascii=False) + "\n"
        quiz = plan.parent / "quiz" / f"{number}.toml"
        path = create(plan.parent / f"{values['NAME']}.ipynb", lambda new: new.write_text(notebook, encoding="utf-8"))
        create(quiz, lambda new: new.write_text(filled(QUIZ, values), encoding="utf-8"))
        text = with_entry(plan.read_text(encoding="utf-8"), filled(ENTRY, {**values, "BUDGET": str(BUDGET)}), number)
        write_atomically(plan, lambda new: _write_plan(new, text))
    return path


def with_entry(plan: str, entry: str, number: str) -> str:
    """The text of a plan with one more entry, in the order of the numbers, and its seconds added to the course's."""
    files = [one["file"] for one in tomllib.loads(plan)["notebook"]]
    starts = [found.start() for found in re.finditer(r"^\[\[notebook\]\]", plan, flags=re.MULTILINE)]
    later = [start for start, file in zip(starts, files, strict=True) if file[:2] > number]
    place = later[0] if later else len(plan)
    before, after = plan[:place].rstrip("\n"), plan[place:]
    text = f"{before}\n{entry}{chr(10) if after else ''}{after}"
    return re.sub(r"^budget_s = (\d+)", lambda found: f"budget_s = {int(found[1]) + BUDGET}", text, count=1, flags=re.M)


def _write_plan(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    read_plan(path)  # raises before the plan is replaced


def _number_and_words(name: str, folder: Path) -> tuple[str, list[str]]:
    """The two digits and the words of a new notebook's name."""
    taken = {path.name[:2] for path in folder.glob("[0-9][0-9]_*.ipynb")}
    found = re.match(r"(\d\d)[_ -]", name)
    words = re.findall(r"[^\W_]+", name[3:] if found else name)
    if not words:
        raise ValueError(f"a notebook needs a name with letters, such as `My topic`, not {name!r}")
    if found and found[1] in taken:
        raise FileExistsError(
            f"there is a notebook {found[1]} in {folder} already: leave the number out to get the next"
        )
    return found[1] if found else f"{int(max(taken, default='00')) + 1:02}", words
