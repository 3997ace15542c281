"""The demo: from nothing to trained methods on drawn scenes, beside the base they stand on."""

from alignops.demo.base import DEMO_BASES, DemoConfig, demo_folder
from alignops.demo.run import run_ablations, run_demo

__all__ = ["DEMO_BASES", "DemoConfig", "demo_folder", "run_ablations", "run_demo"]
