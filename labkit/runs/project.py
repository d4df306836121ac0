"""Where the course lies, to read it; and the project's folder, to write runs and pages to."""

from pathlib import Path

PLAN = Path("notebooks") / "course.toml"
PACKAGE = Path(__file__).resolve().parents[1]


def project_folder(start: str | Path | None = None) -> Path:
    """The nearest folder from `start` (default: here) upwards that holds `notebooks/course.toml`: a checkout.

    Where there is none, the folder that the package itself lies in (an editable install), or else `start`.
    """
    here = Path(start or Path.cwd()).resolve()
    for folder in (here, *here.parents, PACKAGE.parent):
        if (folder / PLAN).is_file():
            return folder
    return here


def course_folder(start: str | Path | None = None) -> Path:
    """The folder whose `notebooks/` and `docs/` are read: the project's, or the package where it was installed whole."""
    project = project_folder(start)
    return PACKAGE if not (project / PLAN).is_file() and (PACKAGE / PLAN).is_file() else project
