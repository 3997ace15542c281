"""Words that replace a caption's own in hard negatives."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alignops.atomic_files import write_text
from alignops.text.graph import SceneGraph


@dataclass(frozen=True)
class Vocabulary:
    """Objects, attributes and relations, the most frequent first.

    Attributes:
        objects: nouns.
        attributes: adjectives.
        relations: predicates.
    """

    objects: tuple[str, ...]
    attributes: tuple[str, ...]
    relations: tuple[str, ...]

    @classmethod
    def from_graphs(
        cls,
        graphs: Iterable[SceneGraph],
        *,
        objects: int = 1594,
        attributes: int = 524,
        relations: int = 50,
    ) -> "Vocabulary":
        """Collect the most frequent words of a corpus.

        Args:
            graphs: graphs of the training captions.
            objects: largest number of nouns; the defaults are MosaiCLIP's sizes, whose words come
                from Visual Genome.
            attributes: largest number of adjectives.
            relations: largest number of predicates.
        """
        nouns: Counter[str] = Counter()
        adjectives: Counter[str] = Counter()
        predicates: Counter[str] = Counter()
        for graph in graphs:
            nouns.update(entity.noun for entity in graph.entities)
            adjectives.update(word for entity in graph.entities for word in entity.attributes)
            predicates.update(relation.predicate for relation in graph.relations)
        return cls(
            _most_frequent(nouns, objects),
            _most_frequent(adjectives, attributes),
            _most_frequent(predicates, relations),
        )

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read a JSON object with the lists "objects", "attributes" and "relations".

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds something else, or has no objects or no relations.
        """
        if not path.is_file():
            raise FileNotFoundError(f"vocabulary is {path}; expected a file that exists")
        lists = _read_json(path)
        for name in cls.__dataclass_fields__:
            words = lists.get(name)
            if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
                raise ValueError(f"{name} in {path} is {words!r}; expected a list of strings")
            if not words and name != "attributes":
                raise ValueError(f"{name} in {path} is empty; expected at least one word")
        return cls(**{name: tuple(lists[name]) for name in cls.__dataclass_fields__})

    def save(self, path: Path) -> None:
        """Write the JSON that `load` reads."""
        write_text(path, json.dumps(asdict(self), indent=1))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # not JSON, or not text
        raise ValueError(f"vocabulary is {path}; expected a JSON file ({error})") from error
    if not isinstance(read, dict):
        raise ValueError(f"vocabulary is {path}, which holds {read!r}; expected a JSON object")
    return read


def _most_frequent(words: Counter[str], limit: int) -> tuple[str, ...]:
    """Keep the most frequent words; ties sort alphabetically, so the corpus order is irrelevant."""
    ordered = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    return tuple(word for word, _ in ordered[:limit])
