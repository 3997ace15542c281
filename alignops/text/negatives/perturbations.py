"""Hard negatives of sub-graphs: the smallest changes that make them false (MosaiCLIP, section 3).

A perturbation returns a changed positive, or None if there is nothing to change. It does not see
the caption: the caller checks that the result is false of the image.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias, TypeVar

import numpy as np

from alignops.text.graph import Entity, Relation, SceneGraph
from alignops.text.negatives.vocabulary import Vocabulary
from alignops.text.rules.lexicon import COLOURS, SIZES

Kind = Literal["obj", "rel", "attr"]
"""f_obj perturbs graphs of one object; f_rel and f_attr graphs of one relation."""

Item = TypeVar("Item")
Perturbation: TypeAlias = Callable[[SceneGraph, Vocabulary, np.random.Generator], SceneGraph | None]


def perturb(
    graph: SceneGraph, kind: Kind, vocabulary: Vocabulary, random: np.random.Generator
) -> SceneGraph | None:
    """Change a positive by a perturbation of the given kind, drawn at random.

    - "obj": an attribute replaced.
    - "rel": the objects swapped, an object replaced, the relation replaced, or the graph joined
      with a random object through a random relation.
    - "attr": attributes swapped between the objects, or one replaced.

    Args:
        graph: one object for "obj", else one relation.
        kind: what to perturb.
        vocabulary: replacement words.
        random: source of randomness.

    Returns:
        The changed graph, which may be true by chance; None if the perturbation changes nothing.
    """
    ways = _PERTURBATIONS[kind]
    return _draw(ways, random)(graph, vocabulary, random)


def _replace_attribute(
    graph: SceneGraph, vocabulary: Vocabulary, random: np.random.Generator
) -> SceneGraph | None:
    places = [
        (index, position)
        for index, entity in enumerate(graph.entities)
        for position in range(len(entity.attributes))
    ]
    if not places:
        return None
    index, position = _draw(places, random)
    attributes = list(graph.entities[index].attributes)
    words = _same_class(attributes[position], vocabulary.attributes)
    if not words:
        return None
    attributes[position] = _draw(words, random)
    return _with_entity(graph, index, attributes=tuple(attributes))


def _replace_object(
    graph: SceneGraph, vocabulary: Vocabulary, random: np.random.Generator
) -> SceneGraph:
    index = int(random.integers(len(graph.entities)))
    return _with_entity(graph, index, noun=_draw(vocabulary.objects, random))


def _replace_relation(
    graph: SceneGraph, vocabulary: Vocabulary, random: np.random.Generator
) -> SceneGraph:
    [relation] = graph.relations
    predicate = _draw(vocabulary.relations, random)
    return replace(graph, relations=(replace(relation, predicate=predicate),))


def _swap_objects(graph: SceneGraph, *_: object) -> SceneGraph:
    return replace(graph, entities=graph.entities[::-1])


def _swap_attributes(graph: SceneGraph, *_: object) -> SceneGraph:
    a, b = graph.entities
    swapped = replace(a, attributes=b.attributes), replace(b, attributes=a.attributes)
    return replace(graph, entities=swapped)


def _join(graph: SceneGraph, vocabulary: Vocabulary, random: np.random.Generator) -> SceneGraph:
    attributes = (_draw(vocabulary.attributes, random),) if vocabulary.attributes else ()
    joined = Entity(_draw(vocabulary.objects, random), attributes)
    predicate = _draw(vocabulary.relations, random)
    end = int(random.integers(len(graph.entities)))
    relation = Relation(end, predicate, len(graph.entities))
    return SceneGraph((*graph.entities, joined), (*graph.relations, relation))


_PERTURBATIONS: dict[Kind, Sequence[Perturbation]] = {
    "obj": (_replace_attribute,),
    "rel": (_swap_objects, _replace_object, _replace_relation, _join),
    "attr": (_swap_attributes, _replace_attribute),
}


def _same_class(word: str, words: Sequence[str]) -> list[str]:
    """Offer colours for a colour and sizes for a size: a blue car may be large, but is not red."""
    for kind in (COLOURS, SIZES):
        if word in kind:
            return [other for other in words if other in kind and other != word]
    return [other for other in words if other not in COLOURS | SIZES and other != word]


def _with_entity(graph: SceneGraph, index: int, **changes: object) -> SceneGraph:
    entities = list(graph.entities)
    entities[index] = replace(entities[index], **changes)  # type: ignore[arg-type]
    return replace(graph, entities=tuple(entities))


def _draw(items: Sequence[Item], random: np.random.Generator) -> Item:
    return items[int(random.integers(len(items)))]
