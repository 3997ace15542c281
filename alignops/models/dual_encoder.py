"""The dual encoder on open_clip: global, patch and token embeddings of images and texts."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from alignops.data import content_key
from alignops.models.open_clip_files import (
    OpenClip,
    Tokenizer,
    load_open_clip,
    save_open_clip,
)
from alignops.models.tokenizer import WordTokenizer

Preprocess = Callable[[Image.Image], Tensor]
_LARGEST_LOGIT_SCALE = 100.0


class ImageEmbeddings(NamedTuple):
    """Embeddings of a batch of images.

    Attributes:
        pooled: (B, D), L2-normalised.
        patches: (B, P, D), projected into the joint space, in row-major order, not normalised.
    """

    pooled: Tensor
    patches: Tensor


class TextEmbeddings(NamedTuple):
    """Embeddings of a batch of texts.

    Attributes:
        pooled: (B, D), L2-normalised.
        tokens: (B, L, D), projected into the joint space, not normalised.
        mask: (B, L) bool, True on the text's own tokens: start, end and padding are False.
    """

    pooled: Tensor
    tokens: Tensor
    mask: Tensor


class DualEncoder(nn.Module):
    """An open_clip model of images and texts, with its tokenizer and its preprocessing.

    Attributes:
        network: the open_clip model.
        config: its open_clip configuration (`embed_dim`, `vision_cfg`, `text_cfg`).
        tokenizer: texts to int64 ids (B, context length).
        preprocess: a PIL image to a float tensor (3, S, S); crops to the centre square.
    """

    network: Any  # open_clip gives its models no common type

    def __init__(self, network: nn.Module, config: dict[str, Any], tokenizer: Tokenizer) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.tokenizer = tokenizer
        self.preprocess = _preprocess(network)

    @classmethod
    def load(cls, name: str, pretrained: str | None = None) -> "DualEncoder":
        """Build the model called `name`, with random weights unless `pretrained` says otherwise.

        Args:
            name: an open_clip model name, a folder written by `save`, or an open_clip configuration
                in a .json file.
            pretrained: an open_clip tag or a local checkpoint; a folder has its own weights.

        Raises:
            ValueError: the name or the tag is unknown to open_clip.
            FileNotFoundError: the folder or the file is not there or not complete.
        """
        return cls(*load_open_clip(name, pretrained))

    @classmethod
    def tiny(
        cls,
        texts: Iterable[str],
        *,
        image_size: int = 32,
        context_length: int = 16,
        minimum_count: int = 1,
    ) -> "DualEncoder":
        """Build a model of about 160,000 random weights, to be trained from scratch on a CPU.

        Width 64, 2 + 2 layers, 8 x 8 patches in the image, average pooling and fixed sin-cos
        positions: learned ones do not learn spatial relations in a short training.

        Args:
            texts: training texts; their words become the vocabulary.
            image_size: image side in pixels, a multiple of 8.
            context_length: tokens per text, start and end included.
            minimum_count: rarer words are unknown words.
        """
        from open_clip.model import CLIP

        if image_size <= 0 or image_size % 8:
            raise ValueError(f"image_size is {image_size}; expected a positive multiple of 8")
        tokenizer = WordTokenizer.from_texts(texts, context_length, minimum_count)
        # open_clip's "custom" block is its plain pre-norm block without nn.MultiheadAttention,
        # whose backward pass is slower at this width.
        block = {"layers": 2, "width": 64, "mlp_ratio": 2.0, "block_type": "custom"}
        vision = {
            "image_size": image_size,
            "patch_size": image_size // 8,
            "head_width": 32,
            "pool_type": "avg",
            "pos_embed_type": "sin_cos_2d",
        }
        text = {"context_length": context_length, "vocab_size": tokenizer.vocab_size, "heads": 2}
        config = {"embed_dim": 64, "vision_cfg": {**vision, **block}, "text_cfg": {**text, **block}}
        return cls(CLIP(**config), config, tokenizer)

    def save(self, folder: Path) -> None:
        """Write the model as a folder that `load` and open_clip's `local-dir:` schema both read.

        The folder is written under a temporary name and renamed; one that exists is replaced.
        """
        save_open_clip(OpenClip(self.network, self.config, self.tokenizer), folder)

    @property
    def embed_dim(self) -> int:
        """Size D of the joint space."""
        return int(self.config["embed_dim"])

    @property
    def logit_scale(self) -> Tensor:
        """Factor of the similarities: learnable, at most 100, 0-d."""
        scale: Tensor = self.network.logit_scale.exp().clamp(max=_LARGEST_LOGIT_SCALE)
        return scale.reshape(())

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape (3, S, S) of a preprocessed image."""
        size = self.network.visual.image_size
        height, width = (size, size) if isinstance(size, int) else size
        return 3, height, width

    @property
    def patch_grid(self) -> tuple[int, int]:
        """Rows and columns of patches; ValueError where there are none, as `encode_patches`."""
        rows, columns = self._transformer().grid_size
        return int(rows), int(columns)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.network.logit_scale.device
        return device

    def preprocess_crops(self, crops: NDArray[np.uint8]) -> Tensor:
        """Scale and normalise crops that have the input's size already.

        Args:
            crops: uint8 RGB (n, S, S, 3), as `alignops.vision.boxes.crop_boxes` cuts them.

        Returns:
            float32 (n, 3, S, S).
        """
        config = self.network.visual.preprocess_cfg
        mean, std = (torch.tensor(config[name]).view(3, 1, 1) for name in ("mean", "std"))
        return (torch.from_numpy(crops).permute(0, 3, 1, 2) / 255 - mean) / std

    def fingerprint(self) -> str:
        """Hash everything that features depend on: configuration, preprocessing, words, weights."""
        words = self.tokenizer.words if isinstance(self.tokenizer, WordTokenizer) else ()
        preprocessing = json.dumps(self.network.visual.preprocess_cfg, sort_keys=True)
        return content_key(
            config=json.dumps(self.config, sort_keys=True),
            preprocessing=preprocessing,
            words=words,
            weights=self.network.state_dict(),
        )

    def encode_image(self, images: Tensor) -> Tensor:
        """Global embeddings (B, D), L2-normalised, of preprocessed images (B, 3, S, S)."""
        embeddings: Tensor = self.network.encode_image(images, normalize=True)
        return embeddings

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Global embeddings (B, D), L2-normalised, of token ids (B, L)."""
        embeddings: Tensor = self.network.encode_text(tokens, normalize=True)
        return embeddings

    def encode_patches(self, images: Tensor) -> ImageEmbeddings:
        """Global and patch embeddings of preprocessed images (B, 3, S, S).

        Raises:
            ValueError: the image tower is not one of open_clip's own vision transformers, or pools
                by attention, so its patches have no projection into the joint space.
        """
        visual = self._transformer()
        output = self.network.forward_intermediates(
            image=images, image_indices=1, normalize_intermediates=True, image_output_fmt="NLC"
        )
        patches = output["image_intermediates"][-1] @ visual.proj
        return ImageEmbeddings(output["image_features"], patches)

    def _transformer(self) -> Any:
        from open_clip.transformer import VisionTransformer

        visual = self.network.visual
        if not isinstance(visual, VisionTransformer) or visual.attn_pool is not None:
            raise ValueError(
                f"the image tower is {type(visual).__name__}; expected an open_clip vision "
                "transformer without attention pooling, as no other has patches in the joint space"
            )
        return visual

    def encode_tokens(self, tokens: Tensor) -> TextEmbeddings:
        """Global and token embeddings of token ids (B, L).

        Raises:
            ValueError: the text tower does not end texts with the highest id (`argmax` pooling),
                so a text's own tokens cannot be told from padding.
        """
        text = getattr(self.network, "text", self.network)
        pool = getattr(text, "pool_type", getattr(text, "text_pool_type", None))
        if pool != "argmax":
            raise ValueError(f"the text tower pools by {pool!r}; expected 'argmax', its last token")
        output = self.network.forward_intermediates(
            text=tokens, text_indices=1, normalize_intermediates=True
        )
        embeddings = _project(output["text_intermediates"][-1], text.text_projection)
        position = torch.arange(tokens.shape[1], device=tokens.device)
        mask = (position > 0) & (position < tokens.argmax(dim=1, keepdim=True))
        return TextEmbeddings(output["text_features"], embeddings, mask)


def _preprocess(network: Any) -> Preprocess:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    if not hasattr(network.visual, "preprocess_cfg"):
        network.visual.preprocess_cfg = asdict(PreprocessCfg(size=network.visual.image_size))
    config = PreprocessCfg(**network.visual.preprocess_cfg)
    preprocess: Preprocess = image_transform_v2(config, is_train=False)
    return preprocess


def _project(embeddings: Tensor, projection: nn.Module | Tensor | None) -> Tensor:
    if projection is None:
        return embeddings
    if isinstance(projection, Tensor):
        return embeddings @ projection
    projected: Tensor = projection(embeddings)
    return projected
