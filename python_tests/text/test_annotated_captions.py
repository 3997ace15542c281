"""The parser against COCO captions annotated by hand."""

import json
import random

import pytest
from annotated_captions import HALVES, annotations, score
from published_data import COCO_CAPTIONS

from alignops.text import Entity, Relation, SceneGraph, parse_captions


@pytest.mark.skipif(not COCO_CAPTIONS.is_file(), reason="needs COCO's captions in ALIGNOPS_DATA")
def test_captions_are_the_ones_drawn():
    drawn = random.Random(0).sample(
        json.loads(COCO_CAPTIONS.read_text("utf-8"))["annotations"], 160
    )
    annotated = [row for half in HALVES for row in annotations(half)]
    assert [(row["id"], row["caption"]) for row in annotated] == [
        (row["id"], row["caption"].strip()) for row in drawn
    ]


def test_scores_of_a_worked_case(monkeypatch):
    row = {"objects": ["dog: big, wet?", "dog", "bed"], "relations": ["0/1 on 2", "0 led by 1?"]}
    monkeypatch.setattr("annotated_captions.annotations", lambda half: [row])
    graph = SceneGraph(
        (Entity("dog", ("brown", "wet")), Entity("bed"), Entity("pet dog"), Entity("hat")),
        (Relation(0, "sitting on", 1), Relation(2, "led", 0), Relation(0, "under", 1)),
    )
    scores = score([graph], "")
    assert (scores["objects"].precision, scores["objects"].recall) == (3 / 4, 1)
    assert (scores["attributes"].precision, scores["attributes"].recall) == (0, 0)
    assert (scores["relations"].precision, scores["relations"].recall) == (1 / 2, 1)
    assert scores["relations"].f1 == pytest.approx(2 / 3)


# F1, slightly below the measured values, which benchmarks/bench_text.py prints.
BOUNDS = {
    "development": {"objects": 0.98, "attributes": 0.945, "relations": 0.89},
    "test": {"objects": 0.96, "attributes": 0.915, "relations": 0.83},
}


@pytest.mark.parametrize("half", BOUNDS)
def test_agreement(half):
    graphs = parse_captions([row["caption"] for row in annotations(half)])
    for kind, agreement in score(graphs, half).items():
        assert agreement.f1 >= BOUNDS[half][kind], kind
