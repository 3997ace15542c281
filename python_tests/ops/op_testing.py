"""Shared by the tests of all ops: random problems, and the measure of a kernel's error."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from torch import Tensor

import alignops
from alignops.reference import exact_powerset, fgm, logsumexp, powerset, scan

TAU, ZETA = 0.1, 0.75
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
MASKS = ("none", "random", "some samples", "nothing valid")
LAYOUTS = ("contiguous", "transposed", "strided", "expanded")

drawn = partial(
    settings, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@dataclass(frozen=True)
class Problem:
    """Sizes and properties of an op's inputs: x (batch, n, dim) and y (other, m, dim).

    Ops on (B, D) take batch * n and other * m rows. `grid` draws multiples of 1/8, whose dot
    products are exact in every type, so ties and winners are the same in every type.
    """

    batch: int = 3
    n: int = 4
    other: int = 2
    m: int = 5
    dim: int = 7
    dtype: torch.dtype = torch.float64
    mask: str = "random"
    layout: str = "contiguous"
    grid: bool = False
    seed: int = 0

    def components(self) -> tuple[Tensor | None, ...]:
        """x, y, x_mask, y_mask; masked values are NaN."""
        generator = torch.Generator().manual_seed(self.seed)
        x, x_mask = self._side((self.batch, self.n), generator)
        y, y_mask = self._side((self.other, self.m), generator)
        return x, y, x_mask, y_mask

    def embeddings(self) -> tuple[Tensor | None, ...]:
        """x (B, D), y (T, D), scale, x_mask (B,), y_mask (T,)."""
        flat = replace(self, batch=self.batch * self.n, n=1, other=self.other * self.m, m=1)
        x, y, *masks = flat.components()
        scale = torch.tensor(5.0, dtype=accumulation(self.dtype))
        return x[:, 0], y[:, 0], scale, *(mask if mask is None else mask[:, 0] for mask in masks)

    def images_and_texts(self) -> tuple[Tensor | None, ...]:
        """image (B, D), text (T, D), logit_scale, image_index (T,), text_is_positive (T,)."""
        image, text, scale, _, _ = replace(self, mask="none").embeddings()
        generator = torch.Generator().manual_seed(self.seed)
        text = text[: len(text) if len(image) else 0]
        image_index = torch.randint(max(len(image), 1), (len(text),), generator=generator)
        return image, text, scale, image_index, self._mask((len(text), 1), generator, rows=True)

    def _side(self, shape: tuple[int, int], generator: torch.Generator):
        if self.grid:
            values = torch.randint(-8, 9, (*shape, self.dim), generator=generator) / 8
        else:
            values = torch.randn(*shape, self.dim, generator=generator, dtype=torch.float64)
            values = values / max(self.dim, 1) ** 0.5
        mask = self._mask(shape, generator)
        if mask is not None:
            values[~mask] = torch.nan
        return laid_out(values.to(self.dtype), self.layout, mask)

    def _mask(self, shape: tuple[int, int], generator: torch.Generator, rows: bool = False):
        mask = {
            "none": lambda: None,
            "random": lambda: torch.rand(shape, generator=generator) < 0.6,
            "some samples": lambda: (
                torch.rand(shape[0], 1, generator=generator).expand(shape) < 0.6
            ),
            "nothing valid": lambda: torch.zeros(shape, dtype=torch.bool),
        }[self.mask]()
        return mask[:, 0] if rows and mask is not None else mask


def laid_out(values: Tensor, layout: str, mask: Tensor | None):
    """Copy values and mask to another memory layout; "expanded" repeats sample 0."""
    if layout == "transposed":
        return values.transpose(0, -1).contiguous().transpose(0, -1), mask
    if layout == "strided":
        return torch.stack([values, torch.full_like(values, torch.nan)], -1)[..., 0], mask
    if layout == "expanded":
        expanded = values[:1].expand(values.shape)
        return expanded, mask if mask is None else mask[:1].expand(mask.shape)
    return values, mask


def problems(**fixed) -> st.SearchStrategy[Problem]:
    """Small problems of every kind, also with no samples, no or one component, or dimension 0."""
    options = {
        "batch": st.integers(0, 4),
        "n": st.integers(0, 6),
        "other": st.integers(0, 4),
        "m": st.integers(0, 6),
        "dim": st.sampled_from([0, 1, 2, 3, 8, 17]),
        "dtype": st.sampled_from(DTYPES),
        "mask": st.sampled_from(MASKS),
        "layout": st.sampled_from(LAYOUTS),
        "seed": st.integers(0, 2**16),
    }
    return st.builds(Problem, **options | {name: st.just(value) for name, value in fixed.items()})


@dataclass(frozen=True)
class Op:
    """An op under test: its functions take what `inputs` draws, in that order."""

    name: str
    function: Callable[..., tuple[Tensor, ...]]
    reference: Callable[..., tuple[Tensor, ...]]
    inputs: Callable[[Problem], tuple[Tensor | None, ...]]
    raw: Callable[..., tuple]  # the inputs as arguments of torch.ops.alignops.<name>
    differentiable: int = 2  # number of leading inputs
    slack: float = 64  # of `assert_no_worse`

    def __str__(self) -> str:
        return self.name

    @property
    def overload(self):
        return getattr(torch.ops.alignops, self.name).default


def _contrastive(image, text, scale, image_index, positive, reduction="mean"):
    return (
        alignops.multi_positive_contrastive_loss(
            image, text, image_index, positive, logit_scale=scale, reduction=reduction
        ),
    )


def contrastive_by_formula(image, text, scale, image_index, positive, reduction="mean"):
    """MosaiCLIP's loss (arXiv 2305.13812) in the paper's form, over the dense matrix of logits."""
    logits = scale * image.to(scale.dtype) @ text.to(scale.dtype).T
    of_image = logits.log_softmax(1)
    of_text = logits.log_softmax(0)
    image_terms, text_terms = [], []
    for i in range(len(image)):
        own = [
            k for k in range(len(text)) if image_index[k] == i and (positive is None or positive[k])
        ]
        if own:
            image_terms.append(-sum(of_image[i, k] for k in own) / len(own))
            text_terms += [-of_text[i, k] for k in own]
    if not image_terms:
        return ((image.sum() + text.sum()).to(scale.dtype) * scale * 0,)
    image_loss, text_loss = torch.stack(image_terms).sum(), torch.stack(text_terms).sum()
    if reduction == "mean":
        image_loss, text_loss = image_loss / len(image_terms), text_loss / len(text_terms)
    return ((image_loss + text_loss) / 2,)


FGM = Op(
    "fgm_similarity",
    alignops.fgm_similarity,
    lambda *inputs: fgm.fgm_similarity(*inputs)[:2],
    Problem.components,
    lambda *inputs: inputs,
)
# The same with gathered gradients, which a GPU uses for many components: see `gathering` in
# python_tests/kernels/conftest.py.
GATHERED = replace(FGM, name="fgm_similarity_gathered")
POWERSET = Op(
    "powerset_similarity",
    partial(alignops.powerset_similarity, tau=TAU, zeta=ZETA),
    partial(powerset.powerset_similarity, tau=TAU, zeta=ZETA),
    Problem.components,
    lambda *inputs: (*inputs, torch.tensor(TAU, dtype=torch.float64), ZETA),
)
EXACT_POWERSET = Op(
    "exact_powerset_similarity",
    alignops.exact_powerset_similarity,
    exact_powerset.exact_powerset_similarity,
    Problem.components,
    lambda *inputs: inputs,
)
LOGSUMEXP = Op(
    "similarity_logsumexp",
    alignops.similarity_logsumexp,
    logsumexp.similarity_logsumexp,
    Problem.embeddings,
    lambda *inputs: inputs,
    differentiable=3,
)
CONTRASTIVE = Op(
    "multi_positive_contrastive_loss",
    _contrastive,
    contrastive_by_formula,
    Problem.images_and_texts,
    lambda image, text, scale, of, positive: (image, text, of, positive, scale, "mean"),
    differentiable=3,
)
SCAN = Op(
    "scan_similarity",
    alignops.scan_similarity,
    scan.scan_similarity,
    Problem.components,
    lambda *inputs: inputs,
    differentiable=0,
)
COMPONENT_OPS = (FGM, POWERSET, EXACT_POWERSET)
OPS = (*COMPONENT_OPS, LOGSUMEXP, CONTRASTIVE)


def accumulation(dtype: torch.dtype) -> torch.dtype:
    return dtype if dtype == torch.float64 else torch.float32


def with_grad(op: Op, inputs):
    """The inputs as leaves with their layout; differentiable ones require a gradient."""
    count = op.differentiable
    return (*(t.detach().requires_grad_() for t in inputs[:count]), *inputs[count:])


def evaluate(function, op: Op, inputs):
    """Outputs, and the gradients of the differentiable inputs for fixed random output gradients.

    A reference is called directly, as plain torch: its gradients are autograd's of the definition,
    not those of its own backward; `test_references.py` compares the two.
    """
    inputs = with_grad(op, inputs)
    outputs = function(*inputs)
    generator = torch.Generator().manual_seed(1)
    seeds = [torch.randn(o.shape, generator=generator).to(o.dtype) for o in outputs]
    # The reference returns early if there is nothing to differentiate.
    live = [(o, seed) for o, seed in zip(outputs, seeds, strict=True) if o.requires_grad]
    leaves = inputs[: op.differentiable]
    gradients = (
        torch.autograd.grad(
            [o for o, _ in live], leaves, [s for _, s in live], materialize_grads=True
        )
        if live
        else [torch.zeros_like(leaf) for leaf in leaves]
    )
    return [o.detach() for o in outputs], list(gradients)


def assert_no_worse(result: Tensor, own: Tensor, truth: Tensor, slack: float):
    """Require an error at most twice that of plain torch in the same type, plus the slack.

    The slack is in units in the last place of the largest value, or of 1 if all are smaller.
    """
    assert result.shape == own.shape == truth.shape
    assert result.dtype == own.dtype
    if truth.numel() == 0:
        return
    finite = truth[truth.isfinite()]
    largest = max(1.0, finite.abs().max().item() if len(finite) else 0.0)
    allowed = 2 * _error(own, truth) + slack * torch.finfo(result.dtype).eps * largest
    assert _error(result, truth) <= allowed


def _error(result: Tensor, truth: Tensor) -> float:
    result = result.double()
    return torch.where(result == truth, 0.0, (result - truth).abs()).max().item()


def assert_matches_reference(op: Op, problem: Problem):
    """Compare values and gradients with the definition and its autograd in float64.

    They may err as much as the definition does in the problem's own type: see `assert_no_worse`.
    """
    inputs = op.inputs(problem)
    outputs, gradients = evaluate(op.function, op, inputs)
    own_outputs, own_gradients = evaluate(op.reference, op, inputs)
    in_double = [t.double() if t is not None and t.is_floating_point() else t for t in inputs]
    true_outputs, true_gradients = evaluate(op.reference, op, in_double)
    assert all(o.dtype == accumulation(problem.dtype) for o in outputs)
    for group in (
        zip(outputs, own_outputs, true_outputs, strict=True),
        zip(gradients, own_gradients, true_gradients, strict=True),
    ):
        for result, own, truth in group:
            assert_no_worse(result, own, truth, op.slack)


def assert_gradients(op: Op, problem: Problem):
    """Check numerical gradients in float64: each subset of inputs, both outputs and each alone."""
    inputs = op.inputs(replace(problem, dtype=torch.float64))
    # An empty logsumexp is -inf and has no numerical derivative.
    finite = lambda out: torch.where(out.isfinite(), out, 0)  # noqa: E731
    count = op.differentiable
    for size in range(1, count + 1):
        for subset in combinations(range(count), size):
            leaves = [
                t.detach().requires_grad_() if i in subset else t for i, t in enumerate(inputs)
            ]
            assert torch.autograd.gradcheck(
                lambda *t: tuple(map(finite, op.function(*t))), leaves, eps=1e-6, atol=1e-6
            )
    for output in range(len(op.function(*inputs))):
        assert torch.autograd.gradcheck(
            lambda *t, output=output: finite(op.function(*t)[output]), with_grad(op, inputs)
        )


# Sizes at the edges of the kernels' tiles: (batch, n, other, m, dim).
TILE_EDGES = [
    *[(1, rows, 2, 3, 5) for rows in (511, 512, 513)],
    *[(rows, 1, 3, 2, 5) for rows in (511, 513, 641)],
    *[(3, 24, samples, 24, 9) for samples in (15, 16, 17, 33)],
    *[(2, 3, 2, count, 4) for count in (255, 256, 257)],
    *[(3, 2, 2, 3, dim) for dim in (127, 128, 129)],
    (52, 10, 27, 9, 6),
    (2, 65, 3, 129, 3),
    (2050, 1, 2, 2, 3),
    (1, 2100, 2, 1, 4),
    (2, 3, 1, 2100, 5),
]


def edge_problem(sizes: tuple[int, ...], **properties) -> Problem:
    """A problem at an edge; its sizes determine the seed and whether it is masked."""
    mask = "random" if math.prod(sizes) % 2 else "none"
    return Problem(*sizes, **{"mask": mask, "seed": sum(sizes)} | properties)
