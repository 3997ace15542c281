import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from alignops.vision.image_file import find_fault, read_image, read_labels

# Red above blue, twice as high as wide.
TALL = np.zeros((8, 4, 3), np.uint8)
TALL[:4, :, 0] = 255
TALL[4:, :, 2] = 255


def with_orientation(path, pixels, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)
    return path


# What a camera stores for TALL, by the orientation that it notes.
STORED = {
    1: TALL,
    2: TALL[:, ::-1],
    3: TALL[::-1, ::-1],
    4: TALL[::-1],
    5: TALL.transpose(1, 0, 2),
    6: np.rot90(TALL, 1),
    7: TALL[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(TALL, -1),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_an_image_stands_upright(tmp_path, orientation, suffix):
    stored = np.ascontiguousarray(STORED[orientation])
    path = with_orientation(tmp_path / f"photo.{suffix}", stored, orientation)
    assert (np.asarray(read_image(path)) == TALL).all()


def test_a_photo_stands_upright(tmp_path):
    path = with_orientation(tmp_path / "photo.jpg", np.repeat(STORED[6], 8, 0).repeat(8, 1), 6)
    image = read_image(path)
    assert image.size == (32, 64)
    assert image.getpixel((16, 10))[0] > 200
    assert image.getpixel((16, 54))[2] > 200


@pytest.mark.parametrize("orientation", [0, 9, 65_000])
def test_an_orientation_that_is_none_changes_nothing(tmp_path, orientation):
    path = with_orientation(tmp_path / "photo.png", TALL, orientation)
    assert (np.asarray(read_image(path)) == TALL).all()


def test_broken_exif_data_are_no_fault_of_the_picture(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (8, 4), "red").save(path, exif=b"Exif\x00\x00MM\x00\x2agarbage" + b"\xff" * 40)
    assert read_image(path).size == (8, 4)
    assert find_fault(path) is None


def test_sixteen_bits_are_rounded_to_eight(tmp_path):
    grey = np.array([[0, 128, 129, 32_639], [32_767, 32_896, 65_406, 65_535]], np.uint16)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    image = read_image(tmp_path / "grey.png")
    assert image.mode == "RGB"
    expected = np.rint(grey / 257)
    assert (np.asarray(image) == expected[..., None]).all()


def test_sixteen_bits_of_the_other_byte_order(tmp_path):
    grey = np.array([[0, 32_639, 65_535]], np.uint16)
    image = Image.frombytes("I;16B", (3, 1), grey.astype(">u2").tobytes())
    image.save(tmp_path / "grey.tiff")
    assert np.asarray(read_image(tmp_path / "grey.tiff"))[0, :, 0].tolist() == [0, 127, 255]


HALF_RED = Image.new("RGBA", (2, 1), (255, 0, 0, 128))
HALF_RED.putpixel((1, 0), (0, 0, 0, 0))


@pytest.mark.parametrize(
    ("name", "image", "expected"),
    [
        ("a.png", HALF_RED, [[255, 127, 127], [255, 255, 255]]),
        ("a.png", HALF_RED.convert("LA"), [[165, 165, 165], [255, 255, 255]]),
        ("a.png", Image.new("1", (2, 1), 1), [[255] * 3] * 2),
        ("a.png", Image.new("L", (2, 1), 77), [[77] * 3] * 2),
        ("a.png", Image.new("RGB", (2, 1), "#102030").quantize(4), [[16, 32, 48]] * 2),
        ("a.tiff", Image.new("CMYK", (2, 1), (0, 255, 255, 0)), [[255, 0, 0]] * 2),
        ("a.jpg", Image.new("CMYK", (2, 1), (0, 255, 255, 0)), [[254, 0, 0]] * 2),
        ("a.webp", HALF_RED, [[255, 127, 127], [255, 255, 255]]),
    ],
)
def test_every_kind_of_pixel_becomes_rgb_on_white(tmp_path, name, image, expected):
    image.save(tmp_path / name, **({"lossless": True} if name == "a.webp" else {}))
    found = read_image(tmp_path / name)
    assert found.mode == "RGB"
    assert np.abs(np.asarray(found)[0].astype(int) - expected).max() <= 1


def test_a_transparent_colour_of_a_palette_is_white(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.gif", transparency=1)
    assert np.asarray(read_image(tmp_path / "a.gif")).tolist() == [[[10, 20, 30], [255, 255, 255]]]


@pytest.mark.parametrize(
    ("mode", "kind"), [("F", "floating-point numbers"), ("I", "32-bit numbers")]
)
def test_numbers_without_a_white_are_refused(tmp_path, mode, kind):
    path = tmp_path / "a.tiff"
    Image.new(mode, (2, 2)).save(path)
    with pytest.raises(
        ValueError, match=rf"a\.tiff cannot be read as an image: its pixels.*{kind}"
    ):
        read_image(path)
    assert kind in find_fault(path)


def test_what_is_no_whole_image_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:-200])
    (tmp_path / "page.jpg").write_text("<html>404</html>")
    for name, reason in (("cut", "truncated"), ("page", "cannot identify"), ("gone", "No such")):
        path = tmp_path / f"{name}.jpg"
        with pytest.raises(
            ValueError, match=rf"{name}\.jpg cannot be read as an image: .*{reason}"
        ):
            read_image(path)
        assert ("missing" if name == "gone" else reason) in find_fault(path)


def test_a_decompression_bomb_is_named(tmp_path, monkeypatch):
    Image.new("RGB", (100, 100)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match=r"bomb\.png cannot be read .* exceeds limit of 2000"):
        read_image(tmp_path / "bomb.png")
    with pytest.raises(ValueError, match=r"bomb\.png cannot be read .* exceeds limit of 2000"):
        read_labels(tmp_path / "bomb.png")


def test_a_bomb_of_text_is_named(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "a" * 2_000_000, zip=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "bomb.png", pnginfo=text)
    with pytest.raises(ValueError, match=r"bomb\.png cannot be read as an image: .*too large"):
        read_image(tmp_path / "bomb.png")


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16"])
def test_labels_are_read_as_they_are(tmp_path, mode):
    labels = np.array([[0, 1], [1, 0]], np.uint8)
    image = Image.fromarray(labels.astype(np.uint16) if mode == "I;16" else labels)
    if mode == "P":
        image.putpalette([255, 0, 0, 0, 0, 255])
    if mode == "1":
        image = Image.fromarray(labels.astype(bool))
    image.save(tmp_path / "labels.png")
    assert read_labels(tmp_path / "labels.png").tolist() == labels.tolist()


def test_labels_stand_upright(tmp_path):
    path = with_orientation(tmp_path / "labels.png", np.ascontiguousarray(STORED[6][..., 0]), 6)
    assert (read_labels(path) == TALL[..., 0]).all()


@pytest.mark.parametrize(("mode", "suffix"), [("RGB", "png"), ("LA", "png"), ("F", "tiff")])
def test_colours_are_no_labels(tmp_path, mode, suffix):
    path = tmp_path / f"labels.{suffix}"
    Image.new(mode, (3, 2)).save(path)
    with pytest.raises(ValueError, match=rf"is an image of mode {mode}; expected one label per"):
        read_labels(path)
