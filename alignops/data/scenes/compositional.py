"""Test pairs for compositional understanding: a scene's true caption against a false one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Literal, NamedTuple, TypeAlias

from alignops.data.scenes.captions import sentence
from alignops.data.scenes.description import Scene
from alignops.data.scenes.vocabulary import COLOURS, SHAPES, SIZES
from alignops.text.graph import Entity, Relation, SceneGraph
from alignops.text.sub_graphs import one_relation_graphs

CompositionalKind = Literal[
    "attribute_swap",
    "relation_swap",
    "shape_swap",
    "attribute_replace",
    "object_replace",
    "part_attribute_swap",
    "part_relation_swap",
]


class CompositionalPair(NamedTuple):
    """Two captions of one scene, only one of them true.

    Attributes:
        scene: index in the given sequence of scenes.
        true_caption: the scene's own caption; a part of it for the kinds of parts.
        false_caption: same template, false of the image.
    """

    scene: int
    true_caption: str
    false_caption: str


def compositional_pairs(
    scenes: Sequence[Scene], kind: CompositionalKind, seed: int
) -> list[CompositionalPair]:
    """Pair each scene's caption with one that is false in a single respect.

    Args:
        scenes: scenes to test on.
        kind: what is made false:

            - "attribute_swap": two related objects exchange size and colour together. (With the
              colour alone, the number of coloured pixels would give the answer away.) Only objects
              that differ in shape, colour and size take part; scenes without such a pair are
              left out, about six in ten.
            - "relation_swap": subject and object of one relation change places.
            - "shape_swap": two related objects of different shapes exchange these. No training here
              makes such negatives of sub-graphs.
            - "attribute_replace": one object gets another size or colour.
            - "object_replace": one object gets another shape.
            - "part_attribute_swap", "part_relation_swap": likewise, with one statement alone of a
              caption that has several. In the whole caption an object named twice gives a swap
              away: "a ring left of a cross, and the cross above a star" becomes "a cross left of
              a ring, and the cross above a star", a form that no true caption has.
        seed: of the choices.

    Returns:
        At most one pair per scene, in the scenes' order.

    Raises:
        ValueError: if `kind` is unknown.
    """
    if kind not in _CHANGES:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(_CHANGES)}")
    rng = Random(seed)
    pairs = []
    for index, scene in enumerate(scenes):
        changed = list(_CHANGES[kind](scene.graph))
        rng.shuffle(changed)
        for true, false in changed:
            if not scene.satisfies(false):
                captions = (sentence(graph, scene.template) for graph in (true, false))
                pairs.append(CompositionalPair(index, *captions))
                break
    return pairs


def _attribute_swaps(graph: SceneGraph) -> Iterator[SceneGraph]:
    for relation in graph.relations:
        a, b = graph.entities[relation.subject], graph.entities[relation.object]
        alike = any(x == y for x, y in zip(a.attributes, b.attributes, strict=True))
        if alike or a.noun == b.noun:
            continue
        swapped = {
            relation.subject: replace(a, attributes=b.attributes),
            relation.object: replace(b, attributes=a.attributes),
        }
        yield _with_entities(graph, swapped)


def _relation_swaps(graph: SceneGraph) -> Iterator[SceneGraph]:
    for position, relation in enumerate(graph.relations):
        relations = list(graph.relations)
        relations[position] = Relation(relation.object, relation.predicate, relation.subject)
        yield replace(graph, relations=tuple(relations))


def _shape_swaps(graph: SceneGraph) -> Iterator[SceneGraph]:
    for relation in graph.relations:
        a, b = graph.entities[relation.subject], graph.entities[relation.object]
        if a.noun == b.noun or a.attributes == b.attributes:
            continue
        swapped = {
            relation.subject: replace(a, noun=b.noun),
            relation.object: replace(b, noun=a.noun),
        }
        yield _with_entities(graph, swapped)


def _attribute_replacements(graph: SceneGraph) -> Iterator[SceneGraph]:
    for position, entity in enumerate(graph.entities):
        size, colour = entity.attributes
        changed = [(other, colour) for other in SIZES if other != size]
        changed += [(size, other) for other in COLOURS if other != colour]
        for attributes in changed:
            yield _with_entities(graph, {position: replace(entity, attributes=attributes)})


def _object_replacements(graph: SceneGraph) -> Iterator[SceneGraph]:
    for position, entity in enumerate(graph.entities):
        for shape in SHAPES:
            if shape != entity.noun:
                yield _with_entities(graph, {position: replace(entity, noun=shape)})


def _with_entities(graph: SceneGraph, changed: dict[int, Entity]) -> SceneGraph:
    entities = (changed.get(i, entity) for i, entity in enumerate(graph.entities))
    return replace(graph, entities=tuple(entities))


Change: TypeAlias = Callable[[SceneGraph], Iterator[SceneGraph]]


def _of_whole(change: Change, graph: SceneGraph) -> Iterator[tuple[SceneGraph, SceneGraph]]:
    return ((graph, false) for false in change(graph))


def _of_parts(change: Change, graph: SceneGraph) -> Iterator[tuple[SceneGraph, SceneGraph]]:
    parts = one_relation_graphs(graph)
    if len(parts) == 1:
        return
    for part in parts:
        yield from _of_whole(change, part)


_CHANGES = {
    "attribute_swap": partial(_of_whole, _attribute_swaps),
    "relation_swap": partial(_of_whole, _relation_swaps),
    "shape_swap": partial(_of_whole, _shape_swaps),
    "attribute_replace": partial(_of_whole, _attribute_replacements),
    "object_replace": partial(_of_whole, _object_replacements),
    "part_attribute_swap": partial(_of_parts, _attribute_swaps),
    "part_relation_swap": partial(_of_parts, _relation_swaps),
}
"""By kind, what lists the true graphs of a scene's graph, each with one that may be false."""
