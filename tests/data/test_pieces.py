"""A piece of a shard is read by byte ranges: from this disk, and from fsspec addresses with few requests."""

import http.server
import io
import threading
import urllib.request
from functools import partial
from pathlib import Path

import awkward
import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem
from PIL import Image

from labkit.data import pieces, video_index
from labkit.data.encode import write_video
from labkit.data.pieces import Piece, Window, local_path, located, read_range
from labkit.data.video import VideoError, VideoReader


@pytest.fixture
def memory(monkeypatch):
    """An empty object store in memory, and the list of byte ranges that are asked of it."""
    store, asked = fsspec.filesystem("memory"), []
    whole = MemoryFileSystem.cat_file

    def counted(self, path, start=None, end=None, **more):
        asked.append((start, end))
        return whole(self, path, start, end, **more)

    monkeypatch.setattr(MemoryFileSystem, "cat_file", counted)
    pieces.forget()
    yield store, asked
    for name in store.find(""):
        store.rm(name)
    pieces.forget()


def stored(store: AbstractFileSystem, path: Path, home: str = "memory://bucket") -> Piece:
    """The piece of `path` in a shard of the store."""
    here = located(awkward.as_piece(path))
    assert isinstance(here, Piece)
    shard = f"{home}/{Path(here.shard).name}"
    store.pipe_file(shard, Path(here.shard).read_bytes())
    return Piece(shard, here.offset, here.size, here.member)


def noise(path: Path, frames: int, side: int) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (frames, side, side, 3), dtype=np.uint8)
    return write_video(path, pixels, gop=16, preset="ultrafast")


def test_the_address_of_a_piece_is_read_back_and_a_file_of_any_name_is_a_file():
    for piece in (
        Piece("/data/train-000000.tar", 512, 99, "0001.mp4"),
        Piece("s3://bucket/a b/train-000000.tar", 512, 99, "folder/0001.mp4"),
        Piece("C:\\data\\train.tar", 0, 1, "動画 #1;.webm"),
    ):
        assert located(str(piece)) == piece
    for name in ("video.mp4", "set/a#1.mp4", "x.tar", "x.tar@5/a.mp4", "x@5+5/a.mp4", "C:\\x.tar"):
        assert located(name) == Path(name)


def test_a_window_is_a_file_of_its_range_alone(tmp_path):
    file = tmp_path / "x.tar"
    file.write_bytes(bytes(range(200)))
    with Window(str(file), 50, 20) as window:
        assert window.read() == bytes(range(50, 70))
        assert window.read(5) == b""
        assert window.seek(-3, io.SEEK_END) == 17
        assert window.read(100) == bytes(range(67, 70))
        assert window.seek(2) == 2
        assert window.seek(2, io.SEEK_CUR) == window.tell() == 4
        assert window.read(1) == bytes([54])
    with pytest.raises(OSError, match="ends at byte 200: it is cut short"):
        read_range(str(file), 190, 210)


@pytest.mark.parametrize(
    "home", ["memory://bucket", "file://{tmp}/bucket", "simplecache::memory://bucket", "http://{web}"]
)
def test_a_piece_is_exact_from_every_kind_of_address(tmp_path, memory, web, home):
    path = noise(tmp_path / "video.mp4", 60, 64)
    true = VideoReader(path).frames()
    home = home.format(tmp=tmp_path.as_posix(), web=web)
    (tmp_path / "bucket").mkdir()
    piece = stored(memory[0], path)
    (tmp_path / "bucket" / "video.mp4.tar").write_bytes(memory[0].cat_file(piece.shard))
    with VideoReader(Piece(f"{home}/video.mp4.tar", piece.offset, piece.size, piece.member)) as reader:
        for start in (40, 3, 44, 0):
            assert np.array_equal(reader.frames(start, start + 16), true[start : start + 16])


def test_a_small_piece_takes_one_request_a_clip(tmp_path, memory):
    store, asked = memory
    piece = stored(store, noise(tmp_path / "video.mp4", 60, 64))
    assert piece.size <= pieces.WHOLE
    for first in (20, 24):  # in the first pass, which makes the index too, and in a later one
        with VideoReader(piece) as reader:
            reader.frames(first, first + 16)
        assert asked == [(piece.offset, piece.offset + piece.size)]
        asked.clear()
        pieces._small_piece.cache_clear()  # as other clips in between do


def test_a_large_piece_takes_at_most_four_requests_a_clip_and_a_part_of_its_bytes(tmp_path, memory):
    store, asked = memory
    piece = stored(store, noise(tmp_path / "video.mp4", 400, 96))
    assert piece.size > 2 * pieces.WHOLE
    reader = VideoReader(piece)
    true = reader.frames(100, 132)
    asked.clear()
    reader = VideoReader(piece)
    assert np.array_equal(reader.frames(100, 116), true[:16])
    assert len(asked) <= 4  # the header, the table at the end, and the clip, which may lie in two blocks
    assert sum(stop - start for start, stop in asked) < piece.size / 2
    before = len(asked)
    assert np.array_equal(reader.frames(116, 132), true[16:])
    assert len(asked) <= before + 2  # the reader goes on where it was


def test_an_index_of_a_large_piece_takes_few_requests(tmp_path, memory):
    store, asked = memory
    piece = stored(store, noise(tmp_path / "video.mp4", 400, 96))
    with Window(piece.shard, piece.offset, piece.size) as window:
        while window.read(32768):
            pass
    assert len(asked) <= 4 + piece.size / (pieces.LONGEST * pieces.BLOCK)
    assert sum(stop - start for start, stop in asked) == piece.size


def test_a_shard_that_changed_gets_a_new_index(tmp_path, memory):
    store, _ = memory
    path = noise(tmp_path / "video.mp4", 60, 64)
    piece = stored(store, path)
    first = video_index._cache_file(piece)
    assert first == video_index._cache_file(piece)
    store.pipe_file(piece.shard, store.cat_file(piece.shard))
    pieces.forget()  # as another process
    assert video_index._cache_file(piece) != first


def test_a_piece_beyond_the_end_of_its_shard_names_shard_and_member(tmp_path, memory):
    piece = stored(memory[0], noise(tmp_path / "video.mp4", 20, 64))
    for shard in (piece.shard, str(tmp_path / "video.mp4.tar")):
        lost = Piece(shard, piece.offset, 10**9, "0007.mp4")
        with pytest.raises(VideoError, match=r"video\.mp4\.tar@\d+\+\d+/0007\.mp4: its shard is cut short: it has "):
            VideoReader(lost)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("pipe:touch {tmp}/made; cat x.tar", "runs a program, and labkit runs none"),
        ("pipe::memory://x.tar", "runs a program, and labkit runs none"),
        ("memry://x.tar", r"no protocol 'memry'; did you mean 'memory'\?"),
        ("simplecache::pipe://x.tar", "no protocol 'pipe'"),
        ("reference::memory://x.tar", "a file of references leads anywhere"),
    ],
)
def test_an_address_that_is_not_a_plain_one_is_refused(tmp_path, address, message):
    with pytest.raises(VideoError, match=message):
        VideoReader(Piece(address.format(tmp=tmp_path), 0, 5, "x.mp4"))
    assert list(tmp_path.iterdir()) == []


def test_paths_of_every_system_are_paths():
    for text in ("C:\\data\\x.tar", "C:/data/x.tar", "set:1/x.tar", "/data/x.tar", "x.tar", "-"):
        assert local_path(text) == Path(text)
    assert local_path("file:///data/x.tar") == Path("/data/x.tar").absolute()
    for text in ("s3://x/y.tar", "simplecache::s3://x/y.tar", "https://x/y.tar"):
        assert local_path(text) is None


def test_a_member_that_lists_other_files_leads_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = noise(tmp_path / "other.mp4", 4, 32)
    for name in ("piece.m3u8", "piece.ffconcat", "piece.mpd"):  # the names that ffmpeg gets for pieces
        (tmp_path / name).write_bytes(other.read_bytes())
    Image.new("RGB", (32, 32)).save(tmp_path / "piece.jpg")
    for name, text in (
        ("a.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n#EXT-X-ENDLIST\n"),
        ("b.ffconcat", f"ffconcat version 1.0\nfile {other.name}\n"),
        ("c.jpg", "text"),
        ("d.mp4", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n#EXT-X-ENDLIST\n"),
        ("e.mpd", f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{other}</BaseURL></MPD>'),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(VideoError, match=r"not a readable video file|no frame can be decoded"):
            VideoReader(awkward.as_piece(tmp_path / name))


def test_a_server_without_byte_ranges_is_said(tmp_path, memory, monkeypatch):
    piece = stored(memory[0], noise(tmp_path / "video.mp4", 20, 64))
    whole = MemoryFileSystem.cat_file
    monkeypatch.setattr(MemoryFileSystem, "cat_file", lambda self, path, start=None, end=None: whole(self, path))
    with pytest.raises(VideoError, match="its server gives no byte ranges"):
        VideoReader(piece)


# ---------------------------------------------------------------------- a web server on this machine


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, with byte ranges."""

    def do_GET(self):
        data = Path(self.translate_path(self.path)).read_bytes()
        first, last = self.headers["Range"].removeprefix("bytes=").split("-")
        part = data[int(first) : int(last) + 1]
        self.send_response(206)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_):
        pass


class Web(AbstractFileSystem):
    """What these tests need of fsspec's own file system for http, which needs aiohttp."""

    protocol = "http"

    @classmethod
    def _strip_protocol(cls, path):
        return path

    def info(self, path, **_):
        with urllib.request.urlopen(urllib.request.Request(path, method="HEAD")) as answer:
            return {"name": path, "size": int(answer.headers["Content-Length"]), "type": "file"}

    def cat_file(self, path, start=None, end=None, **_):
        request = urllib.request.Request(path, headers={"Range": f"bytes={start}-{end - 1}"})
        with urllib.request.urlopen(request) as answer:
            return answer.read()


@pytest.fixture
def web(tmp_path):
    """The address of a web server on this machine that gives the files of `tmp_path / "bucket"`."""
    try:
        import aiohttp  # noqa: F401
    except ImportError:
        fsspec.register_implementation("http", Web, clobber=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranges, directory=str(tmp_path / "bucket")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
