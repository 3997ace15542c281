import shutil
import sys
from pathlib import Path

import pytest
import torch
from tiny_bert import PIECES, save_bert

from alignops.models import BertWords

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def bert(folder):
    return BertWords(folder)


@pytest.fixture
def copy(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def ids(pieces):
    return torch.tensor([[PIECES.index(piece) for piece in pieces.split()]])


def test_words_are_the_hidden_states_of_a_captions_own_pieces(folder, bert):
    (words,) = bert(["A red dog runs"])
    model = transformers.BertModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        states = model(ids("[CLS] a red dog run ##s [SEP]")).last_hidden_state
    assert words.dtype == torch.float32
    assert torch.allclose(words, states[0, 1:-1], atol=1e-6)


def test_padding_changes_nothing(bert):
    captions = ["a dog", "a red dog runs", ""]
    together = bert(captions)
    assert [len(words) for words in together] == [2, 5, 0]
    for caption, words in zip(captions, together, strict=True):
        assert torch.allclose(words, bert([caption])[0], atol=1e-6)


def test_an_unknown_word_is_a_word(bert):
    assert len(bert(["a zebra"])[0]) == 2


def test_long_captions_are_cut(bert):
    assert bert.longest == 8
    (cut,) = bert(["a red dog runs ."])
    assert torch.allclose(bert(["a red dog runs . a a a"])[0], cut, atol=1e-6)
    assert len(cut) == 6


def test_it_is_frozen(bert):
    assert not bert.training
    assert not any(weight.requires_grad for weight in bert.parameters())


def test_the_fingerprint_is_of_weights_vocabulary_and_configuration(folder, bert, copy, tmp_path):
    before = BertWords(folder).fingerprint()
    assert bert.fingerprint() == BertWords(copy).fingerprint() == before
    assert BertWords(save_bert(tmp_path / "other", seed=1)).fingerprint() != before
    vocabulary, config = copy / "vocab.txt", copy / "config.json"
    vocabulary.write_text(vocabulary.read_text().replace("dog", "cat"))
    assert BertWords(copy).fingerprint() != before
    shutil.copy(folder / "vocab.txt", vocabulary)
    assert BertWords(copy).fingerprint() == before
    config.write_text(config.read_text().replace('"gelu"', '"relu"'))
    assert BertWords(copy).fingerprint() != before


def test_a_model_without_pooler_or_in_half_precision_will_do(folder, bert, tmp_path):
    model = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False)
    model.half().save_pretrained(tmp_path)
    shutil.copy(folder / "vocab.txt", tmp_path)
    first, again = BertWords(tmp_path), BertWords(tmp_path)
    assert first.fingerprint() == again.fingerprint()
    (words,) = first(["a red dog"])
    assert words.dtype == torch.float32
    assert torch.allclose(words, bert(["a red dog"])[0], atol=0.02)


def test_what_is_missing_is_named(folder, copy, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the model folder .*nowhere does not exist"):
        BertWords(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"folder .*empty has no config\.json"):
        BertWords(tmp_path / "empty")
    (copy / "vocab.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no tokenizer\.json or vocab\.txt"):
        BertWords(copy)
    shutil.copy(folder / "vocab.txt", copy)
    (copy / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"transformers finds no text model in .*copy"):
        BertWords(copy)


def test_incomplete_weights_are_refused(copy):
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    del weights["embeddings.word_embeddings.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"not complete: embeddings\.word_embeddings\.weight is"):
        BertWords(copy)


def test_without_transformers_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r'pip install "alignops\[bert\]"'):
        BertWords(folder)
