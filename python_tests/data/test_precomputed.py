import pickle

import numpy as np
import pytest
import torch

from alignops.data import PrecomputedRegions, is_precomputed, open_precomputed


def write(folder, split, rows, captions, ids, shape=(3, 4)):
    regions = np.random.default_rng(0).standard_normal((rows, *shape)).astype(np.float32)
    np.save(folder / f"{split}_ims.npy", regions)
    (folder / f"{split}_caps.txt").write_text("".join(f"caption {i}\n" for i in range(captions)))
    (folder / f"{split}_ids.txt").write_text("".join(f"{i}\n" for i in ids))
    return torch.from_numpy(regions)


def test_an_image_has_its_regions_and_its_captions(tmp_path):
    regions = write(tmp_path, "train", rows=2, captions=6, ids=[17, 4])
    dataset = PrecomputedRegions(tmp_path, "train")
    assert len(dataset) == 2
    assert dataset.shape == (2, 3, 4)
    assert dataset.keys == ["17", "4"]
    assert dataset.captions[1] == ("caption 3", "caption 4", "caption 5")
    assert torch.equal(dataset.regions(1), regions[1])


def test_rows_that_are_repeated_for_each_caption_are_one_image(tmp_path):
    regions = write(tmp_path, "dev", rows=4, captions=4, ids=[17, 17, 4, 4])
    dataset = PrecomputedRegions(tmp_path, "dev")
    assert dataset.captions == [("caption 0", "caption 1"), ("caption 2", "caption 3")]
    assert torch.equal(dataset.regions(1), regions[2])


def test_ids_may_come_per_caption(tmp_path):
    regions = write(tmp_path, "dev", rows=2, captions=4, ids=[17, 17, 4, 4])
    dataset = PrecomputedRegions(tmp_path, "dev")
    assert [len(texts) for texts in dataset.captions] == [2, 2]
    assert torch.equal(dataset.regions(1), regions[1])


def test_regions_are_mapped_and_workers_map_their_own(tmp_path):
    write(tmp_path, "train", rows=2, captions=2, ids=[1, 2], shape=(36, 2048))
    dataset = PrecomputedRegions(tmp_path, "train")
    dataset.regions(0)
    written = pickle.dumps(dataset)
    assert len(written) < 10_000
    assert torch.equal(pickle.loads(written).regions(1), dataset.regions(1))


def test_the_splits_take_all_of_coco_where_it_is(tmp_path):
    assert not is_precomputed(tmp_path)
    for split, rows in (("train", 3), ("dev", 1), ("test", 1), ("testall", 2)):
        write(tmp_path, split, rows=rows, captions=rows, ids=range(rows))
    assert is_precomputed(tmp_path)
    splits = open_precomputed(tmp_path)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [3, 1, 2]


def test_what_does_not_fit_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train_ims\.npy is missing"):
        PrecomputedRegions(tmp_path, "train")
    write(tmp_path, "train", rows=2, captions=5, ids=[1, 2])
    with pytest.raises(ValueError, match="5 captions are not a whole multiple of 2 rows"):
        PrecomputedRegions(tmp_path, "train")
    write(tmp_path, "train", rows=2, captions=4, ids=[1, 2, 3])
    with pytest.raises(ValueError, match="4 captions are not a whole multiple of 3 ids"):
        PrecomputedRegions(tmp_path, "train")
    write(tmp_path, "train", rows=2, captions=2, ids=[1, 2], shape=(3,))
    with pytest.raises(ValueError, match=r"has shape \(2, 3\); expected \(rows, regions, size\)"):
        PrecomputedRegions(tmp_path, "train")
    write(tmp_path, "train", rows=2, captions=2, ids=[1, 2])
    with pytest.raises(ValueError, match="holds region features, not images; only aahr takes them"):
        PrecomputedRegions(tmp_path, "train")[0]


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04" + b"\x00" * 50])
def test_a_file_that_is_no_array_is_named(tmp_path, content):
    (tmp_path / "train_ims.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"train_ims\.npy cannot be read as an array"):
        PrecomputedRegions(tmp_path, "train")
