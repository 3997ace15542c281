import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignops.vision.boxes import Boxes, crop_boxes, grid_boxes, load_detections, relation_boxes


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def scores(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_relations_are_the_smallest_boxes_around_pairs():
    objects = boxes((0, 0, 2, 2), (5, 1, 6, 8), (1, 1, 3, 3))
    found = relation_boxes(objects, scores(0.5, 1.0, 0.25), limit=2)
    assert found.xyxy.tolist() == [[0, 0, 6, 8], [1, 1, 6, 8]]
    assert found.scores.tolist() == [0.5, 0.25]
    assert found.xyxy.dtype == found.scores.dtype == np.float32
    assert len(relation_boxes(objects, scores(1, 1, 1), limit=10).xyxy) == 3


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_objects_for_a_relation(count):
    found = relation_boxes(np.ones((count, 4), np.float32), np.ones(count, np.float32), limit=5)
    assert found.xyxy.shape == (0, 4)
    assert found.scores.shape == (0,)


def test_best_keeps_the_first_of_a_tie():
    best = Boxes(boxes((0,) * 4, (1,) * 4, (2,) * 4), scores(0.5, 0.7, 0.7)).best(2)
    assert best.xyxy[:, 0].tolist() == [1, 2]


def test_detections(tmp_path):
    detections = [
        {"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
        {"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 0.25},
        {"image_id": 7, "category_id": 3, "bbox": [0.5, 0, 10, 20], "score": 0.75},
    ]
    path = tmp_path / "detections.json"
    path.write_text(json.dumps(detections))
    found = load_detections(path)
    assert list(found) == ["7", "9"]
    assert found["7"].xyxy.tolist() == [[0.5, 0, 10.5, 20], [1, 2, 4, 6]]
    assert found["7"].scores.tolist() == [0.75, 0.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", r"detections\.json is not JSON"),
        ("{}", r"detections\.json holds a dict; expected a list of detections"),
        (
            '[{"image_id": 1, "bbox": [1, 2, 3], "score": 1}]',
            "detection 0 is .*; expected .* four",
        ),
        ('[{"image_id": 1, "bbox": [1, 2, 3, 4]}]', "detection 0 is .*; expected"),
        ("[3]", "detection 0 is .*; expected"),
        (
            '[{"image_id": 1, "bbox": [1, 2, NaN, 4], "score": 1}]',
            "detection 0 is .*; expected .* finite",
        ),
        ('[{"image_id": 1, "bbox": [1, 2, 3, 1e999], "score": 1}]', "detection 0 is .*; expected"),
        ("[" * 100_000, r"detections\.json is not JSON"),
    ],
)
def test_unreadable_detections(tmp_path: Path, text, message):
    path = tmp_path / "detections.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_detections(path)


def test_no_detections(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file of detections at"):
        load_detections(tmp_path / "detections.json")


def test_grid_covers_the_image():
    xyxy, ones = grid_boxes(120, 60)
    assert xyxy.shape == (10, 4)
    assert xyxy[0].tolist() == pytest.approx([20, 10, 100, 50])
    assert xyxy[1].tolist() == [0, 0, 60, 30]
    assert xyxy[-1].tolist() == [60, 30, 120, 60]
    assert (ones == 1).all()
    assert ones.dtype == xyxy.dtype == np.float32


def test_crops():
    pixels = np.zeros((20, 30, 3), dtype=np.uint8)
    pixels[5:10, 10:20] = (200, 100, 50)
    crops = crop_boxes(Image.fromarray(pixels), boxes((10, 5, 20, 10), (-5, -5, 8, 3)), 8)
    assert crops.shape == (2, 8, 8, 3)
    assert crops.dtype == np.uint8
    assert (crops[0, 2:-2, 2:-2] == (200, 100, 50)).all()  # bicubic blends the edge
    assert (crops[1] == 0).all()


def test_no_crops():
    assert crop_boxes(Image.new("L", (4, 4)), boxes(), 8).shape == (0, 8, 8, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda image: crop_boxes(image, boxes((5, 0, 9, 9)), 8),
            r"boxes has \[5.0, 0.0, 9.0, 9.0\]",
        ),
        (
            lambda image: crop_boxes(image, boxes((2, 0, 1, 3)), 8),
            "expected an area inside the image",
        ),
        (lambda image: crop_boxes(image, np.zeros(4, np.float32), 8), r"boxes has shape \(4,\)"),
        (lambda image: crop_boxes(image, boxes(), 0), "size is 0; expected a number of pixels > 0"),
        (lambda _: relation_boxes(boxes((0,) * 4), scores(1, 2), 3), r"scores has shape \(2,\)"),
        (lambda _: relation_boxes(boxes(), scores(), -1), "limit is -1; expected a number >= 0"),
        (lambda _: grid_boxes(0, 5), "width x height is 0 x 5; expected at least one pixel"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(Image.new("RGB", (4, 4)))
