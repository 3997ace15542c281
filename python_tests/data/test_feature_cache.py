import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from child_process import run_python
from PIL import Image

from alignops.data import (
    CaptionedImages,
    FeatureCache,
    SceneDataset,
    content_key,
    draw_scenes,
    images_key,
)

KEY = content_key(items=["a", "b"])


def features(items: range) -> list[dict[str, torch.Tensor]]:
    """Item i has an embedding (3,) of i, and i % 4 entities (i % 4, 2)."""
    return [
        {"image": torch.full((3,), float(i)), "entities": torch.full((i % 4, 2), i)} for i in items
    ]


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path, KEY, 10, shard_items=4)


def test_items_come_back_as_they_went_in(cache):
    cache.fill(features)
    assert len(cache) == 10
    assert cache.missing() == []
    for index, expected in enumerate(features(range(10))):
        found = cache[index]
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            assert found[name].dtype == tensor.dtype
            assert torch.equal(found[name], tensor)


def test_every_type_survives(tmp_path):
    types = (torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool)
    item = {str(kind): torch.tensor([[0, 1], [1, 0]]).to(kind) for kind in types}
    cache = FeatureCache(tmp_path, KEY, 1)
    cache.write(range(1), [item])
    for name, tensor in item.items():
        assert cache[0][name].dtype == tensor.dtype
        assert torch.equal(cache[0][name], tensor)


def test_reading_copies_nothing(cache):
    cache.fill(features)
    assert cache[1]["image"].data_ptr() == cache[1]["image"].data_ptr()
    assert cache[2]["image"].data_ptr() == cache[1]["image"].data_ptr() + 3 * 4


def test_an_interrupted_computation_goes_on_where_it_stopped(cache):
    computed = []

    def interrupted(items: range):
        if items.start == 8 and len(computed) == 2:
            raise KeyboardInterrupt
        computed.append(items)
        return features(items)

    with pytest.raises(KeyboardInterrupt):
        cache.fill(interrupted)
    assert cache.missing() == [range(8, 10)]
    computed.append(None)
    cache.fill(interrupted)
    assert computed == [range(4), range(4, 8), None, range(8, 10)]


def test_a_killed_computation_leaves_whole_shards(cache, tmp_path):
    script = (
        "import os, signal, sys, torch\n"
        "from alignops.data import FeatureCache\n"
        "def compute(items):\n"
        "    if items.start == 4: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return [{'image': torch.zeros(3)} for _ in items]\n"
        "FeatureCache(sys.argv[1], sys.argv[2], 10, shard_items=4).fill(compute)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path), KEY]
    killed = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert cache.missing() == [range(4, 8), range(8, 10)]
    assert torch.equal(cache[3]["image"], torch.zeros(3))


def test_a_half_written_shard_does_not_count(cache):
    cache.fill(features)
    shard = next(cache.folder.glob("00000004-*"))
    shard.rename(shard.with_name(f".{shard.name}.123.tmp"))
    assert cache.missing() == [range(4, 8)]


def test_a_pickled_cache_opens_its_own_files(cache):
    cache.fill(features)
    cache[0]["image"]
    assert torch.equal(pickle.loads(pickle.dumps(cache))[5]["image"], torch.full((3,), 5.0))


@pytest.mark.parametrize("kept", [0, 5, 60, -1])
def test_a_damaged_shard_is_named(cache, kept):
    cache.fill(features)
    shard = next(cache.folder.glob("00000004-*"))
    shard.write_bytes(shard.read_bytes()[:kept])
    assert cache[3]["image"][0] == 3
    with pytest.raises(ValueError, match=r"00000004-00000008\.safetensors is damaged .*; fill"):
        cache[4]


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage", [flip, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"x" * 900)]
)
def test_a_damaged_shard_is_named_and_computed_again(cache, damage):
    cache.fill(features)
    damage(next(cache.folder.glob("00000004-*")))
    computed = []

    def noted(items: range):
        computed.append(items)
        return features(items)

    with pytest.warns(UserWarning, match=r"00000004-00000008\.safetensors is damaged .*; fill"):
        cache.fill(noted)
    assert computed == [range(4, 8)]
    assert cache.missing() == []
    assert cache[5]["image"].tolist() == [5, 5, 5]


def test_a_shard_that_was_open_is_read_anew_after_it_was_written(cache):
    cache.fill(features)
    assert cache[4]["image"][0] == 4
    cache.write(range(4, 8), features(range(104, 108)))
    assert cache[4]["image"][0] == 104


def test_a_full_disk_leaves_nothing_half_written(cache, tmp_path):
    script = (
        "import resource, signal, sys, torch\n"
        "from alignops.data import FeatureCache\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "def compute(items):\n"
        "    return [{'image': torch.zeros(3 if items.start < 4 else 3000)} for _ in items]\n"
        "FeatureCache(sys.argv[1], sys.argv[2], 10, shard_items=4).fill(compute)\n"
    )
    finished = run_python("-c", script, tmp_path, KEY)
    assert "OSError" in finished.stderr
    assert "cannot be written" in finished.stderr
    assert [path.name for path in cache.folder.iterdir()] == ["00000000-00000004.safetensors"]
    assert cache.missing() == [range(4, 8), range(8, 10)]


def test_a_shard_has_the_usual_mode(cache, tmp_path):
    cache.fill(features)
    (tmp_path / "usual").touch()
    usual = (tmp_path / "usual").stat().st_mode
    assert {path.stat().st_mode for path in cache.folder.iterdir()} == {usual}


def test_a_shard_of_another_key_is_refused(cache):
    cache.fill(features)
    other = FeatureCache(cache.folder.parent, KEY[:16] + "0" * 48, 10, shard_items=4)
    with pytest.raises(ValueError, match="was written for key"):
        other[0]


@pytest.mark.parametrize(
    ("items", "given", "message"),
    [
        (range(1, 5), features(range(4)), r"items is range\(1, 5\); expected one of missing\(\)"),
        (range(4), features(range(3)), "features has 3 items; expected 4"),
        (range(8, 10), [{"a": torch.ones(1)}, {"b": torch.ones(1)}], r"expected \['a'\] of every"),
        (
            range(8, 10),
            [{"a": torch.ones(1)}, {"a": torch.ones(1, 2)}],
            r"features\['a'\] is of .*; expected one",
        ),
        (range(8, 10), [{"a": torch.tensor(1)}] * 2, r"features\['a'\] is a scalar"),
    ],
)
def test_features_that_do_not_fit(cache, items, given, message):
    with pytest.raises(ValueError, match=message):
        cache.write(items, given)
    assert len(cache.missing()) == 3


def test_items_that_are_not_there(cache):
    with pytest.raises(FileNotFoundError, match="has not been computed yet"):
        cache[0]
    with pytest.raises(IndexError, match="index is 10; expected 0 to 9"):
        cache[10]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((-1, 4), "items is -1; expected a number >= 0"),
        ((1, 0), "shard_items is 0; expected a number > 0"),
    ],
)
def test_sizes(tmp_path, sizes, message):
    with pytest.raises(ValueError, match=message):
        FeatureCache(tmp_path, KEY, sizes[0], shard_items=sizes[1])


def test_keys_follow_contents():
    weights = {"w": torch.arange(6.0).reshape(2, 3), "scale": torch.tensor(1.0)}
    key = content_key(model=weights, size=32, items=["a", "b"])
    assert key == content_key(items=("a", "b"), size=32, model=dict(reversed(weights.items())))
    others = [
        content_key(model={**weights, "scale": torch.tensor(2.0)}, size=32, items=["a", "b"]),
        content_key(model={**weights, "w": weights["w"].reshape(3, 2)}, size=32, items=["a", "b"]),
        content_key(model={**weights, "w": weights["w"].double()}, size=32, items=["a", "b"]),
        content_key(model=weights, size="32", items=["a", "b"]),
        content_key(model=weights, size=32, items=["a b"]),
        content_key(model=weights, size=32, items=["b", "a"]),
    ]
    assert len({key, *others}) == 7
    assert len(key) == 64


def test_the_key_of_fixed_contents_is_fixed():
    tensor = torch.tensor([1.0, 2.0], dtype=torch.bfloat16)
    key = content_key(a=tensor, b=[None, True, 1.5])
    assert key == "c6d64fa6921bf3d3b445f46ef140e4b0b5f2db4836d9884b2c88f39b4e41c62e"


def test_a_part_that_cannot_be_hashed():
    with pytest.raises(TypeError, match=r"parts is of type set; expected strings, numbers, .*"):
        content_key(items={"a"})


def photos(folder: Path, colours: str = "rgb", size: int = 8) -> CaptionedImages:
    """000.png and so on, a photo of each colour."""
    folder.mkdir(exist_ok=True)
    named = {"r": "red", "g": "green", "b": "blue"}
    for number, colour in enumerate(colours):
        Image.new("RGB", (size, size), named[colour]).save(folder / f"{number:03d}.png")
    return CaptionedImages(folder, {f"{n:03d}.png": ["a photo"] for n in range(len(colours))})


def test_folders_whose_photos_share_names_share_no_features(tmp_path):
    keys = {images_key(photos(tmp_path / colours, colours)) for colours in ("rgb", "gbr", "bbb")}
    assert len(keys) == 3


def test_photos_that_are_replaced_resized_or_renumbered_have_other_features(tmp_path):
    keys = [images_key(photos(tmp_path / "photos"))]
    for colours, size in (("rgr", 8), ("rgb", 9), ("bgr", 8), ("rg", 8)):
        keys.append(images_key(photos(tmp_path / "photos", colours, size)))
    assert len(set(keys)) == 5
    assert images_key(photos(tmp_path / "photos")) == keys[0]


def test_a_renamed_photo_has_other_features_as_it_may_have_other_boxes(tmp_path):
    key = images_key(photos(tmp_path / "photos", "rg"))
    (tmp_path / "photos" / "001.png").rename(tmp_path / "photos" / "002.png")
    renamed = CaptionedImages(tmp_path / "photos", {"000.png": ["a"], "002.png": ["a"]})
    assert images_key(renamed) != key


def test_a_folder_that_is_moved_keeps_its_features(tmp_path):
    key = images_key(photos(tmp_path / "photos"))
    (tmp_path / "photos").rename(tmp_path / "moved")
    captions = {f"{number:03d}.png": ["another caption"] for number in range(3)}
    assert images_key(CaptionedImages(tmp_path / "moved", captions)) == key


def test_scenes_of_another_size_have_other_features():
    scenes = draw_scenes(3, seed=0)
    keys = {images_key(SceneDataset(scenes, size=size)) for size in (32, 64)}
    assert len(keys | {images_key(SceneDataset(scenes[::-1]))}) == 3
