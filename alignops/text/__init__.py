"""Captions to structure: graphs of entities and relations, and phrases.

`rules/` holds what the parser knows, `negatives/` what false captions are made of. This room
imports nothing of the library but `cache_folder`, and no tensor; only `rules/` imports spaCy, when
the first caption is parsed.
"""

from alignops.text.graph import Entity, Relation, SceneGraph
from alignops.text.parse import find_phrases, parse_captions
from alignops.text.phrase import Phrase

__all__ = ["Entity", "Phrase", "Relation", "SceneGraph", "find_phrases", "parse_captions"]
