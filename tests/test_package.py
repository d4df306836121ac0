"""What `.ci/package.py` refuses of a wheel; `make package` runs the whole of it on the real one."""

import importlib.util
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("package", ROOT / ".ci" / "package.py")
package = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(package)

METADATA = """Metadata-Version: 2.4
Name: labkit-video
Version: 0.2.0
Description-Content-Type: text/markdown

# labkit
"""
FILES = {name + ("x" if name.endswith("/") else ""): "" for name in package.CARRIED}


def wheel(folder: Path, files: dict[str, str], metadata: str = METADATA) -> Path:
    path = folder / f"{len([*folder.iterdir()])}.whl"
    with zipfile.ZipFile(path, "w") as file:
        for name, text in (files | {"labkit_video-0.2.0.dist-info/METADATA": metadata}).items():
            file.writestr(zipfile.ZipInfo(name), text)
    return path


def test_a_whole_wheel_passes(tmp_path):
    package.check_contents(wheel(tmp_path, FILES))


@pytest.mark.parametrize("absent", FILES)
def test_a_wheel_without_what_an_installed_labkit_reads_is_refused(tmp_path, absent):
    with pytest.raises(SystemExit, match="the wheel lacks"):
        package.check_contents(wheel(tmp_path, {name: text for name, text in FILES.items() if name != absent}))


def test_a_wheel_with_the_tests_in_it_is_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"outside labkit/: tests/test_cli\.py"):
        package.check_contents(wheel(tmp_path, FILES | {"tests/test_cli.py": ""}))


def test_a_wheel_without_a_description_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="no description"):
        package.check_contents(wheel(tmp_path, FILES, METADATA.partition("\n\n")[0] + "\n"))


def test_two_wheels_differ_by_the_files_that_are_named(tmp_path):
    one, other = wheel(tmp_path, FILES), wheel(tmp_path, FILES | {"labkit/new.py": "", "labkit/py.typed": "partial"})
    assert package.differences(one, other) == ["labkit/new.py", "labkit/py.typed"]
    assert package.differences(one, one) == ["the same files, packed otherwise"]


def test_a_command_that_fails_ends_the_script(tmp_path):
    with pytest.raises(SystemExit, match="exit code 3"):
        package.run([package.sys.executable, "-c", "raise SystemExit(3)"])
