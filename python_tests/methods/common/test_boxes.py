import json

import pytest

from alignops.data import SceneDataset, draw_scenes, open_flickr
from alignops.methods.common.boxes import BoxSource

SCENES = SceneDataset(draw_scenes(2, seed=0), size=64)


def detections(folder, name, score=0.5):
    path = folder / "detections.json"
    path.write_text(json.dumps([{"image_id": name, "bbox": [1, 2, 3, 4], "score": score}]))
    return path


def test_scenes_have_their_true_boxes():
    boxes = BoxSource().find(SCENES, 1, SCENES[1])
    assert boxes.xyxy.tolist() == [[2.0 * edge for edge in o.box] for o in SCENES.scenes[1].objects]
    assert boxes.scores.tolist() == [1, 1]


def test_photos_are_covered_by_a_grid(photos):
    dataset = open_flickr(photos)
    boxes = BoxSource().find(dataset, 0, dataset[0])
    assert len(boxes.xyxy) == 10
    assert boxes.xyxy.max() == 40


def test_detections_are_found_by_file_name_stem_or_number(photos, tmp_path):
    dataset = open_flickr(photos)
    index = dataset.keys.index("0003.jpg")
    found = [
        BoxSource(detections(tmp_path, name)).find(dataset, index, dataset[index]).xyxy.tolist()
        for name in ("0003.jpg", "0003", 3, "0004.jpg")
    ]
    assert found == [[[1, 2, 4, 6]]] * 3 + [[]]


def test_other_boxes_are_another_identity(photos, tmp_path):
    dataset = open_flickr(photos)
    sources = [BoxSource(), *(BoxSource(detections(tmp_path, 1, score)) for score in (0.5, 0.6))]
    assert len({source.identity(dataset) for source in sources}) == 3
    assert len({source.identity(SCENES) for source in sources}) == 1


def test_detections_of_few_images_are_warned_of(photos, tmp_path):
    source = BoxSource(detections(tmp_path, "0003.jpg"))
    with pytest.warns(UserWarning, match=r"data\.detections: 1 of 10 images have boxes"):
        source.check(open_flickr(photos))
    source.check(SCENES)  # its own boxes count


def test_missing_detections_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file of detections at"):
        BoxSource(tmp_path / "detections.json")
