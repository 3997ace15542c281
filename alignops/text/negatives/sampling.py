"""Draw positives of an image and their hard negatives from the graph of its caption."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, get_args

import numpy as np

from alignops.text.graph import SceneGraph
from alignops.text.negatives.facts import Fact, facts
from alignops.text.negatives.perturbations import Kind, perturb
from alignops.text.negatives.vocabulary import Vocabulary
from alignops.text.sub_graphs import one_object_graphs, one_relation_graphs

# Attempts per negative. Most fail because the caption implies the result.
_ATTEMPTS = 8


class SampledGraphs(NamedTuple):
    """Sub-graphs of one caption: true ones, and false ones that differ little from them."""

    positives: list[SceneGraph]
    negatives: list[SceneGraph]


@dataclass(frozen=True)
class SubGraphSampler:
    """Draws sub-graphs and their hard negatives (MosaiCLIP, section 3).

    Attributes:
        vocabulary: words for the negatives.
        obj: weight of one-object graphs with a replaced attribute.
        rel: weight of relations with changed objects or predicate.
        attr: weight of relations with changed attributes. The defaults are the paper's weights.
    """

    vocabulary: Vocabulary
    obj: float = 0.15
    rel: float = 0.425
    attr: float = 0.425

    def __post_init__(self) -> None:
        """Refuse weights that leave nothing to draw."""
        for kind in get_args(Kind):
            if not getattr(self, kind) >= 0:
                raise ValueError(f"{kind} is {getattr(self, kind)}; expected at least 0")
        if not self.obj + self.rel + self.attr:
            raise ValueError("obj, rel and attr are 0; expected one of them above 0")

    def draw(
        self,
        graph: SceneGraph,
        implied: frozenset[Fact],
        random: np.random.Generator,
        *,
        positives: int,
        negatives: int,
    ) -> SampledGraphs:
        """Draw from one caption's graph; no two results state the same.

        Args:
            graph: the caption's graph.
            implied: `implied_facts` of all captions of the image; no negative follows from them.
            random: source of randomness.
            positives: number of draws, hence the largest number of positives; one that is drawn
                again gets further negatives.
            negatives: largest number of negatives, spread evenly over the draws.
        """
        drawn = SampledGraphs([], [])
        graphs = self._graphs(graph)
        weights = np.array([getattr(self, kind) for kind in graphs])
        used: set[frozenset[Fact]] = set()
        for left in range(positives if graphs else 0, 0, -1):
            kind = list(graphs)[random.choice(len(graphs), p=weights / weights.sum())]
            positive = graphs[kind][random.integers(len(graphs[kind]))]
            if facts(positive) not in used:
                used.add(facts(positive))
                drawn.positives.append(positive)
            share = -(-(negatives - len(drawn.negatives)) // left)
            drawn.negatives.extend(self._negatives(kind, positive, implied, random, share, used))
        return drawn

    def _graphs(self, graph: SceneGraph) -> dict[Kind, list[SceneGraph]]:
        """List what each kind can perturb; leaves out empty kinds and kinds of weight 0."""
        relations = one_relation_graphs(graph)
        graphs: dict[Kind, list[SceneGraph]] = {
            "obj": [*filter(_has_attributes, one_object_graphs(graph))],
            "rel": relations,
            "attr": [*filter(_has_attributes, relations)],
        }
        return {kind: found for kind, found in graphs.items() if found and getattr(self, kind) > 0}

    def _negatives(
        self,
        kind: Kind,
        positive: SceneGraph,
        implied: frozenset[Fact],
        random: np.random.Generator,
        count: int,
        used: set[frozenset[Fact]],
    ) -> Iterator[SceneGraph]:
        for _ in range(_ATTEMPTS * count):
            if count == 0:
                return
            negative = perturb(positive, kind, self.vocabulary, random)
            if negative is None or facts(negative) <= implied or facts(negative) in used:
                continue
            used.add(facts(negative))
            count -= 1
            yield negative


def _has_attributes(graph: SceneGraph) -> bool:
    return any(entity.attributes for entity in graph.entities)
