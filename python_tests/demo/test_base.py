from pathlib import Path

from alignops.demo import DEMO_BASES, demo_folder


def test_each_base_and_seed_has_a_folder_of_its_own():
    assert demo_folder("words", 0) == Path("runs/demo")
    assert demo_folder("places", 2) == Path("runs/demo-places-seed2")
    folders = {demo_folder(base, seed) for base in DEMO_BASES for seed in range(3)}
    assert len(folders) == 3 * len(DEMO_BASES)
