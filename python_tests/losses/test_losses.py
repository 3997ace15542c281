"""Properties of every loss: 0 for an empty batch, and one graph under torch.compile."""

import copy
from functools import partial

import pytest
import torch
from torch.nn.functional import normalize

from alignops import losses

DIM = 6


def embeddings(*shape):
    return normalize(torch.randn(*shape, DIM, dtype=torch.float64), dim=-1).requires_grad_()


def pair(batch):
    return embeddings(batch), embeddings(batch)


def components(batch):
    return embeddings(batch, 3), embeddings(batch, 4)


def keys(batch):
    return *pair(batch), *(side.detach() for side in pair(batch))


def several_texts(batch):
    index = torch.arange(batch).repeat_interleave(2)
    return embeddings(batch), embeddings(2 * batch), index, index % 3 > 0


def features(batch):
    return tuple(
        losses.ComponentFeatures(
            embeddings(batch),
            embeddings(batch, 3),
            embeddings(batch, 2),
            torch.ones(batch, 3, dtype=torch.bool),
            torch.ones(batch, 2, dtype=torch.bool),
        )
        for _ in range(2)
    )


def relations(batch):
    image, text = pair(batch)
    within = [losses.within_relations(side.detach()) for side in (image, text)]
    return image, text, losses.InstanceRelations(*within, *torch.rand(2, batch, batch).double())


def related(batch):
    return *pair(batch), *torch.rand(2, batch, batch).double()


GRAPH = partial(losses.InstanceGraph, DIM, heads=2)
# A loss, and its arguments for a batch size.
LOSSES = {
    "ClipLoss": (losses.ClipLoss(), lambda batch: (*pair(batch), 5.0)),
    "FilipLoss": (losses.FilipLoss().double(), components),
    "MultiPositiveContrastiveLoss": (
        partial(losses.MultiPositiveContrastiveLoss(), logit_scale=5.0),
        several_texts,
    ),
    "FineGrainedContrastiveLoss": (losses.FineGrainedContrastiveLoss().double(), features),
    "PowersetTripletLoss": (losses.PowersetTripletLoss(), components),
    "PowersetTripletLoss, single regions": (losses.PowersetTripletLoss(subsets=False), components),
    "PowersetTripletLoss, all subsets": (losses.PowersetTripletLoss(exact=True), components),
    "PrototypeContrastiveLoss": (losses.PrototypeContrastiveLoss(5, DIM).double(), pair),
    "HardestTripletLoss": (losses.HardestTripletLoss(), pair),
    "DistanceWeightedTripletLoss": (losses.DistanceWeightedTripletLoss(), pair),
    "MomentumContrastiveLoss": (losses.MomentumContrastiveLoss(DIM, queue=4).double(), keys),
    "GraphLoss": (
        losses.GraphLoss(GRAPH(dropout=0.0).double().eval(), losses.HardestTripletLoss()),
        relations,
    ),
    "relation_divergence": (losses.relation_divergence, related),
}
each_loss = pytest.mark.parametrize("name", LOSSES)


def total(result):
    return sum(result.values()) if isinstance(result, dict) else result


def leaves(arguments):
    flat = torch.utils._pytree.tree_leaves(arguments)
    return [leaf for leaf in flat if isinstance(leaf, torch.Tensor) and leaf.requires_grad]


def test_every_loss_is_here():
    modules = {name for name in losses.__all__ if name.endswith("Loss")}
    assert modules <= set(LOSSES)


@each_loss
def test_an_empty_batch_is_0_with_zero_gradient(name):
    loss, arguments = copy.deepcopy(LOSSES[name][0]), LOSSES[name][1](0)
    value = total(loss(*arguments))
    assert value.item() == 0
    own = [weight for weight in getattr(loss, "parameters", list)() if weight.requires_grad]
    for gradient in torch.autograd.grad(
        value, [*leaves(arguments), *own], allow_unused=True, materialize_grads=True
    ):
        assert not gradient.any()
        assert not gradient.isnan().any()


@each_loss
def test_a_loss_compiles_whole(name):
    torch._dynamo.reset()
    loss, other = (copy.deepcopy(LOSSES[name][0]) for _ in range(2))
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    for step in range(3):
        torch.manual_seed(step)
        arguments = LOSSES[name][1](5)
        torch.manual_seed(step)  # DistanceWeightedTripletLoss draws
        found = total(compiled(*arguments))
        torch.manual_seed(step)
        expected = total(other(*arguments))
        torch.testing.assert_close(found, expected)
        for one, wanted in zip(
            torch.autograd.grad(found, leaves(arguments)),
            torch.autograd.grad(expected, leaves(arguments)),
            strict=True,
        ):
            torch.testing.assert_close(one, wanted)
