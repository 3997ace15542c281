import pytest
import torch
from torch import nn

from alignops.methods.common.trained_encoders import load_weights, read_encoders, save_encoders


@pytest.fixture
def folder(tmp_path):
    save_encoders(nn.Linear(2, 3), tmp_path, base="12ab", numbers={"a1": 0.25})
    return tmp_path


def test_weights_and_numbers_come_back(folder):
    weights, numbers = read_encoders(folder, base="12ab")
    assert numbers == {"a1": 0.25}
    module = nn.Linear(2, 3)
    load_weights(module, weights, folder)
    assert torch.equal(module.weight, weights["weight"])


@pytest.mark.parametrize("name", ["encoders.safetensors", "encoders.json"])
def test_flipped_bytes_are_refused_by_the_name_of_their_file(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[-4] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} is damaged"):
        read_encoders(folder, base="12ab")


def test_a_folder_without_checksums_is_refused(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"manifest\.json is missing"):
        read_encoders(folder, base="12ab")


def test_features_of_another_base_are_refused(folder):
    with pytest.raises(ValueError, match=r"base\.name leads to other weights than those that"):
        read_encoders(folder, base="34cd")


def test_encoders_of_another_size_say_what_differs(folder):
    weights, _ = read_encoders(folder, base="12ab")
    with pytest.raises(ValueError, match=r"bias is \(3,\); expected \(4,\), weight is \(3, 2\)"):
        load_weights(nn.Linear(2, 4), weights, folder)
