import torch
from torch.nn.functional import normalize

from alignops.models.phrase_pooling import pool_spans


def test_a_phrase_is_the_sum_of_its_normalised_tokens():
    tokens = torch.randn(2, 9, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    spans = torch.tensor([[[1, 4], [2, 3], [0, 9]], [[5, 9], [0, 0], [8, 9]]])
    pooled = pool_spans(tokens, spans)
    units = normalize(tokens, dim=-1)
    expected = torch.stack(
        [
            torch.stack([unit[a:b].sum(0) for a, b in row])
            for unit, row in zip(units, spans.tolist(), strict=True)
        ]
    )
    assert torch.allclose(pooled, expected, atol=1e-6)
    assert (pooled[1, 1] == 0).all()
    grad, expected_grad = (
        torch.autograd.grad(x.square().sum(), tokens)[0] for x in (pooled, expected)
    )
    assert torch.allclose(grad, expected_grad, atol=1e-5)


def test_sixteen_bit_tokens_are_summed_in_float32():
    tokens = torch.ones(1, 70, 4, dtype=torch.bfloat16)
    assert pool_spans(tokens, torch.tensor([[[3, 70]]])).tolist() == [[[33.5] * 4]]
