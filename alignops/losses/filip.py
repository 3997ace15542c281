"""FILIP's contrastive loss: late interaction between image patches and text tokens."""

from torch import Tensor, nn

from alignops.losses import temperature as learned
from alignops.losses.matching import matching_loss
from alignops.ops.arguments import check_pairs, component_pair, scale_tensor
from alignops.ops.errors import Given, wrong_type, wrong_value


class FilipLoss(nn.Module):
    """Symmetric cross-entropy over a batch of pairs, on FILIP similarities (arXiv 2111.07783).

    With `s_I` and `s_T` the two directions of `alignops.fgm_similarity` (late interaction: the mean
    over one side's components of the best match on the other) and t the logit scale:

        L_i2t = -1/B sum_i log softmax_j(t s_I[i, j])[i]
        L_t2i = -1/B sum_j log softmax_i(t s_T[i, j])[j]
        loss  = (L_i2t + L_t2i) / 2

    A pair in which one side has no valid component is left out, as anchor and as negative. The
    (B, B, N, M) similarities are never built.

    Args:
        temperature: initial temperature of the learned logit scale, which is at most 100. None =
            learn no scale; each call passes `logit_scale`.

    Raises:
        TypeError: `temperature` is no number.
        ValueError: `temperature` is not above 0.
    """

    def __init__(self, temperature: float | None = 0.07) -> None:
        super().__init__()
        self.log_scale = None if temperature is None else learned.log_scale(temperature)

    @property
    def logit_scale(self) -> Tensor | None:
        """Learned scale of the similarities, 0-d, with gradient; None if no scale is learned."""
        return None if self.log_scale is None else learned.logit_scale(self.log_scale)

    def forward(
        self,
        image: Tensor,
        text: Tensor,
        image_mask: Tensor | None = None,
        text_mask: Tensor | None = None,
        *,
        logit_scale: float | Tensor | None = None,
    ) -> Tensor:
        """Compute the loss of a batch, 0-d: float32 for 16-bit inputs, else the inputs' type.

        Args:
            image: (B, N, D) L2-normalised patches of B images; or a jagged nested tensor.
            text: (B, M, D) L2-normalised tokens of their texts; or a jagged nested tensor.
            image_mask: (B, N) bool, True = valid; None = all valid.
            text_mask: (B, M) bool, likewise.
            logit_scale: scale of the similarities, if none is learned: a float, or a 0-d tensor,
                which receives a gradient.

        Raises:
            TypeError: an argument's type is not one of the above, or `logit_scale` is missing.
            ValueError: the arguments do not fit together, or `logit_scale` is both learned and
                passed.
        """
        image, text, image_mask, text_mask = component_pair(
            image, text, image_mask, text_mask, ("image", "text")
        )
        check_pairs(image, text, ("image", "text"))
        scale = self._scale(logit_scale, image)
        return matching_loss(image, text, image_mask, text_mask, scale)

    def _scale(self, given: float | Tensor | None, image: Tensor) -> Tensor:
        learned_scale = self.logit_scale
        if learned_scale is None:
            if given is None:
                raise wrong_type("logit_scale", None, "a number or a 0-d tensor: none is learned")
            return scale_tensor(given, "logit_scale", image)
        if given is not None:
            raise wrong_value(
                "logit_scale",
                Given("given beside a learned one"),
                "None, or a loss made with temperature=None",
            )
        return learned_scale
