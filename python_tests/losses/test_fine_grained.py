import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from alignops.losses import ComponentFeatures, FineGrainedContrastiveLoss


def components(entity_counts, relation_counts, dim=6, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def rows(counts):
        size = max(counts)
        values = torch.randn(len(counts), size, dim, generator=generator)
        mask = torch.arange(size) < torch.tensor(counts)[:, None]
        return normalize(values, dim=-1).requires_grad_(), mask

    entities, entity_mask = rows(entity_counts)
    relations, relation_mask = rows(relation_counts)
    pooled = normalize(torch.randn(len(entity_counts), dim, generator=generator), dim=-1)
    return ComponentFeatures(pooled, entities, relations, entity_mask, relation_mask)


def level(image, text, image_mask, text_mask, scale):
    """Loss of one level by loops, over the pairs with components on both sides."""
    pairs = [i for i in range(len(image)) if image_mask[i].any() and text_mask[i].any()]

    def similarity(i, j):
        tile = image[i, image_mask[i]] @ text[j, text_mask[j]].T
        return tile.max(1).values.mean(), tile.max(0).values.mean()

    tiles = [[similarity(i, j) for j in pairs] for i in pairs]
    i2t = scale * torch.stack([torch.stack([pair[0] for pair in row]) for row in tiles])
    t2i = scale * torch.stack([torch.stack([pair[1] for pair in row]) for row in tiles]).T
    target = torch.arange(len(pairs))
    both = sum(cross_entropy(s, target, reduction="sum") for s in (i2t, t2i))
    return both / (2 * len(image))


def test_each_level_is_the_equation():
    image = components([2, 3, 1, 2], [1, 3, 1, 1])
    text = components([2, 1, 2, 3], [1, 1, 0, 2], seed=1)
    loss = FineGrainedContrastiveLoss()
    scale = loss.logit_scale.detach()
    losses = loss(image, text)
    whole = scale * image.pooled @ text.pooled.T
    target = torch.arange(4)
    expected = (cross_entropy(whole, target) + cross_entropy(whole.T, target)) / 2
    assert torch.allclose(losses["global"], expected)
    for name in ("entity", "relation"):
        parts = [
            getattr(side, field)
            for field in ({"entity": "entities", "relation": "relations"}[name], f"{name}_mask")
            for side in (image, text)
        ]
        assert torch.allclose(losses[name], level(*parts, scale), atol=1e-5)


def test_captions_without_relations_take_no_part_in_the_relation_term():
    image, text = components([1, 1, 1], [1, 1, 1]), components([1, 1, 1], [1, 0, 1], seed=1)
    losses = FineGrainedContrastiveLoss()(image, text)
    losses["relation"].backward()
    assert torch.equal(image.relations.grad[1], torch.zeros(1, 6))
    assert image.relations.grad[0].abs().sum() > 0


def test_a_batch_without_any_relation_has_zero_loss_and_finite_gradients():
    image, text = components([2, 2], [1, 1]), components([2, 2], [1, 1], seed=1)
    text = text._replace(relation_mask=torch.zeros(2, 1, dtype=torch.bool))
    loss = FineGrainedContrastiveLoss()
    losses = loss(image, text)
    assert losses["relation"].item() == 0
    sum(losses.values()).backward()
    assert image.relations.grad.abs().sum() == 0
    assert torch.isfinite(image.entities.grad).all()
    assert torch.isfinite(loss.log_scale.grad)


def test_an_empty_batch_has_zero_loss():
    image = components([1], [1])
    empty = ComponentFeatures(*(part[:0] for part in image))
    assert all(term.item() == 0 for term in FineGrainedContrastiveLoss()(empty, empty).values())


def test_a_missing_mask_and_batches_that_do_not_fit_are_named():
    image, text = components([2, 1], [1, 1]), components([1, 2], [1, 1], seed=1)
    loss = FineGrainedContrastiveLoss()
    with pytest.raises(TypeError, match=r"text.relation_mask is None; expected a torch.bool"):
        loss(image, text._replace(relation_mask=None))
    with pytest.raises(ValueError, match=r"text.pooled is .*; expected 2 rows, one for each of im"):
        loss(image, ComponentFeatures(*(part[:1] for part in text)))
    with pytest.raises(ValueError, match=r"image.entities is .*; expected 2 rows, one for each of"):
        loss(image._replace(entities=image.entities[:1], entity_mask=image.entity_mask[:1]), text)


def test_the_temperature_must_be_positive():
    with pytest.raises(ValueError, match="temperature is 0; expected a finite number above 0"):
        FineGrainedContrastiveLoss(temperature=0)
