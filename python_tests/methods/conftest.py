import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path):
    """Ten photos of 40 x 20 pixels in the layout of Flickr8k, two captions each."""
    folder = tmp_path / "photos"
    (folder / "images").mkdir(parents=True)
    lines = ["image,caption"]
    for number in range(10):
        image = Image.new("RGB", (40, 20), (9 * number, 0, 0))
        image.save(folder / "images" / f"{number:04d}.jpg")
        lines += [f"{number:04d}.jpg,a dog", f"{number:04d}.jpg,a cat"]
    (folder / "captions.txt").write_text("\n".join(lines))
    return folder
