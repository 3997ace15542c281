"""Speed of parsing captions, 1,000 per round, and accuracy of the graphs."""

import json
from collections.abc import Callable
from functools import partial

import pytest
from annotated_captions import HALVES, annotations, score
from published_data import COCO_CAPTIONS

from alignops.data.scenes import draw_scenes
from alignops.data.scenes.captions import TEMPLATES, sentence
from alignops.text import parse_captions
from alignops.text.graph import SceneGraph
from alignops.text.rules.graphs import graph_of
from alignops.text.rules.pipeline import load_pipeline
from benchmarks import scene_graph_parser

COUNT = 1000
parse_anew = partial(parse_captions, processes=1, cache=False)


def test_parse_scene_captions(benchmark):
    captions = [scene.caption for scene in draw_scenes(COUNT, seed=0)]
    assert len(benchmark.pedantic(parse_anew, (captions,), rounds=5, warmup_rounds=1)) == COUNT


@pytest.fixture
def coco_captions():
    if not COCO_CAPTIONS.is_file():
        pytest.skip("needs COCO's captions in ALIGNOPS_DATA")
    annotations = json.loads(COCO_CAPTIONS.read_text(encoding="utf-8"))["annotations"][:COUNT]
    return [annotation["caption"] for annotation in annotations]


def test_parse_coco_captions(benchmark, coco_captions):
    benchmark.pedantic(parse_anew, (coco_captions,), rounds=5, warmup_rounds=1)


def test_spacy_alone_on_coco_captions(benchmark, coco_captions):
    pipeline = load_pipeline()
    with pipeline.select_pipes(disable=["merge_expressions", "repair_parse"]):

        def parse():
            return list(pipeline.pipe(coco_captions, batch_size=256))

        benchmark.pedantic(parse, rounds=5, warmup_rounds=1)


def test_rules_alone_on_parsed_coco_captions(benchmark, coco_captions):
    docs = list(load_pipeline().pipe(coco_captions, batch_size=256))
    benchmark.pedantic(lambda: [graph_of(doc) for doc in docs], rounds=5, warmup_rounds=1)


def test_cached_coco_captions(benchmark, coco_captions, tmp_path):
    def read():
        return parse_captions(coco_captions, cache=tmp_path)

    benchmark.pedantic(read, rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("half", HALVES)
def test_agreement_with_annotated_captions(half, capsys):
    captions = [row["caption"] for row in annotations(half)]
    parsers: dict[str, Callable[[list[str]], list[SceneGraph]]] = {"alignops": parse_anew}
    if scene_graph_parser.INSTALLED:
        parsers["SceneGraphParser"] = scene_graph_parser.parse_captions
    with capsys.disabled():
        for name, parse in parsers.items():
            for kind, s in score(parse(captions), half).items():
                numbers = f"precision {s.precision:.1%} recall {s.recall:.1%} F1 {s.f1:.1%}"
                print(f"\n{half} half, {kind} of {name}: {numbers}", end="")


@pytest.mark.parametrize("objects", [2, 3, 4])
def test_accuracy(objects, capsys):
    scenes = draw_scenes(COUNT, objects=objects, seed=2)
    for template, text in enumerate(TEMPLATES):
        graphs = parse_anew([sentence(scene.graph, template) for scene in scenes])
        right = sum(
            _statements(found) == _statements(scene.graph)
            for found, scene in zip(graphs, scenes, strict=True)
        )
        with capsys.disabled():
            print(f"\n{objects} objects, {right / COUNT:.1%} of {COUNT} captions: {text}", end="")


def _statements(graph):
    return {graph.relation_phrase(relation) for relation in graph.relations}
