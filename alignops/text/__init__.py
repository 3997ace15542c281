"""Caption to structure: entities with attributes, and the relations between them."""

from alignops.text.parse import parse_captions
from alignops.text.scene_graph import Entity, Relation, SceneGraph

__all__ = ["Entity", "Relation", "SceneGraph", "parse_captions"]
