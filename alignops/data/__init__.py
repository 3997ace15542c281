"""Images with captions: the synthetic scenes, real datasets, and the feature cache."""

from alignops.data.pairs import ImageCaptions, PairedDataset
from alignops.data.scenes import SceneDataset, compositional_pairs, draw_scenes, split_scenes

__all__ = [
    "ImageCaptions",
    "PairedDataset",
    "SceneDataset",
    "compositional_pairs",
    "draw_scenes",
    "split_scenes",
]
