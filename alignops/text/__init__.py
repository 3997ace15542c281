"""Captions to structure: graphs of entities and relations, and phrases.

`rules/` holds the parser's rules, `negatives/` builds false captions. This package imports no
tensors, and nothing else of the library but `cache_folder`; only `rules/` imports spaCy, when the
first caption is parsed.
"""

from alignops.text.graph import Entity, Relation, SceneGraph
from alignops.text.parse import find_phrases, parse_captions
from alignops.text.phrase import Phrase

__all__ = ["Entity", "Phrase", "Relation", "SceneGraph", "find_phrases", "parse_captions"]
