import json
from hashlib import sha256

import pytest

from alignops.checksums import DamagedError, file_digest, verify_manifest, write_manifest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "weights").write_bytes(bytes(range(256)) * 9000)
    (tmp_path / "numbers.json").write_text("{}")
    write_manifest(tmp_path)
    return tmp_path


def test_a_digest_is_the_sha256_of_the_bytes(folder):
    path = folder / "sub" / "weights"
    assert file_digest(path) == sha256(path.read_bytes()).hexdigest()


def test_a_folder_as_it_was_written_passes(folder):
    verify_manifest(folder)
    assert set(json.loads((folder / "manifest.json").read_text())) == {
        "sub/weights",
        "numbers.json",
    }


def test_a_moved_folder_passes_and_so_does_one_with_more_files(folder, tmp_path_factory):
    moved = folder.rename(tmp_path_factory.mktemp("other") / "moved")
    (moved / "notes.txt").touch()
    verify_manifest(moved)
    assert not folder.exists()


@pytest.mark.parametrize("position", [0, 1 << 20, -1])
def test_one_flipped_bit_is_found(folder, position):
    path = folder / "sub" / "weights"
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"sub/weights is damaged: its SHA-256 is not that of"):
        verify_manifest(folder)


def test_a_file_that_is_cut_off_or_gone_is_named(folder):
    path = folder / "numbers.json"
    path.write_text("{")
    with pytest.raises(DamagedError, match=r"numbers\.json is damaged: it has 1 bytes; expected 2"):
        verify_manifest(folder)
    path.unlink()
    with pytest.raises(DamagedError, match=r"numbers\.json is missing"):
        verify_manifest(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 3}', '{"a": {"bytes": 1}}', "[" * 100_000])
def test_a_manifest_that_is_none(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(DamagedError, match=r"manifest\.json is damaged: it is no list"):
        verify_manifest(folder)


def test_a_missing_manifest(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(DamagedError, match=r"manifest\.json is missing"):
        verify_manifest(folder)


def test_a_manifest_names_nothing_outside_its_folder(folder):
    (folder.parent / "secret").touch()
    recorded = {"../secret": {"bytes": 0, "sha256": sha256().hexdigest()}}
    (folder / "manifest.json").write_text(json.dumps(recorded))
    with pytest.raises(DamagedError, match="secret is missing"):
        verify_manifest(folder)
