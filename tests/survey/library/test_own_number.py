"""A measured accuracy stands beside a published one only where both answer the same question."""

import json
from dataclasses import replace

import pytest
from made_runs import make_run

from labkit.records import Run
from labkit.runs.accuracy import FILE, Accuracy
from labkit.survey import cite
from labkit.survey.library.own_number import compare
from labkit.survey.publication.schema import Result

OURS = Accuracy("top1", 0.43, 3783, "video", "UCF-101", "", "split 1", 101, 16, "scratch")
THEIRS = Result(
    model="ResNet-18", dataset="UCF-101", split="split 1", level="video", metric="top-1", value="42.4", unit="%",
    frames=16, input="RGB", pretraining="scratch", source="Table 4", cited_as="Hara et al. 2018",
)  # fmt: skip


def run_with(folder, *accuracies, **parameters):
    """A run that recorded these accuracies."""
    make_run(folder, parameters)
    (folder / FILE).write_text(json.dumps({one.name: vars(one) for one in accuracies}))
    return folder


def test_two_numbers_of_the_same_question_are_shown_with_their_intervals():
    made = compare(OURS, THEIRS)
    assert made.comparable
    # Wilson's interval of 0.43 and 0.424 of 3,783: 1.96 standard errors are 1.58 points.
    assert made.by_videos == pytest.approx((0.4143, 0.4458), abs=1e-3)
    assert str(made) == (
        "here: 43.0 %, 41.4 to 44.6 % (3,783 videos); UCF-101, split 1, video level, 16 frames, scratch\n"
        "ResNet-18: 42.4 %, 40.8 to 44.0 % (on as many videos); Hara et al. 2018, Table 4, video level, split 1\n"
        "The intervals overlap: these numbers show no difference."
    )


@pytest.mark.parametrize(
    ("top1", "verdict"), [(0.5, "apart: ours is higher"), (0.3, "apart: ours is lower"), (0.42, "overlap")]
)
def test_the_verdict_follows_from_the_intervals(top1, verdict):
    assert verdict in compare(replace(OURS, top1=top1), THEIRS).verdict


def test_several_runs_have_an_interval_over_their_seeds_too_and_the_wider_one_decides():
    made = compare([replace(OURS, top1=top1) for top1 in (0.40, 0.50, 0.60)], THEIRS)
    # Student: 0.5 ± 4.303 × 0.1 / √3.
    assert made.by_seeds == pytest.approx((0.2516, 0.7484), abs=1e-3)
    assert "50.0 %, 48.4 to 51.6 % (3,783 videos), 25.2 to 74.8 % (3 runs)" in str(made)
    assert "overlap" in made.verdict


DIFFERENT = {
    "dataset": ({"dataset": "HMDB-51", "classes": 51}, {}, "the dataset is HMDB-51 here, and UCF-101 there"),
    "copy": ({}, {"dataset_copy": "MMAction2"}, "copy of the dataset: not stated here, MMAction2 there"),
    "split": ({}, {"split": "mean of 3 splits"}, "split: split 1 here, mean of 3 splits there"),
    "level": ({"level": "clip"}, {}, "level: clip here, video there"),
    "level not stated": ({}, {"level": ""}, "level: video here, not stated there"),
    "frames": ({"frames": 8}, {}, "frames: 8 here, 16 there"),
    "frames not stated": ({}, {"frames": None}, "frames: 16 here, not stated there"),
    "pretraining": ({}, {"pretraining": "Kinetics-400"}, "pretraining: scratch here, Kinetics-400 there"),
    "metric": ({}, {"metric": "top-5"}, "metric: top-1 here, top-5 there"),
    "classes": ({"classes": 20}, {}, "it was measured on 20 of the 101 classes of UCF-101"),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_answers_another_question_is_refused_with_the_reason(case):
    ours, theirs, reason = DIFFERENT[case]
    made = compare(replace(OURS, **ours), THEIRS.model_copy(update=theirs))
    assert not made.comparable
    assert made.reasons == (reason,)
    assert str(made).startswith("Not compared with Hara et al. 2018")
    assert f"- {reason}" in str(made)
    assert "%" not in str(made)


def test_all_reasons_are_named_at_once():
    made = compare(replace(OURS, level="clip", frames=8), THEIRS)
    assert made.reasons == ("level: clip here, video there", "frames: 8 here, 16 there")


def test_a_name_is_compared_without_its_writing():
    assert compare(replace(OURS, dataset="ucf101", pretraining="Scratch"), THEIRS).comparable


def test_an_accuracy_on_generated_clips_is_never_shown_beside_one_on_real_videos():
    made = compare(replace(OURS, dataset="motion", classes=12), THEIRS)
    assert not made.comparable
    (reason,) = made.reasons
    assert "the clips here are generated (motion): one shape that moves in one of 12 ways" in reason
    assert "as a mark depends on the exam" in reason
    for shown in (str(made), made._repr_html_()):
        assert "43" not in shown
        assert "42.4" not in shown


def test_a_file_that_was_edited_does_not_make_a_real_dataset_of_generated_clips(tmp_path):
    folder = run_with(tmp_path / "run", OURS, data="motion")
    assert "are generated" in compare(folder, THEIRS).reasons[0]


def test_a_run_is_asked_for_its_accuracy_by_folder_or_by_name(tmp_path):
    one = run_with(tmp_path / "one", OURS, data="ucf101")
    assert compare(one, THEIRS).values == compare(Run.open(one), THEIRS).values == (0.43,)
    several = run_with(tmp_path / "several", OURS, replace(OURS, name="longer", top1=0.5))
    assert compare(several, THEIRS, number="longer").values == (0.5,)
    assert compare([one, several], THEIRS, number="top1").values == (0.43, 0.43)
    with pytest.raises(LookupError, match="several accuracies; give number=, one of top1, longer"):
        compare(several, THEIRS)
    with pytest.raises(LookupError, match="no accuracy 'longr'; did you mean 'longer'"):
        compare(several, THEIRS, number="longr")


def test_a_run_without_an_accuracy_says_how_to_record_one(tmp_path):
    with pytest.raises(
        LookupError, match=r"has no accuracies\.json: its notebook records no accuracy with record_accuracy"
    ):
        compare(make_run(tmp_path / "run"), THEIRS)


def test_runs_that_measured_different_things_are_not_averaged():
    with pytest.raises(ValueError, match="do not repeat one measurement: level is video and clip"):
        compare([OURS, replace(OURS, level="clip")], THEIRS)
    with pytest.raises(ValueError, match="there is no run"):
        compare([], THEIRS)


def test_no_text_of_a_run_or_paper_becomes_html():
    nasty = "<script>alert(1)</script>"
    for ours, theirs in (({}, {"model": nasty, "note": nasty}), ({"pretraining": nasty}, {"split": nasty})):
        shown = compare(replace(OURS, **ours), THEIRS.model_copy(update=theirs))._repr_html_()
        assert "<script>" not in shown
        assert "&lt;script&gt;" in shown


def test_three_splits_become_their_mean_which_papers_print():
    result = cite("hara-2018-retrace", model="ResNet-18", dataset="UCF-101", source="Table 4", pretraining="scratch")
    assert compare(OURS, result).reasons == ("split: split 1 here, mean of 3 splits there",)
    values = zip((0.40, 0.41, 0.48), (3783, 3734, 3696), (1, 2, 3), strict=True)
    splits = [replace(OURS, top1=top1, videos=videos, split=f"split {n}") for top1, videos, n in values]
    made = compare(splits, result)
    assert made.comparable
    assert (made.values, made.ours.videos) == ((pytest.approx(0.43),), 11_213)
    with pytest.raises(ValueError, match="do not repeat one measurement: videos is 3783 and 3734"):
        compare(splits[:2], result)
