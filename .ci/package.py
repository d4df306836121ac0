"""Build the sdist and the wheel, and try the wheel in an environment of its own, outside any checkout.

    python .ci/package.py [FOLDER]      # both files go to FOLDER, which is dist/ if not given

The Python that runs this has labkit's dependencies. The new environment borrows them, so that torch is not installed again.
Only what pyproject.toml's `[build-system]` requires, a few small packages, comes from the package index.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

from packaging.metadata import Metadata

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
CARRIED = (
    "labkit/py.typed",
    "labkit/data/labels/",
    "labkit/notebooks/course.toml",
    "labkit/notebooks/quiz/",
    "labkit/docs/findings.json",
    "labkit/summaries/",
)
TRIED = (
    ("labkit", "--version"),
    ("labkit", "doctor"),
    ("labkit", "run", "00"),
    ("labkit", "course", "get", "my-course"),
    ("labkit", "papers", "search", "inflated"),
)


def main(folder: Path) -> None:
    """Build, compare, install, try. The first step that fails ends it with an error."""
    with tempfile.TemporaryDirectory(prefix="labkit package ") as place:
        work = Path(place).resolve()
        builder = environment(work / "builder")
        with (ROOT / "pyproject.toml").open("rb") as file:
            pip(builder, "install", "--quiet", *tomllib.load(file)["build-system"]["requires"])
        sdist, wheel = build(builder, ROOT, work / "built")
        _, again = build(builder, unpacked(sdist, work / "sources"), work / "built from the sdist")
        if wheel.read_bytes() != again.read_bytes():
            sys.exit(f"{sdist.name} builds another wheel than the checkout: {', '.join(differences(wheel, again))}")
        check_contents(wheel)
        try_it(wheel, work)
        folder.mkdir(exist_ok=True)
        for made in (sdist, wheel):
            print(shutil.copy2(made, folder))


def environment(folder: Path) -> Path:
    """Make a virtual environment with nothing in it; returns the path of its Python."""
    venv.create(folder)
    return folder / SCRIPTS / "python"


def pip(python: Path, *arguments: str | Path) -> None:
    """Run one command of this Python's pip for another Python."""
    run([sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, *arguments])


def run(command: list[str | Path], **options: object) -> None:
    """Run a command and end with its error if it fails."""
    print("$", *(Path(command[0]).name, *command[1:]), flush=True)
    if done := subprocess.run([str(part) for part in command], check=False, **options).returncode:
        sys.exit(f"that ended with exit code {done}")


def build(python: Path, sources: Path, folder: Path) -> tuple[Path, Path]:
    """Build the sdist and the wheel of a folder of sources."""
    run([python, "-m", "hatchling", "build", "--directory", folder], cwd=sources)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def unpacked(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist; returns the one folder that it holds."""
    with tarfile.open(sdist) as file:
        file.extractall(folder, filter="data")
    (sources,) = folder.iterdir()
    return sources


def differences(one: Path, other: Path) -> list[str]:
    """Names of the files that two wheels do not have alike."""
    with zipfile.ZipFile(one) as first, zipfile.ZipFile(other) as second:
        both = [{entry.filename: entry.CRC for entry in file.infolist()} for file in (first, second)]
    return sorted({name for name, _ in both[0].items() ^ both[1].items()}) or ["the same files, packed otherwise"]


def check_contents(wheel: Path) -> None:
    """Check that the metadata is valid, and that the wheel carries what an installed labkit reads, and no tests."""
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        told = Metadata.from_email(file.read(metadata), validate=True)
    if not (told.description and told.description_content_type == "text/markdown"):
        sys.exit("the wheel has no description")
    if absent := [start for start in CARRIED if not any(name.startswith(start) for name in names)]:
        sys.exit(f"the wheel lacks {', '.join(absent)}")
    if foreign := [name for name in names if not name.startswith(("labkit/", metadata.partition("/")[0]))]:
        sys.exit(f"the wheel has files outside labkit/: {', '.join(foreign[:5])}")


def try_it(wheel: Path, work: Path) -> None:
    """Install the wheel beside the dependencies of this Python, and run labkit in an empty folder."""
    python = environment(work / "user")
    pip(python, "install", "--quiet", "--no-deps", wheel)
    packages = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    # A path named in a .pth file is searched, but its own .pth files are not read: a labkit installed there stays out of sight.
    Path(packages.strip(), "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    pip(python, "check")
    (empty := work / "empty folder").mkdir()
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LABKIT", "VIRTUAL_ENV"))
    }
    jupyter = Path(sys.prefix, "share", "jupyter")  # where the dependencies put JupyterLab's extensions
    outside = kept | {"LABKIT_CACHE": str(work / "cache"), "JUPYTER_PATH": str(jupyter)}
    for command in TRIED:
        run([python.with_name(command[0]), *command[1:]], cwd=empty, env=outside)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist").resolve())
