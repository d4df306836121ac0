"""`verify`: what a dataset lacks is listed, and a sound one passes."""

from pathlib import Path

import awkward
import pytest
from test_prepare import write_avi

from labkit.data import verify as verifying
from labkit.data.dataset_kinds import KINDS
from labkit.data.layouts import LayoutError
from labkit.data.verify import decode_all, look_at, verify
from labkit.data.video import VideoReader


def looked(root: Path, name: str = "ucf101", **how) -> dict[str, list[str]]:
    """The paths of each kind of fault."""
    found = verify(name, root, workers=0, progress=False, **how)
    return {what: [line.path for line in found.lines if line.what == what] for what, _ in found.counted()}


@pytest.mark.parametrize("decode", [False, True])
def test_a_sound_dataset_of_the_expected_size_is_whole(tiny_ucf101, monkeypatch, decode):
    found = verify("ucf101", tiny_ucf101, decode=decode, workers=0, progress=False)
    assert (found.videos, found.classes, found.expected_videos, found.expected_classes) == (18, 3, 13_320, 101)
    assert found.lines == ()
    assert not found.is_whole
    monkeypatch.setitem(
        verifying.KINDS, "ucf101", KINDS["ucf101"].__class__(KINDS["ucf101"].layout, "", videos=18, classes=3)
    )
    assert verify("ucf101", tiny_ucf101, decode=decode, workers=0, progress=False).is_whole


def test_missing_broken_and_cut_videos_are_listed_by_name(make_ucf101, tmp_path):
    root = make_ucf101(tmp_path / "set")
    (root / "videos" / "clap" / "v_clap_g00_c01.mp4").unlink()
    (root / "videos" / "jump" / "v_jump_g00_c01.mp4").write_bytes(b"nonsense")
    whole = write_avi(tmp_path / "whole.avi", 200, (96, 128))
    awkward.damage(whole, root / "videos" / "wave" / "v_wave_g00_c01.mp4", "cut short")
    assert looked(root) == {
        "missing": ["videos/clap/v_clap_g00_c01.mp4"],
        "unreadable": ["videos/jump/v_jump_g00_c01.mp4"],
        "damaged": ["videos/wave/v_wave_g00_c01.mp4"],
    }


def test_damage_in_the_middle_is_found_by_decoding_all(make_ucf101, tmp_path):
    root = make_ucf101(tmp_path / "set")
    target = root / "videos" / "wave" / "v_wave_g00_c01.mp4"
    awkward.damage(write_avi(tmp_path / "whole.avi", 200, (96, 128)), target, "noise")
    assert looked(root, decode=True) == {"damaged": ["videos/wave/v_wave_g00_c01.mp4"]}


@pytest.mark.skipif(awkward.FFMPEG is None, reason="the ffmpeg program is not on the PATH")
@pytest.mark.slow
@pytest.mark.parametrize("name", awkward.FAITHFUL)
@pytest.mark.filterwarnings("ignore:.*seeking does not work in this file")
def test_an_awkward_file_is_no_fault(tmp_path, name):
    path = awkward.make(name, tmp_path)
    for look in (look_at, decode_all):
        found = look(path)
        assert not found.get("reason")
        if name != "edit_list.mp4":  # its list of edits hides frames from players, while the header counts them
            assert not found.get("damage")
            assert found["seconds"] == pytest.approx(VideoReader(path).info.duration, abs=0.5)


def test_a_kinetics_video_shorter_or_longer_than_its_name_says_is_listed(tmp_path, write_numbered):
    lines = ["label,youtube_id,time_start,time_end,split"]
    for number, frames in enumerate((250, 240, 100, 400)):
        youtube = f"abcdefghij{number}"
        lines.append(f"air drumming,{youtube},5,15,train")
        write_avi(tmp_path / "train" / f"{youtube}_000005_000015.avi", frames, (32, 32))
    lines.append("air drumming,gone0000000,5,15,train")
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    assert looked(tmp_path, "kinetics400") == {
        "gone": ["gone0000000_000005_000015.mp4"],
        "long": ["train/abcdefghij3_000005_000015.avi"],
        "short": ["train/abcdefghij2_000005_000015.avi"],
    }


def test_an_address_and_a_wrong_folder_are_answered_with_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="labkit downloads no dataset"):
        verify("ucf101", "https://example.org/UCF101")
    with pytest.raises(LayoutError, match=r"(?s)is not a folder.*trainlist01\.txt"):
        verify("ucf101", tmp_path / "nothing")
    with pytest.raises(LayoutError, match=r"(?s)no classInd\.txt.*trainlist01\.txt"):
        verify("ucf101", tmp_path)
    with pytest.raises(ValueError, match="did you mean 'hmdb51'"):
        verify("hmdb", tmp_path)


def test_the_files_of_a_folder_that_are_not_videos_are_no_fault(tmp_path, write_numbered):
    for name in ("wave/a.mp4", "wave/b.mp4", "jump/a.mp4"):
        write_numbered(tmp_path / name)
    (tmp_path / "wave" / "notes.txt").write_text("words")
    found = verify("folder", tmp_path, workers=0, progress=False)
    assert (found.videos, found.is_whole, [line.what for line in found.lines]) == (3, True, ["passed over"])
