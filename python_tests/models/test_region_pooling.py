import torch

from alignops.models.region_pooling import pool_regions


def test_a_region_is_the_direction_of_its_patches():
    patches = torch.tensor([[[3.0, 0.0], [0.0, 8.0]]])
    cover = torch.tensor([[[1.0, 0.5], [1.0, 0.0], [0.0, 0.0]]])
    pooled = pool_regions(patches, cover)
    assert torch.allclose(pooled, torch.tensor([[[0.6, 0.8], [1.0, 0.0], [0.0, 0.0]]]))
