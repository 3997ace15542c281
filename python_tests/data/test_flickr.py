from pathlib import Path

import pytest
from PIL import Image

from alignops.data import open_flickr, read_captions, split_flickr

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "flickr8k_800"
needs_photos = pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photos are not here")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def make_folder(folder: Path, images: int = 20) -> Path:
    (folder / "images").mkdir()
    for index in range(images):
        Image.new("RGB", (8, 8)).save(folder / "images" / f"{index}.jpg")
    lines = [f"{index}.jpg,caption {index}" for index in range(images)]
    write(folder / "captions.txt", "\n".join(["image,caption", *lines]))
    return folder


def test_comma_separated(tmp_path):
    text = (
        "image,caption\r\n"
        "a.jpg,A dog runs .\r\n"
        'a.jpg,"A man, a plan, ""a canal"" ."\r\n'
        "b.jpg,Unquoted, with a comma .\r\n"
        'b.jpg,A sign says "stop" .\r\n'
        "\r\n"
    )
    assert read_captions(write(tmp_path / "captions.txt", text)) == {
        "a.jpg": ["A dog runs .", 'A man, a plan, "a canal" .'],
        "b.jpg": ["Unquoted, with a comma .", 'A sign says "stop" .'],
    }


def test_a_stray_quote_stays_in_its_line(tmp_path):
    text = 'image,caption\na.jpg,"A dog runs .\nb.jpg,A cat .\n'
    captions = read_captions(write(tmp_path / "captions.txt", text))
    assert captions == {"a.jpg": ["A dog runs ."], "b.jpg": ["A cat ."]}


def test_pipe_separated_with_the_known_missing_pipe(tmp_path):
    text = (
        "image_name| comment_number| comment\n"
        "a.jpg| 0| Two men, outside .\n"
        "2199200615.jpg| 4   A dog runs across the grass .\n"
    )
    assert read_captions(write(tmp_path / "results.csv", text)) == {
        "a.jpg": ["Two men, outside ."],
        "2199200615.jpg": ["A dog runs across the grass ."],
    }


def test_token_file(tmp_path):
    text = "a.jpg#0\tA dog, running .\na.jpg#1\tA brown dog .\nb.jpg#0\tA cat .\n"
    assert read_captions(write(tmp_path / "Flickr8k.token.txt", text)) == {
        "a.jpg": ["A dog, running .", "A brown dog ."],
        "b.jpg": ["A cat ."],
    }


def test_byte_order_mark_and_unicode_line_separators(tmp_path):
    path = write(tmp_path / "captions.txt", "\ufeffimage,caption\na.jpg,One\u2028line\n")
    assert read_captions(path) == {"a.jpg": ["One\u2028line"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"captions\.txt, line 1: expected a header 'image,caption' or"),
        ("a.jpg,A dog .\n", r"captions\.txt, line 1: .* got 'a.jpg,A dog \.'"),
        ("image,caption\na.jpg,A dog .\nb.jpg\n", r"captions\.txt, line 3: expected an image and"),
        ("image,caption\na.jpg,\n", r"captions\.txt, line 2: .* got 'a.jpg,'"),
    ],
)
def test_unreadable_lines_are_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_captions(write(tmp_path / "captions.txt", text))


def test_not_text(tmp_path):
    (tmp_path / "captions.txt").write_bytes(b"image,caption\n\xff\xfe")
    with pytest.raises(ValueError, match=r"captions\.txt is not UTF-8 text"):
        read_captions(tmp_path / "captions.txt")


def test_no_captions(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds none of captions\.txt, results\.csv"):
        open_flickr(tmp_path)
    with pytest.raises(FileNotFoundError, match="no file of captions at"):
        read_captions(tmp_path / "captions.txt")


def test_images_beside_the_captions(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    write(tmp_path / "results.csv", "image,caption\na.jpg,A dog .\n")
    assert open_flickr(tmp_path)[0].captions == ("A dog .",)


def test_random_splits_share_no_image_and_are_reproducible(tmp_path):
    folder = make_folder(tmp_path)
    splits = split_flickr(folder, validation=0.2, test=0.1, seed=1)
    parts = [splits.train.keys, splits.validation.keys, splits.test.keys]
    assert [len(part) for part in parts] == [14, 4, 2]
    assert len(set().union(*parts)) == 20
    assert split_flickr(folder, validation=0.2, test=0.1, seed=1).test.keys == parts[2]
    assert split_flickr(folder, validation=0.2, test=0.1, seed=2).test.keys != parts[2]


def test_a_skipped_image_moves_no_other_between_splits(tmp_path):
    folder = make_folder(tmp_path)
    before = split_flickr(folder, validation=0.2, test=0.2)
    lost = before.train.keys[0]
    (folder / "images" / lost).unlink()
    after = split_flickr(folder, validation=0.2, test=0.2, on_error="skip")
    assert after.test.keys == before.test.keys
    assert after.validation.keys == before.validation.keys
    assert after.train.keys == before.train.keys[1:]
    assert after.train.skipped == [(folder / "images" / lost, "missing")]


def test_shipped_lists_decide_where_they_are_present(tmp_path):
    folder = make_folder(tmp_path)
    write(folder / "Flickr_8k.trainImages.txt", "3.jpg\n1.jpg\n")
    write(folder / "Flickr_8k.devImages.txt", "7.jpg\n")
    with pytest.raises(FileNotFoundError, match=r"Flickr_8k\.testImages\.txt is missing"):
        split_flickr(folder)
    write(folder / "Flickr_8k.testImages.txt", "9.jpg\n")
    splits = split_flickr(folder)
    assert splits.train.keys == ["1.jpg", "3.jpg"]
    assert splits.validation.keys == ["7.jpg"]
    assert splits.test.keys == ["9.jpg"]


@needs_photos
def test_real_photos():
    dataset = open_flickr(PHOTOS, on_error="skip")
    assert len(dataset) == 800
    assert dataset.skipped == []
    assert {len(captions) for captions in dataset.captions} == {5}
    item = dataset[0]
    assert item.key == "1000268201_693b08cb0e.jpg"
    assert item.captions[1] == "A girl going into a wooden building ."
    assert item.image.mode == "RGB"
    assert any('"' in text for captions in dataset.captions for text in captions)


@needs_photos
def test_real_photos_split():
    splits = split_flickr(PHOTOS)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [640, 80, 80]
