from alignops.training.differences import describe, differences


def test_settings_are_compared_by_their_dotted_names():
    held = {"loop": {"steps": 3, "seed": 0}, "lr": 0.1, "gone": None}
    wanted = {"loop": {"steps": 4, "seed": 0}, "lr": 0.1, "new": "x"}
    found = differences(held, wanted)
    assert found == {"loop.steps": (3, 4), "new": (None, "x")}
    assert describe(found) == "loop.steps (3 there, 4 now), new (None there, x now)"
