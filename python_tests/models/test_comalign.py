import pytest
import torch
from torch.nn.functional import normalize

from alignops.losses import ComponentFeatures
from alignops.models import ComAlignEncoder


def batch(entities=3, relations=2):
    torch.manual_seed(0)
    return ComponentFeatures(
        normalize(torch.randn(2, 8), dim=-1),
        normalize(torch.randn(2, entities, 8), dim=-1),
        normalize(torch.randn(2, relations, 8), dim=-1),
        torch.ones(2, entities, dtype=torch.bool),
        torch.ones(2, relations, dtype=torch.bool),
    )


def test_keeps_shapes_and_normalises():
    output = ComAlignEncoder(8)(batch())
    assert [tuple(part.shape) for part in output[:3]] == [(2, 8), (2, 3, 8), (2, 2, 8)]
    assert torch.allclose(output.entities.norm(dim=-1), torch.ones(2, 3))


def test_padding_is_never_attended_to():
    encoder, frozen = ComAlignEncoder(8), batch()
    frozen.entity_mask[:, 2] = False
    noisy = frozen._replace(entities=frozen.entities.clone())
    noisy.entities[:, 2] = 100.0
    expected, given = encoder(frozen), encoder(noisy)
    assert torch.equal(expected.pooled, given.pooled)
    assert torch.equal(expected.entities[:, :2], given.entities[:, :2])


def test_an_image_without_components_has_a_global_embedding():
    frozen = batch(entities=0, relations=0)
    assert torch.isfinite(ComAlignEncoder(8)(frozen).pooled).all()


def test_types_are_told_apart_and_order_is_not():
    encoder, frozen = ComAlignEncoder(8), batch(entities=2)
    flipped = frozen._replace(entities=frozen.entities.flip(1))
    assert torch.allclose(encoder(frozen).pooled, encoder(flipped).pooled, atol=1e-6)
    exchanged = frozen._replace(entities=frozen.relations, relations=frozen.entities)
    assert not torch.allclose(encoder(frozen).pooled, encoder(exchanged).pooled, atol=1e-4)


def test_heads_must_divide_the_size():
    with pytest.raises(ValueError, match="heads is 3; expected a divisor of dim, 8"):
        ComAlignEncoder(8, heads=3)
