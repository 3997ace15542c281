"""PowerCLIP: contrastive training that also aligns subsets of regions with phrases."""

from alignops.methods.powerclip.examples import PhraseConfig
from alignops.methods.powerclip.method import POWERCLIP, PowerClipConfig
from alignops.methods.powerclip.objective import PowerClipObjective, PowersetConfig
from alignops.methods.powerclip.regions import RegionConfig

__all__ = [
    "POWERCLIP",
    "PhraseConfig",
    "PowerClipConfig",
    "PowerClipObjective",
    "PowersetConfig",
    "RegionConfig",
]
