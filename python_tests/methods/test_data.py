import json

import pytest
from PIL import Image

from alignops.methods.data import DataConfig, SceneConfig, open_boxes, open_pairs

SCENES = DataConfig(scenes=SceneConfig(train=4, validation=2, test=3, styles=("tags", "natural")))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    lines = ["image,caption"]
    for number in range(10):
        Image.new("RGB", (40, 20), (9 * number, 0, 0)).save(
            tmp_path / "images" / f"{number:04d}.jpg"
        )
        lines += [f"{number:04d}.jpg,a dog", f"{number:04d}.jpg,a cat"]
    (tmp_path / "captions.txt").write_text("\n".join(lines))
    return tmp_path


def test_scenes_train_on_their_styles_and_are_tested_on_sentences():
    pairs = open_pairs(SCENES)
    assert [len(part) for part in (pairs.train, pairs.validation, pairs.test)] == [4, 2, 3]
    assert {len(texts) for texts in pairs.train.captions} == {2}
    assert {len(texts) for texts in pairs.test.captions} == {1}


def test_scenes_have_their_true_boxes():
    pairs = open_pairs(SCENES)
    boxes = open_boxes(SCENES).find(pairs.test, 1, pairs.test[1])
    assert boxes.xyxy.tolist() == [
        [2.0 * edge for edge in o.box] for o in pairs.test.scenes[1].objects
    ]
    assert boxes.scores.tolist() == [1, 1]


def test_a_folder_is_split_and_covered_by_a_grid(folder):
    config = DataConfig(source=str(folder), validation=0.2, test=0.3)
    pairs = open_pairs(config)
    assert [len(part) for part in (pairs.train, pairs.validation, pairs.test)] == [5, 2, 3]
    boxes = open_boxes(config).find(pairs.test, 0, pairs.test[0])
    assert len(boxes.xyxy) == 10
    assert boxes.xyxy.max() == 40


def test_detections_are_found_by_file_name_stem_or_number(folder):
    pairs = open_pairs(DataConfig(source=str(folder)))
    found = []
    for name in ("0003.jpg", "0003", 3, "0004.jpg"):
        path = folder / "detections.json"
        path.write_text(json.dumps([{"image_id": name, "bbox": [1, 2, 3, 4], "score": 0.5}]))
        boxes = open_boxes(DataConfig(source=str(folder), detections=path))
        index = pairs.train.keys.index("0003.jpg")
        found.append(boxes.find(pairs.train, index, pairs.train[index]).xyxy.tolist())
    assert found == [[[1, 2, 4, 6]]] * 3 + [[]]


def test_other_detections_are_another_identity(folder):
    identities = set()
    for score in (0.5, 0.6):
        path = folder / "detections.json"
        path.write_text(json.dumps([{"image_id": 1, "bbox": [1, 2, 3, 4], "score": score}]))
        identities.add(open_boxes(DataConfig(source=str(folder), detections=path)).identity)
    assert len(identities) == 2


def test_a_missing_source_is_named():
    with pytest.raises(FileNotFoundError, match=r"data\.source is 'nowhere', expected 'scenes' or"):
        open_pairs(DataConfig(source="nowhere"))
