from pathlib import Path

import pytest
from PIL import Image

from alignops.data import CaptionedImages

CAPTIONS = {name: [f"caption of {name}"] for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in CAPTIONS:
        Image.linear_gradient("L").resize((40, 30)).save(tmp_path / name)
    return tmp_path


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def test_items(folder):
    dataset = CaptionedImages(folder, CAPTIONS)
    item = dataset[1]
    assert len(dataset) == 4
    assert item.key == "b.jpg"
    assert item.captions == ("caption of b.jpg",)
    assert item.image.mode == "RGB"
    assert item.image.size == (40, 30)
    assert dataset.skipped == []


def test_missing_image_raises_at_once(folder):
    (folder / "c.jpg").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"1 of 4 images are missing, the first is .*c\.jpg"
    ):
        CaptionedImages(folder, CAPTIONS)


def test_broken_image_raises_when_opened(folder):
    truncate(folder / "b.jpg")
    dataset = CaptionedImages(folder, CAPTIONS)
    with pytest.raises(ValueError, match=r"b\.jpg cannot be read as an image: .*truncated"):
        dataset[1]


def test_skip_leaves_out_whatever_cannot_be_read(folder):
    (folder / "a.jpg").unlink()
    truncate(folder / "b.jpg")
    (folder / "c.jpg").write_text("<html>404</html>")
    dataset = CaptionedImages(folder, CAPTIONS, on_error="skip")
    assert dataset.keys == ["d.jpg"]
    assert dataset[0].captions == ("caption of d.jpg",)
    reasons = {path.name: reason for path, reason in dataset.skipped}
    assert reasons["a.jpg"] == "missing"
    assert "truncated" in reasons["b.jpg"]
    assert "cannot identify image file" in reasons["c.jpg"]


def test_subset_keeps_order_and_its_own_skipped(folder):
    (folder / "a.jpg").unlink()
    dataset = CaptionedImages(folder, CAPTIONS, on_error="skip")
    part = dataset.subset(["d.jpg", "b.jpg", "a.jpg", "unknown.jpg"])
    assert part.keys == ["b.jpg", "d.jpg"]
    assert part.captions == [("caption of b.jpg",), ("caption of d.jpg",)]
    assert part.skipped == [(folder / "a.jpg", "missing")]
    assert dataset.subset(["b.jpg"]).skipped == []
    assert len(dataset) == 3


def test_nothing_readable(folder):
    for name in CAPTIONS:
        (folder / name).write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"none of 4 images can be read; .*a\.jpg: cannot identify"
    ):
        CaptionedImages(folder, CAPTIONS, on_error="skip")


def test_no_such_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder: no folder of images at .*nowhere"):
        CaptionedImages(tmp_path / "nowhere", {})


def test_unknown_on_error(tmp_path):
    with pytest.raises(ValueError, match=r"on_error is 'warn'; expected one of .'raise', 'skip'."):
        CaptionedImages(tmp_path, {}, on_error="warn")


@pytest.mark.parametrize("key", ["../a.jpg", "/etc/a.jpg", "b/../../a.jpg", ".."])
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_an_image_outside_the_folder_is_refused(folder, key, on_error):
    with pytest.raises(ValueError, match="of the captions is a path outside"):
        CaptionedImages(folder, {"a.jpg": ["one"], key: ["two"]}, on_error=on_error)


def test_an_image_outside_the_folder_can_be_allowed(folder):
    (folder / "inner").mkdir()
    keys = ["../a.jpg", str(folder / "b.jpg")]
    dataset = CaptionedImages(folder / "inner", dict.fromkeys(keys, ("one",)), allow_outside=True)
    assert [dataset[index].image.size for index in range(2)] == [(40, 30)] * 2


@pytest.mark.parametrize("key", ["inner/../a.jpg", "./a.jpg", "..a.jpg"])
def test_a_path_that_stays_inside_is_none_outside(folder, key):
    (folder / "inner").mkdir()
    Image.new("RGB", (40, 30)).save(folder / "..a.jpg")
    assert CaptionedImages(folder, {key: ["one"]})[0].image.size == (40, 30)


def test_fingerprints_follow_the_contents(folder):
    before = CaptionedImages(folder, CAPTIONS).fingerprints()
    Image.new("RGB", (40, 30)).save(folder / "b.jpg")
    after = CaptionedImages(folder, CAPTIONS).fingerprints()
    assert len(set(before)) == 1
    assert [one == other for one, other in zip(before, after, strict=True)] == [1, 0, 1, 1]


def test_photos_stand_upright(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(folder / "a.jpg", exif=exif)
    assert CaptionedImages(folder, CAPTIONS)[0].image.size == (30, 40)
