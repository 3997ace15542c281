"""Scenes: a synthetic dataset of coloured shapes with exact ground truth and no download."""

from alignops.data.scenes.captions import PLACED_VOCABULARY, VOCABULARY, Style, describe
from alignops.data.scenes.compositional import (
    CompositionalKind,
    CompositionalPair,
    compositional_pairs,
)
from alignops.data.scenes.dataset import SceneDataset
from alignops.data.scenes.description import CANVAS, Scene, SceneObject, meaning
from alignops.data.scenes.rendering import render
from alignops.data.scenes.sampling import draw_close_ups, draw_scenes, split_scenes

__all__ = [
    "CANVAS",
    "PLACED_VOCABULARY",
    "VOCABULARY",
    "CompositionalKind",
    "CompositionalPair",
    "Scene",
    "SceneDataset",
    "SceneObject",
    "Style",
    "compositional_pairs",
    "describe",
    "draw_close_ups",
    "draw_scenes",
    "meaning",
    "render",
    "split_scenes",
]
