"""The output of `alignops text`: what the trainers extract from a caption."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from alignops.text.graph import SceneGraph
from alignops.text.negatives.facts import implied_facts
from alignops.text.negatives.sampling import SubGraphSampler
from alignops.text.negatives.vocabulary import Vocabulary
from alignops.text.negatives.word_swap import swap_words
from alignops.text.parse import find_phrases, parse_captions
from alignops.text.sentences import sentence


def describe(
    captions: Sequence[str],
    *,
    vocabulary: Path | None = None,
    positives: int = 3,
    negatives: int = 6,
    seed: int = 0,
) -> Iterator[str]:
    """Yield lines: each caption, followed by its structure and MosaiCLIP's texts for it.

    Args:
        captions: English captions.
        vocabulary: JSON file with words for the negatives; None = the words of the captions.
        positives: largest number of sub-graphs.
        negatives: largest number of hard negatives.
        seed: seed of the draws.

    Raises:
        FileNotFoundError: there is no such vocabulary.
        ValueError: the file is no vocabulary.
    """
    graphs = parse_captions(captions)
    words = Vocabulary.load(vocabulary) if vocabulary else Vocabulary.from_graphs(graphs)
    sampler = SubGraphSampler(words)
    for index, (caption, graph) in enumerate(zip(captions, graphs, strict=True)):
        random = np.random.default_rng((seed, index))
        yield caption
        yield from _structure(caption, graph)
        yield from _texts(caption, graph, sampler, random, positives, negatives)


def _structure(caption: str, graph: SceneGraph) -> Iterator[str]:
    [phrases] = find_phrases([caption])
    yield from _lines("entity", [entity.phrase for entity in graph.entities])
    yield from _lines("relation", [graph.relation_phrase(one) for one in graph.relations])
    yield from _lines("phrase", [caption[slice(*phrase.span)] for phrase in phrases])


def _texts(
    caption: str,
    graph: SceneGraph,
    sampler: SubGraphSampler,
    random: np.random.Generator,
    positives: int,
    negatives: int,
) -> Iterator[str]:
    implied = implied_facts([graph])
    drawn = sampler.draw(graph, implied, random, positives=positives, negatives=negatives)
    swapped = swap_words(caption, graph, implied, random)
    yield from _lines("positive", [sentence(positive) for positive in drawn.positives])
    yield from _lines("negative", [sentence(negative) for negative in drawn.negatives])
    yield from _lines("word swap", swapped[:1] if swapped else [])


def _lines(name: str, texts: Sequence[str]) -> Iterator[str]:
    return (f"  {name:<10}{text}" for text in texts)
