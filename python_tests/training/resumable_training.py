"""A small training with dropout; `test_loop.py` runs and kills it in a process of its own."""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from alignops.training import LoopConfig, OptimizerConfig, Run, train


class Examples:
    def __len__(self):
        return 20

    def __getitem__(self, example):
        draw = np.random.default_rng(example.draw)
        return torch.from_numpy(draw.standard_normal(4, dtype=np.float32)) + example.index


class Objective(nn.Module):
    def __init__(self, pause):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.pause = pause

    def forward(self, batch):
        time.sleep(self.pause)
        return {"square": self.layers(batch).square().mean()}


def run(folder, pause=0.0, **changes):
    torch.manual_seed(0)
    objective = Objective(pause)
    settings = {"steps": 40, "batch_size": 4, "log_every": 3, "checkpoint_every": 5}
    loop = LoopConfig(**{**settings, **changes})
    train(objective, Examples(), torch.stack, Run(folder), loop, OptimizerConfig(warmup_steps=2))
    return objective


if __name__ == "__main__":
    run(Path(sys.argv[1]), pause=0.05, workers=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
