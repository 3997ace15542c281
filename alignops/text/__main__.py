"""`python -m alignops.text CAPTION`: print a caption's graph, positives and hard negatives."""

import argparse
from pathlib import Path

import numpy as np

from alignops.text.facts import implied_facts
from alignops.text.parse import parse_captions
from alignops.text.sampling import SubGraphSampler
from alignops.text.sentences import sentence
from alignops.text.vocabulary import Vocabulary
from alignops.text.word_swap import swap_words


def main() -> None:
    """Print what MosaiCLIP would make of captions."""
    parser = argparse.ArgumentParser(prog="python -m alignops.text", description=__doc__)
    parser.add_argument("captions", nargs="+", metavar="CAPTION")
    parser.add_argument("--vocabulary", type=Path, help="JSON; default: the words of the captions")
    parser.add_argument("--positives", type=int, default=3)
    parser.add_argument("--negatives", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    graphs = parse_captions(options.captions)
    path = options.vocabulary
    sampler = SubGraphSampler(Vocabulary.load(path) if path else Vocabulary.from_graphs(graphs))
    for index, (caption, graph) in enumerate(zip(options.captions, graphs, strict=True)):
        random = np.random.default_rng((options.seed, index))
        implied = implied_facts([graph])
        drawn = sampler.draw(
            graph, implied, random, positives=options.positives, negatives=options.negatives
        )
        swapped = swap_words(caption, graph, implied, random)
        lines = [
            ("entity", [entity.phrase for entity in graph.entities]),
            ("relation", [graph.relation_phrase(relation) for relation in graph.relations]),
            ("positive", [sentence(positive) for positive in drawn.positives]),
            ("negative", [sentence(negative) for negative in drawn.negatives]),
            ("word swap", [swapped[0]] if swapped else []),
        ]
        print(caption)
        for name, texts in lines:
            for text in texts:
                print(f"  {name:<10}{text}")


if __name__ == "__main__":
    main()
