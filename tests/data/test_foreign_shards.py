"""The webdataset package reads our shards, and its shards, and hostile ones, are indexed by us."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.clip import ClipSpec
from labkit.data.datasets import open_dataset
from labkit.data.encode import write_video
from labkit.data.shards import ShardError, index_shards, rows_of, write_shards
from labkit.data.tar_members import members_of

wds = pytest.importorskip("webdataset")
SPEC = ClipSpec(frames=4, size=16)


def video(path: Path, grey: int, suffix: str = ".mp4") -> bytes:
    if suffix == ".mp4":
        write_video(path, np.full((8, 32, 32, 3), grey, np.uint8))
        return path.read_bytes()
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream({".webm": "libvpx-vp9"}.get(suffix, "mpeg4"), rate=25)
        stream.height = stream.width = 32
        for _ in range(8):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.full((32, 32, 3), grey, np.uint8), format="rgb24"))
            )
        container.mux(stream.encode(None))
    return path.read_bytes()


def tar_of(path: Path, *members: tuple[str, bytes] | tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as tar:
        for member in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member[0])
            content = b"" if isinstance(member, tarfile.TarInfo) else member[1]
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def index(folder: Path, **more):
    return index_shards(folder, progress=False, workers=0, **more).table


def opened(folder: Path, subset="train"):
    return open_dataset("shards", folder, subset, spec=SPEC, sampling="centre", progress=False)


def test_webdataset_reads_the_same_keys_labels_and_bytes_from_our_shards(tiny_ucf101, tmp_path):
    loose = open_dataset("ucf101", tiny_ucf101, spec=SPEC, progress=False)
    write_shards(rows_of({"train": loose.table}), tmp_path, classes=loose.classes, size=20_000, progress=False)
    shards = sorted(str(path) for path in tmp_path.glob("*.tar"))
    assert len(shards) == 3
    samples = list(wds.WebDataset(shards, shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [f"{n:08d}" for n in range(12)]
    assert [int(sample["cls"]) for sample in samples] == loose.labels.tolist()
    assert [sample["mp4"] for sample in samples] == [Path(path).read_bytes() for path in loose.table["path"]]
    assert [json.loads(sample["json"])["video"] for sample in samples] == loose.table["video"].tolist()
    decoded = next(iter(wds.WebDataset(shards, shardshuffle=False).decode(only=["cls", "json"])))
    assert decoded["cls"] == 0
    assert decoded["json"]["class"] == "clap"


def test_shards_of_webdatasets_own_writer_are_indexed_and_read(tmp_path):
    clips = [video(tmp_path / f"{n}.mp4", 40 + 20 * n) for n in range(6)]
    out = tmp_path / "out"
    out.mkdir()
    with wds.ShardWriter(f"file:{out}/kinetics-val-%06d.tar", maxcount=2, verbose=0) as writer:
        for n, clip in enumerate(clips):
            writer.write({"__key__": f"folder/{n:04d}", "mp4": clip, "cls": n % 3, "json": {"caption": "x"}})
    table = index(out)
    assert table["subset"].tolist() == ["val"] * 6
    assert table["label"].tolist() == [0, 1, 2, 0, 1, 2]
    assert table["video"].tolist() == [f"folder/{n:04d}" for n in range(6)]
    assert table[["frames", "width", "height", "exact"]].drop_duplicates().values.tolist() == [[8, 32, 32, True]]
    dataset = opened(out, "val")
    assert dataset.classes == ("0", "1", "2")
    levels = [float(dataset[n][0].float().mean()) for n in range(6)]
    assert levels == pytest.approx([40 + 20 * n for n in range(6)], abs=4)
    assert opened(out, "val").classes == ("0", "1", "2")
    index(out, classes=["jump", "run", "wave"])
    assert opened(out, "val").classes == ("jump", "run", "wave")


def test_labels_may_be_names_in_text_or_json_and_other_members_do_no_harm(tmp_path):
    clip = video(tmp_path / "a.mp4", 90)
    out = tmp_path / "out"
    out.mkdir()
    tar_of(
        out / "x-000000.tar",
        *(("README", b"no key"), ("0.mp4", clip), ("0.txt", b"wave\n"), ("0.depth.npy", b"\x93NUMPY")),
        *(("1.AVI", video(tmp_path / "b.avi", 90, ".avi")), ("1.json", b'{"class": "jump", "frames": "many"}')),
        *(("2.json", b'{"label": "wave"}'), ("2.webm", video(tmp_path / "c.webm", 90, ".webm"))),
        *(("3.cls", b"jump"), ("3.mkv", video(tmp_path / "d.mkv", 90, ".mkv")), ("3.json", b"[not json")),
    )
    table = index(out)
    assert table["label"].tolist() == [1, 0, 1, 0]
    dataset = opened(out)
    assert dataset.classes == ("jump", "wave")
    assert [dataset[n][0].shape for n in range(4)] == [(4, 3, 16, 16)] * 4
    assert len(dataset.report) == 0


def test_samples_that_cannot_be_used_are_a_line_each_and_pickled_members_are_refused_by_name(tmp_path):
    clip = video(tmp_path / "a.mp4", 90)
    out = tmp_path / "out"
    out.mkdir()
    tar_of(
        out / "x-000000.tar",
        *(("0.mp4", clip), ("0.cls", b"0")),
        *(("1.mp4", clip), ("1.pyd", b"cos\nsystem\n(S'touch made'\ntR.")),
        *(("2.left.mp4", clip), ("2.right.mp4", clip), ("2.cls", b"0")),
        *(("3.mp4", b"text, not video"), ("3.cls", b"0")),
        *(("4.pth", b"x"), ("4.cls", b"0"), ("4.mp4", clip)),
    )
    table = index(out)
    assert table["video"].tolist() == ["0", "4"]
    report = {Path(line.path).name: line.reason for line in opened(out).report.itertuples()}
    assert report["1.pyd"] == report["4.pth"] == "it is pickled: reading it could run a program"
    assert "it has no label" in report["1.mp4"]
    assert report["2.left.mp4"] == "it has 2 videos, and a sample has one"
    assert "not a readable video file" in report["3.mp4"]


def test_members_that_lead_outside_links_devices_and_tars_in_tars_write_nothing(tmp_path):
    clip = video(tmp_path / "a.mp4", 90)
    home = tmp_path / "a" / "out"
    home.mkdir(parents=True)
    inner = tar_of(tmp_path / "inner.tar", ("9.mp4", clip), ("9.cls", b"0")).read_bytes()
    odd = []
    for name, kind in (
        ("1.mp4", tarfile.SYMTYPE),
        ("2.mp4", tarfile.LNKTYPE),
        ("3.mp4", tarfile.CHRTYPE),
        ("4.mp4", tarfile.FIFOTYPE),
    ):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        odd.append(info)
    tar_of(
        home / "x-000000.tar",
        *(("../../evil.mp4", clip), ("../../evil.cls", b"0"), ("/etc/evil.mp4", clip), ("/etc/evil.cls", b"0")),
        *(
            ("C:\\evil.mp4", clip),
            ("C:\\evil.cls", b"0"),
            ("inner.tar", inner),
            ("n\new\x1b[31m.mp4", clip),
            ("n\new\x1b[31m.cls", b"0"),
        ),
        *odd,
    )
    before = set(tmp_path.rglob("*"))
    table = index(home)
    assert set(tmp_path.rglob("*")) - before == {home / "index.arrow"}
    assert table["path"].str.rpartition("/")[2].tolist() == ["evil.mp4", "evil.mp4", "evil.mp4", "n\new\x1b[31m.mp4"]
    dataset = opened(home)
    assert [dataset[n][0].shape for n in range(4)] == [(4, 3, 16, 16)] * 4
    assert "\x1b" not in dataset.describe()


@pytest.mark.parametrize(
    ("label", "message"),
    [(b"999999999999", "a label is 999999999999; give the classes"), (b"7", r"its label 7 is not among the 2 classes")],
)
def test_labels_that_make_no_sense_are_refused(tmp_path, label, message):
    tar_of(tmp_path / "x-000000.tar", ("0.mp4", video(tmp_path / "a.mp4", 90)), ("0.cls", label))
    with pytest.raises(ShardError, match=message):
        index(tmp_path, classes=["a", "b"] if label == b"7" else None)


def test_text_in_place_of_a_tar_file_is_named(tmp_path):
    (tmp_path / "x-000000.tar").write_text("<html>404</html>" * 100)
    with pytest.raises(ShardError, match=r"no video in its shards can be used.*x-000000\.tar: it is not a tar file"):
        index(tmp_path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("sound")
    members = [(f"{n}.{suffix}", bytes([n]) * (700 * n)) for n in range(4) for suffix in ("mp4", "cls", "json")]
    return tar_of(folder / "x.tar", *members).read_bytes()


@given(edits=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), max_size=4), cut=st.integers(0, 24_000))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_broken_tar_file_gives_only_members_that_it_holds_and_says_what_is_lost(sound, tmp_path, edits, cut):
    data = bytearray(sound)
    for place, value in edits:
        data[place % len(data)] = value
    del data[cut:]
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    found = members_of(str(path))
    assert all(member.offset >= 0 and member.offset + member.size <= len(data) for member in found.members)
    assert found.fault or len(data) >= len(sound) - tarfile.RECORDSIZE
    if bytes(data) == sound:
        assert [len(found.members), found.fault] == [12, ""]
