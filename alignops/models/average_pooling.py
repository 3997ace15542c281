"""A dual encoder whose global embeddings are averages over patches and tokens, as in PowerCLIP."""

from torch import Tensor
from torch.nn.functional import normalize

from alignops.models.dual_encoder import DualEncoder, ImageEmbeddings, TextEmbeddings


class AveragePooledDualEncoder(DualEncoder):
    """A DualEncoder with average pooling, whatever pooling its open_clip model has.

    Args:
        model: provides network, tokenizer and preprocessing.
    """

    def __init__(self, model: DualEncoder) -> None:
        super().__init__(model.network, model.config, model.tokenizer)

    def encode_image(self, images: Tensor) -> Tensor:
        """Global embeddings (B, D), L2-normalised, of preprocessed images (B, 3, S, S)."""
        return self.encode_patches(images).pooled

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Global embeddings (B, D), L2-normalised, of token ids (B, L); zero without a word."""
        return self.encode_tokens(tokens).pooled

    def encode_patches(self, images: Tensor) -> ImageEmbeddings:
        """Global and patch embeddings, as `DualEncoder.encode_patches`."""
        patches = super().encode_patches(images).patches
        return ImageEmbeddings(normalize(patches.mean(dim=1), dim=-1), patches)

    def encode_tokens(self, tokens: Tensor) -> TextEmbeddings:
        """Global and token embeddings, as `DualEncoder.encode_tokens`."""
        _, embeddings, mask = super().encode_tokens(tokens)
        # After normalisation, the sum over the text's own tokens equals their average.
        pooled = normalize((embeddings * mask[..., None]).sum(dim=1), dim=-1)
        return TextEmbeddings(pooled, embeddings, mask)
