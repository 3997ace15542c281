"""The parser against the scenes' own graphs, for each caption template."""

import pytest

from alignops.data.scenes import draw_scenes
from alignops.data.scenes.captions import TEMPLATES, sentence
from alignops.text import parse_captions

SCENES = 100


def _statements(graph):
    return {graph.relation_phrase(relation) for relation in graph.relations}


def _as_sentence(caption):
    return caption


def _as_phrase(caption):
    """Strip capital and full stop: "a small red circle left of a large blue square"."""
    return caption[0].lower() + caption[1:].rstrip(".")


def _without_articles(caption):
    """Strip articles: "small red circle left of large blue square"."""
    return " ".join(word for word in _as_phrase(caption).split() if word not in {"a", "the"})


@pytest.mark.parametrize("form", [_as_sentence, _as_phrase, _without_articles])
@pytest.mark.parametrize("template", range(len(TEMPLATES)))
def test_statements_of_two_objects(template, form):
    scenes = draw_scenes(SCENES, objects=2, seed=5)
    graphs = parse_captions([form(sentence(scene.graph, template)) for scene in scenes])
    right = [
        _statements(found) == _statements(scene.graph)
        and [e.phrase for e in found.entities] == [e.phrase for e in scene.graph.entities]
        for found, scene in zip(graphs, scenes, strict=True)
    ]
    assert sum(right) >= 0.98 * SCENES


@pytest.mark.parametrize("objects", [3, 4])
@pytest.mark.parametrize("template", range(len(TEMPLATES)))
def test_statements_of_several_objects(template, objects):
    scenes = draw_scenes(SCENES, objects=objects, seed=6)
    graphs = parse_captions([sentence(scene.graph, template) for scene in scenes])
    stated = found = 0
    for graph, scene in zip(graphs, scenes, strict=True):
        stated += len(_statements(scene.graph))
        found += len(_statements(scene.graph) & _statements(graph))
    assert found >= 0.98 * stated
