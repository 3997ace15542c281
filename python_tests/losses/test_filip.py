import pytest
import torch
from torch.nn.functional import normalize

from alignops.losses import FilipLoss

SCALE = 7.0


def components(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(shape, generator=generator, dtype=torch.float64)
    return normalize(rows, dim=-1).requires_grad_()


def masks(*shape, seed=0):
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.6
    mask[:, 0] = True
    return mask


def by_definition(image, text, image_mask, text_mask, scale):
    """The paper's equations, pair by pair (arXiv 2111.07783, equations 1 to 5)."""
    batch = range(len(image))
    i2t, t2i = (torch.zeros(len(image), len(image), dtype=torch.float64) for _ in range(2))
    for i in batch:
        for j in batch:
            tile = image[i][image_mask[i]] @ text[j][text_mask[j]].T
            i2t[i, j] = tile.max(dim=1).values.mean()
            t2i[i, j] = tile.max(dim=0).values.mean()
    of_images = -sum((scale * i2t[k]).log_softmax(0)[k] for k in batch) / len(image)
    of_texts = -sum((scale * t2i[:, k]).log_softmax(0)[k] for k in batch) / len(image)
    return (of_images + of_texts) / 2


def gradients(loss, *inputs):
    return torch.autograd.grad(loss, inputs)


@pytest.mark.parametrize("masked", [False, True])
def test_the_loss_is_the_equation_with_its_gradients(masked):
    image, text = components(5, 4, 8), components(5, 6, 8, seed=1)
    image_mask, text_mask = masks(5, 4), masks(5, 6, seed=1)
    given = (image_mask, text_mask) if masked else (None, None)
    every = (image_mask, text_mask) if masked else (image_mask | True, text_mask | True)
    scale = torch.tensor(SCALE, dtype=torch.float64, requires_grad=True)
    found = FilipLoss(temperature=None)(image, text, *given, logit_scale=scale)
    expected = by_definition(image, text, *every, scale)
    torch.testing.assert_close(found, expected)
    for one, other in zip(
        gradients(found, image, text, scale), gradients(expected, image, text, scale), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_the_scale_is_learned_unless_it_is_given():
    image, text = components(3, 4, 8), components(3, 6, 8, seed=1)
    learned, given = FilipLoss(temperature=0.1), FilipLoss(temperature=None)
    loss = learned(image, text)
    torch.testing.assert_close(loss, given(image, text, logit_scale=10.0))
    loss.backward()
    assert learned.log_scale.grad.abs() > 0
    assert not list(given.parameters())
    assert given.logit_scale is None
    assert FilipLoss(temperature=1e-3).logit_scale.item() == 100


def test_jagged_patches_and_tokens_are_the_masked_ones():
    image, text = components(3, 4, 8), components(3, 6, 8, seed=1)
    lengths = torch.tensor([4, 1, 2])
    jagged = [
        torch.nested.nested_tensor(
            [row[:n] for row, n in zip(side.detach(), lengths, strict=True)], layout=torch.jagged
        )
        for side in (image, text)
    ]
    image_mask, text_mask = (torch.arange(n) < lengths[:, None] for n in (4, 6))
    loss = FilipLoss()
    assert torch.equal(loss(*jagged), loss(image, text, image_mask, text_mask))


def test_pairs_without_patches_or_tokens_take_no_part():
    image, text = components(4, 3, 8), components(4, 2, 8, seed=1)
    image_mask, text_mask = torch.ones(4, 3).bool(), torch.ones(4, 2).bool()
    image_mask[1], text_mask[3] = False, False
    loss, kept = FilipLoss(), [0, 2]
    found = loss(image, text, image_mask, text_mask)
    torch.testing.assert_close(found, loss(image[kept], text[kept]) / 2)
    found.backward()
    assert not image.grad[[1, 3]].any()
    assert text.grad.isfinite().all()


def test_16_bit_inputs_give_a_loss_in_float32():
    image, text = components(3, 4, 8).bfloat16(), components(3, 6, 8, seed=1).bfloat16()
    assert FilipLoss()(image, text).dtype == torch.float32


def test_what_does_not_fit_is_named():
    image, text = components(3, 4, 8), components(2, 6, 8)
    with pytest.raises(ValueError, match=r"text is a .*; expected 3 rows, one for each of image"):
        FilipLoss()(image, text)
    with pytest.raises(ValueError, match="logit_scale is given beside a learned one; expected"):
        FilipLoss()(image, image, logit_scale=2.0)
    with pytest.raises(TypeError, match="logit_scale is None; expected a number or a 0-d tensor"):
        FilipLoss(temperature=None)(image, image)
    with pytest.raises(TypeError, match="logit_scale is '2'; expected a finite number, or a 0-d"):
        FilipLoss(temperature=None)(image, image, logit_scale="2")
    with pytest.raises(ValueError, match="temperature is 0; expected a finite number above 0"):
        FilipLoss(temperature=0)
