import random

import numpy as np
import pytest
import torch

from alignops.methods.common.seeding import seed_generators


@pytest.mark.parametrize("seed", [0, 7, -1, 2**40])
def test_equal_seeds_draw_equal_numbers_of_every_generator(seed):
    drawn = []
    for _ in range(2):
        seed_generators(seed)
        drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert drawn[0] == drawn[1]
