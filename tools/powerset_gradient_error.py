"""Errors of powerset_similarity's float32 gradients over tau, compared with plain torch.

`python -m tools.powerset_gradient_error` prints a table in Markdown. The error is the norm of the
difference from float64 autograd of the reference, relative to the latter's norm, over the gradients
of regions and phrases together, for random gradients of the scores.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import normalize

from alignops import powerset_similarity
from alignops.reference import powerset as reference

SAMPLES, REGIONS, PHRASES, DIM = 32, 10, 24, 256
TAUS = (1e3, 1e2, 10.0, 1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
NORMS = (1, 4, 16)

Scores = Callable[..., tuple[Tensor, Tensor]]


def inputs() -> dict[str, tuple[Tensor, Tensor]]:
    """Make regions and phrases: of norm 1, with longer phrases, and normally distributed."""
    generator = torch.Generator().manual_seed(0)
    regions = torch.randn(SAMPLES, REGIONS, DIM, generator=generator)
    phrases = torch.randn(SAMPLES, PHRASES, DIM, generator=generator)
    unit = normalize(regions, dim=-1), normalize(phrases, dim=-1)
    of_norms = {f"phrases of norm {norm}": (unit[0], norm * unit[1]) for norm in NORMS}
    return of_norms | {"randn": (regions, phrases)}


def gradient(scores: Scores, regions: Tensor, phrases: Tensor, tau: float) -> Tensor:
    """Gradient of regions and phrases, as one float64 vector."""
    leaves = regions.detach().requires_grad_(), phrases.detach().requires_grad_()
    outputs = scores(*leaves, tau=tau)
    generator = torch.Generator().manual_seed(1)
    seeds = [torch.randn(o.shape, generator=generator).to(o.dtype) for o in outputs]
    return torch.cat([g.double().flatten() for g in torch.autograd.grad(outputs, leaves, seeds)])


def errors(regions: Tensor, phrases: Tensor, tau: float) -> tuple[float, float]:
    """Relative errors of this library's gradient and of plain torch's."""
    truth = gradient(reference.powerset_similarity, regions.double(), phrases.double(), tau)
    ours, plain = (
        (gradient(scores, regions, phrases, tau) - truth).norm() / truth.norm()
        for scores in (powerset_similarity, reference.powerset_similarity)
    )
    return ours.item(), plain.item()


def main() -> None:
    """Print the table."""
    columns = inputs()
    print("| tau | " + " | ".join(columns) + " |")
    print("|---" * (1 + len(columns)) + "|")
    for tau in TAUS:
        cells = (errors(*pair, tau) for pair in columns.values())
        print(
            f"| {tau:g} | " + " | ".join("{:.1e} / {:.1e}".format(*cell) for cell in cells) + " |"
        )


if __name__ == "__main__":
    main()
