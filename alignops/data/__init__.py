"""Images with captions: the synthetic scenes, real datasets, and the feature cache."""

from alignops.data.flickr import open_flickr, read_captions, split_flickr
from alignops.data.image_files import CaptionedImages
from alignops.data.pairs import ImageCaptions, PairedDataset
from alignops.data.scenes import SceneDataset, compositional_pairs, draw_scenes, split_scenes
from alignops.data.splits import Splits, split_keys

__all__ = [
    "CaptionedImages",
    "ImageCaptions",
    "PairedDataset",
    "SceneDataset",
    "Splits",
    "compositional_pairs",
    "draw_scenes",
    "open_flickr",
    "read_captions",
    "split_flickr",
    "split_keys",
    "split_scenes",
]
