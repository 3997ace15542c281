"""Images with captions: the synthetic scenes, real datasets, and the feature cache."""

from alignops.data.caption_files import read_captions
from alignops.data.collate import pad_rows
from alignops.data.feature_cache import FeatureCache, content_key, images_key
from alignops.data.flickr import open_flickr, split_flickr
from alignops.data.image_files import CaptionedImages
from alignops.data.pairs import ImageCaptions, PairedDataset
from alignops.data.precomputed import PrecomputedRegions, is_precomputed, open_precomputed
from alignops.data.scenes import SceneDataset, compositional_pairs, draw_scenes, split_scenes
from alignops.data.splits import Splits, require_images, split_keys
from alignops.data.summary import DataSummary, summarise

__all__ = [
    "CaptionedImages",
    "DataSummary",
    "FeatureCache",
    "ImageCaptions",
    "PairedDataset",
    "PrecomputedRegions",
    "SceneDataset",
    "Splits",
    "compositional_pairs",
    "content_key",
    "draw_scenes",
    "images_key",
    "is_precomputed",
    "open_flickr",
    "open_precomputed",
    "pad_rows",
    "read_captions",
    "require_images",
    "split_flickr",
    "split_keys",
    "split_scenes",
    "summarise",
]
