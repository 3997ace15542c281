"""Checkpoints from anybody: weights that fit are loaded, all else is a sentence."""

import pytest
import torch
from payloads import payloads
from safetensors.torch import save_file

from alignops.models import DualEncoder
from alignops.models.checkpoint_file import load_checkpoint


@pytest.fixture(scope="module")
def model():
    return DualEncoder.tiny(["a red circle"])


@pytest.fixture
def other():
    return DualEncoder.tiny(["a red circle"]).network


def assert_loaded(network, model):
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, model.network.state_dict()[name])


@pytest.mark.parametrize("nested", [False, True])
def test_a_state_dict_is_loaded_also_from_within_a_training_s(model, other, tmp_path, nested):
    weights = {f"module.{name}": w for name, w in model.network.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": weights} if nested else weights, tmp_path / "weights.pt")
    load_checkpoint(other, tmp_path / "weights.pt")
    assert_loaded(other, model)


def test_safetensors_are_loaded(model, other, tmp_path):
    save_file(model.network.state_dict(), tmp_path / "weights.safetensors")
    load_checkpoint(other, tmp_path / "weights.safetensors")
    assert_loaded(other, model)


def test_another_architecture_says_what_differs(other, tmp_path):
    wider = DualEncoder.tiny(["a red circle and more words"]).network.state_dict()
    wider["extra"] = torch.zeros(2)
    torch.save(wider, tmp_path / "weights.pt")
    with pytest.raises(
        ValueError,
        match=r"weights\.pt is of another model: extra is \(2,\); expected none of this name, "
        r"token_embedding\.weight is \(10, 64\); expected \(7, 64\)$",
    ):
        load_checkpoint(other, tmp_path / "weights.pt")


def test_many_differences_are_counted(other, tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"of another model: a is \(1,\).*, and \d+ more of \d+"):
        load_checkpoint(other, tmp_path / "weights.pt")


@pytest.mark.parametrize("name", ["weights.pt", "weights.bin", "weights.safetensors"])
def test_payloads_are_refused_and_do_not_run(other, tmp_path, name):
    for content in payloads(tmp_path / "marker", tmp_path):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            load_checkpoint(other, tmp_path / name)
        assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("content", [b"", b"garbage" * 99, b"PK\x03\x04" + b"\x00" * 99])
@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_garbage_is_named(other, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} (is damaged|holds no weights)"):
        load_checkpoint(other, tmp_path / name)


@pytest.mark.parametrize("content", [{}, [], torch.zeros(3), {"a": 1}, {"state_dict": 5}])
def test_what_is_no_state_dict_is_named(other, tmp_path, content):
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"weights\.pt (holds no weights|is of another model)"):
        load_checkpoint(other, tmp_path / "weights.pt")


def test_a_missing_file_is_an_error_of_the_system(other, tmp_path):
    with pytest.raises(FileNotFoundError):
        load_checkpoint(other, tmp_path / "weights.pt")
