"""A small AAHR training on noise, run by `test_method.py` in a process of its own to be killed."""

import sys
import time
from pathlib import Path

import torch

from alignops.methods.aahr.examples import Pair, collate_pairs
from alignops.methods.aahr.objective import (
    AahrEncoderConfig,
    AahrLossConfig,
    AahrObjective,
)
from alignops.training import LoopConfig, OptimizerConfig, Run, train

STEPS = 40
LOSSES = AahrLossConfig(prototypes=3, queue=20, prototype_start=0.1, graph_start=0.3, decay=0.9)


def pair(index):
    """A caption of image index // 2, each with 1 to 4 local features."""
    generator = torch.Generator().manual_seed(index)

    def side(size, rows):
        shapes = (1, size), (rows, size)
        return tuple(torch.randn(shape, generator=generator) for shape in shapes)

    image, text = side(6, 1 + index % 4), side(5, 1 + index % 3)
    return Pair(image, text, index // 2)


class Examples:
    def __len__(self):
        return 24

    def __getitem__(self, example):
        return pair(example.index)


class Slow(AahrObjective):
    def forward(self, batch):
        time.sleep(0.05)
        return super().forward(batch)


def objective(losses=LOSSES, kind=AahrObjective):
    torch.manual_seed(0)
    return kind((6, 6), (5, 5), AahrEncoderConfig(dim=8, heads=2), losses, STEPS)


def run(folder, kind=AahrObjective):
    trained = objective(kind=kind)
    loop = LoopConfig(STEPS, batch_size=4, log_every=1, checkpoint_every=7)
    settings = (Run(folder), loop, OptimizerConfig(warmup_steps=2))
    train(trained, Examples(), collate_pairs, *settings)
    return trained


if __name__ == "__main__":
    run(Path(sys.argv[1]), kind=Slow)
