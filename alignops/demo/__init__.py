"""The demo: trains methods on synthetic scenes and compares them with their base."""

from alignops.demo.base import DEMO_BASES, DemoConfig, demo_folder
from alignops.demo.run import run_ablations, run_demo

__all__ = ["DEMO_BASES", "DemoConfig", "demo_folder", "run_ablations", "run_demo"]
