"""A frozen BERT: the words of captions as its token embeddings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from alignops.data import content_key

_CONFIG = "config.json"
_VOCABULARIES = ("tokenizer.json", "vocab.txt")


class BertWords(nn.Module):
    """BERT (or a model like it) from a folder of the `transformers` package; nothing is downloaded.

    Args:
        folder: what `save_pretrained` of the model and of its tokenizer write.

    Attributes:
        longest: tokens of a text, [CLS] and [SEP] included; longer texts are cut.

    Raises:
        ImportError: `transformers` is not installed.
        FileNotFoundError: the folder, its configuration or its vocabulary is not there.
        ValueError: the folder's weights are missing or not complete.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.model, self.tokenizer = _load(folder)
        # Taken now: the tokenizer's state changes when it pads.
        self._vocabulary: str = self.tokenizer.backend_tokenizer.to_str()
        self.longest: int = min(
            self.tokenizer.model_max_length, self.model.config.max_position_embeddings
        )
        self.eval().requires_grad_(False)

    def fingerprint(self) -> str:
        """Hash all that the words depend on: configuration, vocabulary, weights."""
        return content_key(
            config=self.model.config.to_json_string(),
            vocabulary=self._vocabulary,
            weights=self.model.state_dict(),
        )

    @torch.inference_mode()
    def forward(self, captions: Sequence[str]) -> list[Tensor]:
        """Last hidden states of each caption's own tokens, without [CLS] and [SEP].

        Args:
            captions: at least one.

        Returns:
            A float32 tensor (n, D) per caption, n its number of word pieces, on the CPU.
        """
        tokens = self.tokenizer(
            list(captions),
            padding=True,
            truncation=True,
            max_length=self.longest,
            return_special_tokens_mask=True,
            return_tensors="pt",
        )
        own = tokens.pop("special_tokens_mask") == 0  # padding counts as special
        states = self.model(**tokens.to(self.model.device)).last_hidden_state.cpu()
        return [rows[kept] for rows, kept in zip(states, own, strict=True)]


def _load(folder: Path) -> tuple[Any, Any]:
    """Load a folder's model, in float32, and its tokenizer."""
    transformers = _transformers()
    _check_files(folder)
    try:
        model, found = transformers.AutoModel.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, output_loading_info=True
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise ValueError(f"transformers finds no text model in {folder}: {error}") from error
    missing = sorted(name for name in found["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise ValueError(f"the weights in {folder} are not complete: {missing[0]} is missing")
    # Words do not pass through it, and where a folder has none, its weights are random.
    model.pooler = None
    return model.float(), tokenizer


def _check_files(folder: Path) -> None:
    if not folder.is_dir():
        raise FileNotFoundError(f"the model folder {folder} does not exist")
    if not (folder / _CONFIG).is_file():
        raise FileNotFoundError(f"the model folder {folder} has no {_CONFIG}")
    # Without this file transformers silently maps every word to the unknown token.
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        raise FileNotFoundError(f"the model folder {folder} has no {' or '.join(_VOCABULARIES)}")


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise ImportError(
            'words from BERT need transformers: pip install "alignops[bert]"'
        ) from error
    return transformers
