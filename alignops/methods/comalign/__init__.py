"""ComAlign: a light plug-in that aligns entities and relations on a frozen dual encoder."""

from alignops.methods.comalign.encoder import ComponentEncoder
from alignops.methods.comalign.method import COMALIGN, ComAlignConfig
from alignops.methods.comalign.objective import ComAlignObjective, EncoderConfig

__all__ = [
    "COMALIGN",
    "ComAlignConfig",
    "ComAlignObjective",
    "ComponentEncoder",
    "EncoderConfig",
]
