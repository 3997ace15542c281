"""How fast captions are parsed, every round 1,000 of them, and how many statements are right."""

import json
from pathlib import Path

import pytest

from alignops.data.scenes import draw_scenes
from alignops.data.scenes.captions import TEMPLATES, sentence
from alignops.text import parse_captions

COUNT = 1000
COCO = Path(__file__).parents[1] / "../shared/data/captions_val2017.json"


def test_parse_scene_captions(benchmark):
    captions = [scene.caption for scene in draw_scenes(COUNT, seed=0)]
    assert len(benchmark.pedantic(parse_captions, (captions,), rounds=5, warmup_rounds=1)) == COUNT


@pytest.mark.skipif(not COCO.is_file(), reason="needs COCO's captions in ../shared/data")
def test_parse_coco_captions(benchmark):
    annotations = json.loads(COCO.read_text(encoding="utf-8"))["annotations"][:COUNT]
    captions = [annotation["caption"] for annotation in annotations]
    assert len(benchmark.pedantic(parse_captions, (captions,), rounds=5, warmup_rounds=1)) == COUNT


@pytest.mark.parametrize("objects", [2, 3, 4])
def test_accuracy(objects, capsys):
    scenes = draw_scenes(COUNT, objects=objects, seed=2)
    for template, text in enumerate(TEMPLATES):
        graphs = parse_captions([sentence(scene.graph, template) for scene in scenes])
        right = sum(
            _statements(found) == _statements(scene.graph)
            for found, scene in zip(graphs, scenes, strict=True)
        )
        with capsys.disabled():
            print(f"\n{objects} objects, {right / COUNT:.1%} of {COUNT} captions: {text}", end="")


def _statements(graph):
    return {graph.relation_phrase(relation) for relation in graph.relations}
