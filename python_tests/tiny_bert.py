"""A folder with a random BERT of two layers, as `transformers` saves one."""

from pathlib import Path

import torch

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*SPECIAL, "a", "red", "blue", "dog", "circle", "square", "run", "##s", "."]


def save_bert(folder: Path, seed: int = 0) -> Path:
    """Write BERT of width 32, at most 8 tokens a text and the vocabulary PIECES."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(PIECES),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=8,
    )
    BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(PIECES))
    return folder
