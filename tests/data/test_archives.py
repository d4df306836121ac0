"""Archives of other people: what they hold comes out whole, and nothing leaves the folder or fills the disk."""

import bz2
import errno
import gzip
import io
import os
import stat
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from labkit.data import archive_limits, rar
from labkit.data.archive_limits import ArchiveError
from labkit.data.archives import contents, is_archive, unpack

FILES = {"set/wave/a b #1;x&(2).avi": b"frames" * 1000, "set/list.txt": "wave 動\n".encode(), "set/empty.avi": b""}

MODES = {"a.tar": "w", "a.tar.gz": "w:gz"}


def zipped(path: Path, files: Mapping[str, bytes], **how) -> Path:
    with zipfile.ZipFile(path, "w", **how) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=how.get("compression"))
    return path


def tarred(path: Path, *members: tarfile.TarInfo, mode: str = "w", **files: bytes) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def stored_rar(path: Path, files: Mapping[str, bytes]) -> Path:
    """A rar 4 archive without compression."""

    def block(kind: int, flags: int, body: bytes, data: bytes = b"") -> bytes:
        head = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
        return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head + data

    out = b"Rar!\x1a\x07\x00" + block(0x73, 0, bytes(6))
    for name, data in files.items():
        raw = name.replace("/", "\\").encode()
        sizes = struct.pack(
            "<IIBIIBBHI", len(data), len(data), 2, zlib.crc32(data), 0x58210000, 20, 0x30, len(raw), 0x20
        )
        out += block(0x74, 0x8000, sizes + raw, data)
    path.write_bytes(out + block(0x7B, 0x4000, b""))
    return path


# It understands the archives of `stored_rar` alone, and takes the words of unrar: `unrar lb -p- A`, `unrar x ... A DIR/`.
UNRAR = """#!{python}
import pathlib, struct, sys
_, word, *options = sys.argv
archive = [one for one in options if one.endswith(".rar")][0]
data, at = pathlib.Path(archive).read_bytes(), 7
while at < len(data):
    kind, flags, length = struct.unpack_from("<BHH", data, at + 2)
    if kind == 0x74:
        size, name_length = struct.unpack_from("<I", data, at + 7)[0], struct.unpack_from("<H", data, at + 26)[0]
        name = data[at + 32 : at + 32 + name_length].decode().replace("\\\\", "/")
        if word == "lb":
            print(name)
        else:
            target = pathlib.Path(options[-1], name)
            target.parent.mkdir(parents=True, exist_ok=True)
            {act}
        length += size
    at += length
"""


def fake_unrar(folder: Path, act: str = "target.write_bytes(data[at + length : at + length + size])") -> None:
    program = folder / "unrar"
    folder.mkdir()
    program.write_text(UNRAR.format(python=sys.executable, act=act))
    program.chmod(0o755)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def packed(kind: str, folder: Path, files: Mapping[str, bytes]) -> Path:
    if kind == ".zip":
        return zipped(folder / "set.zip", files)
    return tarred(folder / f"set{kind}", mode=f"w:{kind.rpartition('.')[2].replace('tar', '')}", **files)


@pytest.mark.parametrize("kind", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".zip"])
def test_the_files_of_an_archive_come_out_as_they_were(tmp_path, kind):
    archive = packed(kind, tmp_path, FILES)
    assert is_archive(archive)
    listed = contents(archive)
    assert {member.name: member.size for member in listed.members} == {name: len(data) for name, data in FILES.items()}
    assert unpack(archive, tmp_path / "out") == listed
    assert snapshot(tmp_path / "out") == FILES


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_usual_packing_of_a_zip_is_unpacked(tmp_path, how):
    unpack(zipped(tmp_path / "set.zip", FILES, compression=how), tmp_path / "out")
    assert snapshot(tmp_path / "out") == FILES


def test_backslashes_in_a_zip_are_folders(tmp_path):
    unpack(zipped(tmp_path / "a.zip", {"set\\wave\\a.avi": b"x", "set\\empty\\": b""}), tmp_path / "out")
    assert snapshot(tmp_path / "out") == {"set/wave/a.avi": b"x"}


OUTSIDE = [
    "../a.avi",
    "set/../../a.avi",
    "/etc/a.avi",
    "C:\\a.avi",
    "c:a.avi",
    "..\\a.avi",
    "\\\\host\\share\\a.avi",
    "./..",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_with_a_name_that_leads_out_is_refused_whole(tmp_path, name, kind):
    files = {"good.avi": b"x", name: b"x"}
    archive = zipped(tmp_path / "a.zip", files) if kind == "zip" else tarred(tmp_path / "a.tar", **files)
    for refuse in (contents, lambda archive: unpack(archive, tmp_path / "in" / "out")):
        with pytest.raises(ArchiveError, match="leads out of it, so nothing is unpacked"):
            refuse(archive)
    assert set(snapshot(tmp_path)) <= {archive.name, "in/out/good.avi"}


def link(kind: bytes, name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def through(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = 1
    return info


ODD = {
    "a symlink that is then written through": (link(tarfile.SYMTYPE, "out", "/tmp"), through("out/owned.avi")),
    "a symlink inside": (link(tarfile.SYMTYPE, "b.avi", "a.avi"),),
    "a hard link": (link(tarfile.LNKTYPE, "b.avi", "/etc/hostname"),),
    "a device": (link(tarfile.CHRTYPE, "b.avi", ""),),
    "a pipe": (link(tarfile.FIFOTYPE, "b.avi", ""),),
}


@pytest.mark.parametrize("members", ODD.values(), ids=ODD)
def test_a_tar_with_a_link_or_device_is_refused(tmp_path, members):
    archive = tarred(tmp_path / "a.tar", *members)
    with pytest.raises(ArchiveError, match="is a link or a device"):
        contents(archive)
    with pytest.raises(ArchiveError, match="is a link or a device"):
        unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_zip_with_a_link_is_refused(tmp_path):
    info = zipfile.ZipInfo("b.avi")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/hostname")
    with pytest.raises(ArchiveError, match=r"'b\.avi' in it is a link or a device"):
        contents(tmp_path / "a.zip")


def test_a_bomb_is_refused_by_its_ratio_before_anything_is_written(tmp_path):
    bomb = zipped(tmp_path / "a.zip", {"a.avi": bytes(64 << 20)}, compression=zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 100_000
    for refuse in (contents, lambda archive: unpack(archive, tmp_path / "out")):
        with pytest.raises(ArchiveError, match="unpacks to more than 100 times its size"):
            refuse(bomb)
    assert snapshot(tmp_path / "out") == {}


def test_a_bomb_in_a_tar_is_refused_at_its_header(tmp_path):
    with gzip.open(tmp_path / "a.tar.gz", "wb") as out:
        info = tarfile.TarInfo("a.avi")
        info.size = 1 << 40  # a terabyte, of which only the header is there
        out.write(info.tobuf())
    with pytest.raises(ArchiveError, match="unpacks to more than 100 times"):
        contents(tmp_path / "a.tar.gz")


def test_a_zip_whose_members_overlap_is_refused_by_the_sum_of_their_sizes(tmp_path):
    path = zipped(
        tmp_path / "a.zip", {f"{i:04}.avi": bytes(1 << 20) for i in range(64)}, compression=zipfile.ZIP_DEFLATED
    )
    with pytest.raises(ArchiveError, match="100 times"):
        contents(path)


def test_ten_thousand_empty_files_are_unpacked(tmp_path):
    archive = zipped(tmp_path / "a.zip", {f"set/{i}.avi": b"" for i in range(10_000)})
    assert len(unpack(archive, tmp_path / "out").members) == 10_000
    assert len(list((tmp_path / "out" / "set").iterdir())) == 10_000


AWKWARD = {
    "Wave/A.avi": "differs from wave/a.avi in capitals only",
    "wave/a.avi/b.avi": "a folder and a file of this name",
    "two\nlines.avi": "not every system",
    "<img src=x>.avi": "not every system",
    "con.avi": "not every system",
    "deep/NUL": "not every system",
    "dot./a.avi": "not every system",
    "a?.avi": "not every system",
    f"{'動' * 100}.avi": "longer than 255 bytes",
}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_only_some_systems_can_store_are_left_out_and_listed(tmp_path, kind):
    files = {"wave/a.avi": b"1", **dict.fromkeys(AWKWARD, b"2")}
    archive = zipped(tmp_path / "a.zip", files) if kind == "zip" else tarred(tmp_path / "a.tar", **files)
    found = unpack(archive, tmp_path / "out")
    assert snapshot(tmp_path / "out") == {"wave/a.avi": b"1"}
    assert [name for name, _ in found.left_out] == list(AWKWARD)
    assert all(AWKWARD[name] in reason for name, reason in found.left_out)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_files_of_one_name_the_first_is_kept(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.avi", "first")
        archive.writestr("a.avi", "second")
    found = unpack(tmp_path / "a.zip", tmp_path / "out")
    assert snapshot(tmp_path / "out") == {"a.avi": b"first"}
    assert found.left_out == [("a.avi", "the archive holds this name twice")]


@pytest.mark.parametrize("kind", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".zip"])
def test_an_archive_that_is_cut_short_is_named_before_anything_is_unpacked(tmp_path, kind):
    archive = packed(kind, tmp_path, {**FILES, "noise.avi": os.urandom(50_000)})
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(ArchiveError, match=rf"set{kind}.*download it again"):
        contents(archive)


def test_a_damaged_file_of_a_zip_is_left_out_and_the_others_come_out(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.avi": b"a" * 5000, "b.avi": b"b" * 5000})
    archive.write_bytes(archive.read_bytes().replace(b"a" * 100, b"a" * 99 + b"!", 1))
    found = unpack(archive, tmp_path / "out")
    assert snapshot(tmp_path / "out") == {"b.avi": b"b" * 5000}
    assert found.left_out[0][0] == "a.avi"
    assert "damaged in the archive" in found.left_out[0][1]


@pytest.mark.parametrize(("name", "data"), [("a.zip", b"PK nonsense"), ("a.tar", b"nonsense" * 100), ("a.tar.gz", b"")])
def test_a_file_that_is_another_thing_than_its_name_says_is_refused(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ArchiveError, match=name):
        contents(tmp_path / name)


def test_an_encrypted_zip_is_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.avi": b"x"})
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(bytes(data))
    with pytest.raises(ArchiveError, match="encrypted"):
        contents(archive)


def test_a_file_that_is_there_is_not_written_again(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.avi": b"x" * 10})
    unpack(archive, tmp_path / "out")
    before = (tmp_path / "out" / "a.avi").stat()
    unpack(archive, tmp_path / "out")
    assert (tmp_path / "out" / "a.avi").stat() == before


def test_files_of_an_older_archive_of_the_same_sizes_are_written_again(tmp_path):
    unpack(zipped(tmp_path / "a.zip", {"a.avi": b"old"}), tmp_path / "out")
    archive = zipped(tmp_path / "a.zip", {"a.avi": b"new"})
    os.utime(archive, ns=(archive.stat().st_mtime_ns + 10**9,) * 2)
    unpack(archive, tmp_path / "out")
    assert snapshot(tmp_path / "out") == {"a.avi": b"new"}


def test_of_a_rar_in_volumes_the_first_counts():
    assert [
        is_archive(Path(name)) for name in ("a.rar", "a.part1.rar", "a.part01.rar", "a.part2.rar", "a.part10.rar")
    ] == [*(True, True, True, False, False)]


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_unpacking_stops_before_the_disk_is_full_and_goes_on_when_there_is_room(tmp_path, monkeypatch, name):
    files = {f"wave/{letter}.avi": letter.encode() * 3000 for letter in "abc"}
    archive = zipped(tmp_path / name, files) if name == "a.zip" else tarred(tmp_path / name, mode=MODES[name], **files)
    out, room = tmp_path / "out", 8000

    def usage(folder: Path) -> SimpleNamespace:
        written = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return SimpleNamespace(free=archive_limits.SPARE + room - written)

    monkeypatch.setattr(archive_limits.shutil, "disk_usage", usage)
    with pytest.raises(OSError, match=r"the disk is nearly full \(.* MB free\), and .*a\..* is not unpacked") as raised:
        unpack(archive, out)
    assert raised.value.errno == errno.ENOSPC  # `prepare` then says how to go on
    assert snapshot(out) == {name: files[name] for name in ("wave/a.avi", "wave/b.avi")}
    room = 9000
    unpack(archive, out)
    assert snapshot(out) == files


RAR_FILES = {"brush_hair/a #1;x.avi": b"one" * 100, "brush_hair/b.avi": b"two", "deep/er/c.avi": b"three"}
posix = pytest.mark.skipif(os.name == "nt", reason="the stand-in for unrar is a script")


@posix
def test_a_rar_is_unpacked_by_the_program_that_is_there(tmp_path, monkeypatch):
    fake_unrar(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    archive = stored_rar(tmp_path / "a.rar", RAR_FILES)
    assert [member.name for member in contents(archive).members] == list(RAR_FILES)
    assert {member.name: member.size for member in unpack(archive, tmp_path / "out").members} == {
        name: len(data) for name, data in RAR_FILES.items()
    }
    assert snapshot(tmp_path / "out") == RAR_FILES
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["brush_hair", "deep"]


@pytest.mark.parametrize("program", rar.TOOLS)
def test_a_rar_is_unpacked_by_each_program_installed_here(tmp_path, monkeypatch, program):
    tool = rar.TOOLS[program]
    if not (rar.shutil.which(program) and rar.shutil.which(tool.list_program)):
        pytest.skip(f"{program} is not installed")
    monkeypatch.setattr(rar, "TOOLS", {program: tool})
    archive = stored_rar(tmp_path / "a.rar", RAR_FILES)
    try:
        names = [member.name for member in contents(archive).members]
    except ArchiveError as error:
        pytest.skip(f"this {program} cannot read rar: {error}")
    assert sorted(names) == sorted(RAR_FILES)
    unpack(archive, tmp_path / "out")
    assert snapshot(tmp_path / "out") == RAR_FILES


def test_without_a_program_for_rar_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ArchiveError, match="apt install unar"):
        contents(stored_rar(tmp_path / "a.rar", RAR_FILES))


@posix
@pytest.mark.parametrize(
    "act", ["target.symlink_to('/etc')", "import os; os.link(sys.argv[0], target)", "import os; os.mkfifo(target)"]
)
def test_a_link_or_pipe_that_came_out_of_a_rar_is_never_used(tmp_path, monkeypatch, act):
    fake_unrar(tmp_path / "bin", act)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(ArchiveError, match="is a link or a device"):
        unpack(stored_rar(tmp_path / "a.rar", {"a.avi": b"x"}), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@posix
def test_a_program_that_writes_without_end_is_stopped(tmp_path, monkeypatch):
    fake_unrar(tmp_path / "bin", "opened = target.open('wb')\n            while True: opened.write(bytes(1 << 20))")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(archive_limits, "SMALL", 4 << 20)
    monkeypatch.setattr(rar, "LOOK_EVERY", 0.02)
    with pytest.raises(ArchiveError, match="more than 100 times its size"):
        unpack(stored_rar(tmp_path / "a.rar", {"a.avi": b"x"}), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@posix
def test_a_program_that_fails_is_quoted(tmp_path, monkeypatch):
    fake_unrar(tmp_path / "bin", "sys.exit('CRC failed in a.avi')")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(ArchiveError, match=r"unrar cannot unpack it .*CRC failed in a\.avi"):
        unpack(stored_rar(tmp_path / "a.rar", {"a.avi": b"x"}), tmp_path / "out")


def test_a_broken_bz2_stream_is_damage_and_no_system_error(tmp_path):
    data = bytearray(bz2.compress(tarred(tmp_path / "a.tar", **{"a.avi": os.urandom(300_000)}).read_bytes()))
    data[len(data) // 2] ^= 255
    (tmp_path / "a.tar.bz2").write_bytes(bytes(data))
    with pytest.raises(ArchiveError, match=r"a\.tar\.bz2: it .*download it again"):
        contents(tmp_path / "a.tar.bz2")
