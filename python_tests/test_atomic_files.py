import contextlib
import os
import stat

import pytest
import torch
from safetensors.torch import save_file

from alignops.atomic_files import replacing_file, replacing_folder, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "results.json"
    with replacing_file(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert names(tmp_path) == ["results.json"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "results.json"
    write_text(path, "old")
    with contextlib.suppress(RuntimeError), replacing_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert names(tmp_path) == ["results.json"]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_file_has_the_mode_of_any_new_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        with replacing_file(tmp_path / "weights") as temporary:
            save_file({"x": torch.zeros(1)}, temporary)
            temporary.chmod(0o600)  # as tempfile makes files
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "weights").stat().st_mode) == 0o666 & ~umask


def test_a_folder_appears_when_it_is_whole_and_replaces_the_old_one(tmp_path):
    path = tmp_path / "runs" / "model"
    for name in ("first", "second"):
        with replacing_folder(path) as temporary:
            (temporary / name).touch()
            assert not (path / name).exists()
        assert names(path) == [name]
    assert names(path.parent) == ["model"]


def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path):
    path = tmp_path / "model"
    with replacing_folder(path) as temporary:
        (temporary / "old").touch()
    with contextlib.suppress(RuntimeError), replacing_folder(path) as temporary:
        (temporary / "half").touch()
        raise RuntimeError
    assert names(path) == ["old"]
    assert names(tmp_path) == ["model"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / ".model.tmp").mkdir()
    (tmp_path / ".model.tmp" / "half").touch()
    with replacing_folder(tmp_path / "model") as temporary:
        (temporary / "whole").touch()
    assert names(tmp_path / "model") == ["whole"]
    assert names(tmp_path) == ["model"]
