from labkit.viz.labels import PLACES, label_places

AREA = {"across": (0, 10), "down": (0, 10)}


def test_a_label_alone_stands_below_its_point():
    assert label_places([5], [5], ["alone"], **AREA) == ["bottom center"]


def test_labels_of_points_close_together_stand_on_different_sides():
    places = label_places([5, 5.1, 5.2], [5, 5.1, 5], ["resnet50", "densenet201", "resnet34"], **AREA)
    assert len(set(places)) == 3
    assert set(places) <= set(PLACES)


def test_a_label_at_the_edge_stays_inside():
    assert label_places([9.9], [5], ["preact_resnet200"], **AREA) == ["middle left"]
    assert label_places([5], [0.1], ["low"], **AREA) == ["top center"]
