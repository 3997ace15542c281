"""Images with captions: the synthetic scenes, real datasets, and the feature cache."""

from alignops.data.collate import pad_rows
from alignops.data.feature_cache import FeatureCache, content_key
from alignops.data.flickr import open_flickr, read_captions, split_flickr
from alignops.data.image_files import CaptionedImages
from alignops.data.pairs import ImageCaptions, PairedDataset
from alignops.data.precomputed import PrecomputedRegions, is_precomputed, open_precomputed
from alignops.data.scenes import SceneDataset, compositional_pairs, draw_scenes, split_scenes
from alignops.data.splits import Splits, split_keys

__all__ = [
    "CaptionedImages",
    "FeatureCache",
    "ImageCaptions",
    "PairedDataset",
    "PrecomputedRegions",
    "SceneDataset",
    "Splits",
    "compositional_pairs",
    "content_key",
    "draw_scenes",
    "is_precomputed",
    "open_flickr",
    "open_precomputed",
    "pad_rows",
    "read_captions",
    "split_flickr",
    "split_keys",
    "split_scenes",
]
