"""The truth for powerset's gradients: autograd of its definition in float64."""

import math

import torch
from op_testing import POWERSET, ZETA, assert_no_worse, evaluate
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize

from alignops import powerset_similarity


def definition(regions: Tensor, phrases: Tensor, tau: float, zeta: float):
    """(r2t, t2r) by NLA-T2 and NLA-T1 in plain torch."""
    s = torch.einsum("imd,jkd->ijmk", regions, phrases)
    softplus = -tau * logsigmoid(-s / tau)
    logcosh = softplus - s / 2 - tau * math.log(2)  # tau logcosh(s / (2 tau))
    nodes = (s / 2 + zeta * logcosh).sum(-2)
    return tau * torch.logsumexp(nodes / tau, -1), softplus.sum(-2).mean(-1)


def embeddings(norm, regions: tuple[int, int], phrases: tuple[int, int], dim: int):
    """Regions of norm 1 and phrases of the given one, or both normally distributed ("randn")."""
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(*shape, dim, generator=generator) for shape in (regions, phrases))
    return (x, y) if norm == "randn" else (normalize(x, dim=-1), norm * normalize(y, dim=-1))


def assert_no_worse_than_autograd(inputs, tau: float, slack: float = POWERSET.slack, unit=1.0):
    """Require errors of scores, in `unit`, and gradients of at most twice autograd's."""

    def of(function, *tensors):
        outputs, gradients = evaluate(
            lambda *t: tuple(score / unit for score in function(*t, tau=tau, zeta=ZETA)),
            POWERSET,
            tensors,
        )
        return outputs + gradients

    ours, plain = of(powerset_similarity, *inputs), of(definition, *inputs)
    truth = of(definition, *(t.double() for t in inputs))
    for result, own, true in zip(ours, plain, truth, strict=True):
        assert result.isfinite().all()
        assert_no_worse(result, own, true, slack)
