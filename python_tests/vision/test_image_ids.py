import warnings

import pytest

from alignops.vision.image_ids import find_image, require_coverage

KEYS = [f"{number:04d}.jpg" for number in range(10)]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("0007.jpg", "0007.jpg"),
        ("0007.jpg", "train/0007.jpg"),
        ("0007", "0007.jpg"),
        ("7", "0007.jpg"),
        ("0", "0000.jpg"),
        ("42", "COCO_val2014_000000000042.jpg"),
        ("0x7", "0x7.png"),
    ],
)
def test_an_image_is_found_by_its_name_stem_or_number(name, key):
    assert find_image({name: "it", "other": "no"}, key) == "it"


@pytest.mark.parametrize("key", ["0017.jpg", "7_1.jpg", "IMG_7.jpg", "a7.jpg"])
def test_another_image_is_not_found(key):
    assert find_image({"7": "it"}, key) is None


def test_all_images_with_boxes_are_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        counts = {str(number): number + 1 for number in range(10)}
        coverage = require_coverage("data.detections", "boxes", counts, KEYS)
    assert coverage.counts == tuple(range(1, 11))
    assert str(coverage) == "10 of 10 images have boxes, 1 to 10 each, 5.5 on average"


def test_few_images_with_boxes_are_a_warning_with_both_kinds_of_name():
    counts = {"3": 2, "4": 4, "0": 0, "77": 1}
    message = (
        r"data\.detections: 2 of 10 images have boxes, 2 to 4 each, 3\.0 on average; its names are "
        r"'3', '4', '0'; the images without boxes are '0000\.jpg', '0001\.jpg', '0002\.jpg'"
    )
    with pytest.warns(UserWarning, match=message):
        coverage = require_coverage("data.detections", "boxes", counts, KEYS)
    assert (len(coverage.counts), coverage.images) == (2, 10)


@pytest.mark.parametrize(
    ("counts", "names"), [({"1000268201_a": 3}, "'1000268201_a'"), ({}, "none at all")]
)
def test_no_image_with_masks_is_an_error_with_both_kinds_of_name(counts, names):
    message = (
        rf"masks is a file of masks of none of 10 images: its names are {names}; .*'0000\.jpg'"
    )
    with pytest.raises(ValueError, match=message):
        require_coverage("masks", "masks", counts, KEYS)


def test_masks_that_are_not_counted():
    coverage = require_coverage("masks", "masks", dict.fromkeys(map(str, range(10))), KEYS)
    assert str(coverage) == "10 of 10 images have masks"


def test_no_images_need_no_boxes():
    assert require_coverage("data.detections", "boxes", {}, []).images == 0
