"""Where the course lies: the folder that holds `notebooks/`, `docs/` and `summaries/`."""

from pathlib import Path


def project_folder(start: str | Path | None = None) -> Path:
    """The nearest folder from `start` (default: here) upwards that holds `notebooks/course.toml`.

    Where there is none, the folder that the package itself lies in (an editable install), or else `start`.
    """
    here = Path(start or Path.cwd()).resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if (folder / "notebooks" / "course.toml").is_file():
            return folder
    return here
