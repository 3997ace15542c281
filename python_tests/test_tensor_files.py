import os
import stat

import pytest
import torch

from alignops.checksums import DamagedError
from alignops.tensor_files import load_tensors, save_tensors


def test_tensors_come_back_as_they_were(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    tensors = {
        "whole": base,
        "view": base[1:],
        "transposed": base.T,
        "same": base,
        "number": torch.tensor(3),
        "nothing": torch.empty(0, 5, dtype=torch.bfloat16),
        "weight": torch.ones(2, requires_grad=True),
    }
    save_tensors(tensors, tmp_path / "file")
    found = load_tensors(tmp_path / "file")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor.detach())


def test_no_tensors_are_a_file_too(tmp_path):
    save_tensors({}, tmp_path / "file")
    assert load_tensors(tmp_path / "file") == {}


def test_the_umask_decides_who_may_read(tmp_path):
    before = os.umask(0o022)
    try:
        save_tensors({"a": torch.ones(1)}, tmp_path / "file")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_what_is_no_such_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="file is missing"):
        load_tensors(tmp_path / "file")
    for content in (b"", b"garbage" * 100):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(DamagedError, match="file is damaged"):
            load_tensors(tmp_path / "file")


def test_what_cannot_be_written_is_an_error_of_the_system(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken cannot be written"):
        save_tensors({"a": torch.ones(1)}, tmp_path / "taken")
