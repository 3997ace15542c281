"""Functions of other packages, with the arguments and results of our corresponding ops."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def maxsim_cpu(x: Tensor, y: Tensor) -> tuple[Tensor]:
    """MaxSim in the first direction only; the package takes one query at a time."""
    from maxsim_cpu import maxsim_scores

    documents = y.numpy()
    scores = np.stack([maxsim_scores(query, documents) for query in x.numpy()])
    return (torch.from_numpy(scores) / x.shape[1],)


def flash_maxsim(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """MaxSim in both directions on CUDA devices."""
    from flash_maxsim import flash_maxsim_batched, flash_maxsim_batched_train

    train = torch.is_grad_enabled()
    return _both_ways(flash_maxsim_batched_train if train else flash_maxsim_batched, x, y)


def late_interaction_kernels(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """MaxSim in both directions on CUDA devices."""
    from late_interaction_kernels import maxsim

    return _both_ways(maxsim, x, y)


def _both_ways(
    maxsim: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """Both directions, by two calls of a function that sums the maxima of one."""
    return maxsim(x, y) / x.shape[1], maxsim(y, x).T / y.shape[1]


def open_clip_loss(image: Tensor, text: Tensor, *labels: Tensor, logit_scale: float) -> Tensor:
    """Contrastive loss with one text per image."""
    from open_clip.loss import ClipLoss

    loss: Tensor = ClipLoss()(image, text, logit_scale)
    return loss


def metric_learning_loss(
    image: Tensor, text: Tensor, image_index: Tensor, text_is_positive: Tensor, logit_scale: float
) -> Tensor:
    """Supervised contrastive loss in both directions; each negative text has its own label."""
    from pytorch_metric_learning.distances import DotProductSimilarity
    from pytorch_metric_learning.losses import SupConLoss
    from pytorch_metric_learning.reducers import MeanReducer

    similarity = DotProductSimilarity(normalize_embeddings=False)
    # The package's own reducer drops losses that round to zero.
    supervised = SupConLoss(1 / logit_scale, distance=similarity, reducer=MeanReducer())
    image_label = torch.arange(len(image), device=image.device)
    own_label = len(image) + torch.arange(len(text), device=text.device)
    text_label = torch.where(text_is_positive, image_index, own_label)
    of_image = supervised(image, image_label, ref_emb=text, ref_labels=text_label)
    positive, of_positive = text[text_is_positive], image_index[text_is_positive]
    of_text = supervised(positive, of_positive, ref_emb=image, ref_labels=image_label)
    loss: Tensor = (of_image + of_text) / 2
    return loss
