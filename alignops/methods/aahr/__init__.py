"""AAHR: ambiguity-aware matching with high-order relations, on a frozen model's features."""

from alignops.methods.aahr.method import AAHR, AahrConfig
from alignops.methods.aahr.objective import AahrEncoderConfig, AahrLossConfig, AahrObjective

__all__ = ["AAHR", "AahrConfig", "AahrEncoderConfig", "AahrLossConfig", "AahrObjective"]
