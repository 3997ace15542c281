"""Errors of the public functions name the argument, the given value and the expected one."""

import re

import numpy as np
import pytest
import torch

from alignops import (
    exact_powerset_similarity,
    fgm_similarity,
    multi_positive_contrastive_loss,
    powerset_similarity,
    scan_similarity,
    similarity_logsumexp,
)

X, Y = torch.zeros(2, 3, 4), torch.zeros(5, 6, 4)
IMAGE, TEXT, OF = torch.zeros(2, 4), torch.zeros(3, 4), torch.tensor([0, 1, 1])
JAGGED = torch.nested.nested_tensor([X[0], X[1]], layout=torch.jagged)
FLOATING = "expected float64, float32, bfloat16 or float16"


def contrastive(image=IMAGE, text=TEXT, of=OF, positive=None, **options):
    return multi_positive_contrastive_loss(
        image, text, of, positive, **{"logit_scale": 1.0} | options
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fgm_similarity([1.0], Y), "x is of type list; expected a torch.Tensor, (B, N, D)"),
        (
            lambda: fgm_similarity(X, Y.long()),
            f"y is a torch.int64 tensor of shape (5, 6, 4); {FLOATING}",
        ),
        (
            lambda: fgm_similarity(X, Y.half()),
            "y is a torch.float16 tensor of shape (5, 6, 4); expected the type of x",
        ),
        (
            lambda: fgm_similarity(X, Y, torch.ones(2, 3)),
            "x_mask is a torch.float32 tensor of shape (2, 3); expected a torch.bool tensor",
        ),
        (
            lambda: powerset_similarity(X, Y, phrase_mask=[True]),
            "phrase_mask is of type list; expected a torch.Tensor, torch.bool",
        ),
        (
            lambda: exact_powerset_similarity(X.int(), Y),
            f"regions is a torch.int32 tensor of shape (2, 3, 4); {FLOATING}",
        ),
        (
            lambda: similarity_logsumexp(None, TEXT, 1.0),
            "x is None; expected a torch.Tensor, (B, D)",
        ),
        (
            lambda: powerset_similarity(X, Y, tau=torch.tensor(0.1, requires_grad=True)),
            "tau is a torch.float32 tensor of shape (); expected a finite number above 0",
        ),
        (lambda: powerset_similarity(X, Y, zeta="1"), "zeta is '1'; expected a number from 0 to 1"),
        (lambda: scan_similarity(X, Y, negative_slope=True), "negative_slope is True; expected a"),
        (
            lambda: contrastive(logit_scale="50"),
            "logit_scale is '50'; expected a finite number, or",
        ),
        (
            lambda: fgm_similarity(X.to_sparse(), Y),
            "x is of layout torch.sparse_coo; expected a dense tensor, (B, N, D)",
        ),
        (
            lambda: contrastive(of=OF.float()),
            "image_index is a torch.float32 tensor of shape (3,); expected a torch.int64 tensor",
        ),
        (
            lambda: contrastive(of=[0, 1, 1]),
            "image_index is of type list; expected a torch.Tensor, torch.int64",
        ),
        (
            lambda: contrastive(positive=OF),
            "text_is_positive is a torch.int64 tensor of shape (3,); expected a torch.bool tensor",
        ),
    ],
)
def test_a_wrong_type_is_a_type_error(call, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        call()


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: fgm_similarity(X[0], Y),
            "x is a torch.float32 tensor of shape (3, 4); expected 3 dimensions (B, N, D)",
        ),
        (
            lambda: similarity_logsumexp(IMAGE, Y, 1.0),
            "y is a torch.float32 tensor of shape (5, 6, 4); expected 2 dimensions (B, D)",
        ),
        (
            lambda: powerset_similarity(X, Y[..., :3]),
            "shape (5, 6, 3); expected the embedding size of regions, 4",
        ),
        (
            lambda: fgm_similarity(X, Y.to("meta")),
            "y is on meta; expected the device of x, cpu",
        ),
        (
            lambda: fgm_similarity(X, Y, y_mask=torch.ones(5, 6, dtype=torch.bool, device="meta")),
            "y_mask is on meta; expected the device of y, cpu",
        ),
        (
            lambda: powerset_similarity(X, Y, torch.ones(3, 2, dtype=torch.bool)),
            "(3, 2); expected a torch.bool tensor of shape (2, 3), as regions is (2, 3, 4)",
        ),
        (
            lambda: similarity_logsumexp(IMAGE, TEXT, 1.0, torch.ones(2, 1, dtype=torch.bool)),
            "(2, 1); expected a torch.bool tensor of shape (2,), as x is (2, 4)",
        ),
        (
            lambda: fgm_similarity(JAGGED, Y, torch.ones(2, 3, dtype=torch.bool)),
            "x_mask is given beside a jagged x; expected None, as jagged rows are all valid",
        ),
        (
            lambda: fgm_similarity(X, torch.nested.nested_tensor([X[0]], layout=torch.strided)),
            "y is a nested tensor of 3 dimensions, torch.strided; expected layout torch.jagged and "
            "shape (B, ragged, D)",
        ),
        (
            lambda: fgm_similarity(JAGGED.transpose(1, 2), Y[:, :, :3]),
            "x is a jagged tensor that is transposed; expected layout torch.jagged and shape (B, ",
        ),
        (lambda: powerset_similarity(X, Y, tau=0.0), "tau is 0.0; expected a finite number above"),
        (lambda: powerset_similarity(X, Y, tau=float("nan")), "tau is nan; expected a finite"),
        (lambda: powerset_similarity(X, Y, tau=float("inf")), "tau is inf; expected a finite"),
        (lambda: powerset_similarity(X, Y, tau=1e39), "tau is 1e+39; expected a finite number ab"),
        (lambda: similarity_logsumexp(IMAGE, TEXT, -1e39), "scale is -1e+39; expected a finite"),
        (lambda: contrastive(logit_scale=10**400), "; expected a finite number, or a 0-d tensor"),
        (lambda: scan_similarity(X, Y, negative_slope=1e39), "negative_slope is 1e+39; expected a"),
        (lambda: powerset_similarity(X, Y, zeta=1.5), "zeta is 1.5; expected a number from 0 to 1"),
        (
            lambda: exact_powerset_similarity(torch.zeros(1, 21, 4), Y),
            "(1, 21, 4); expected at most 20 regions, as 2^M subsets are enumerated",
        ),
        (
            lambda: similarity_logsumexp(IMAGE, TEXT, torch.ones(1)),
            "scale is a torch.float32 tensor of shape (1,); expected a number, or a 0-d tensor",
        ),
        (
            lambda: contrastive(logit_scale=torch.ones(2)),
            "logit_scale is a torch.float32 tensor of shape (2,); expected a number, or",
        ),
        (lambda: contrastive(image=X), "tensor of shape (2, 3, 4); expected 2 dimensions (B, D)"),
        (
            lambda: contrastive(of=OF[:2]),
            "of shape (2,); expected a torch.int64 tensor of shape (3,), as text is (3, 4)",
        ),
        (
            lambda: contrastive(positive=torch.ones(4, dtype=torch.bool)),
            "of shape (4,); expected a torch.bool tensor of shape (3,), as text is (3, 4)",
        ),
        (
            lambda: contrastive(of=OF.to("meta")),
            "image_index is on meta; expected the device of text, cpu",
        ),
        (lambda: contrastive(reduction="max"), "reduction is 'max'; expected one of 'mean', 'sum'"),
    ],
)
def test_a_wrong_value_is_a_value_error(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_numbers_of_numpy_are_numbers():
    for kind in (np.float32, np.float64, np.int64):
        results = powerset_similarity(X, Y, tau=kind(1), zeta=kind(1))
        assert torch.equal(results.r2t, powerset_similarity(X, Y, tau=1.0, zeta=1.0).r2t)
        assert contrastive(logit_scale=kind(1)) == contrastive(logit_scale=1.0)
