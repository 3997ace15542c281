import os
from hashlib import sha256

import pytest

from alignops.data import content_index
from alignops.data.content_index import ContentIndex


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.jpg").write_bytes(bytes([number]) * 1000)
    return folder


@pytest.fixture
def index(tmp_path, monkeypatch):
    monkeypatch.setattr(content_index, "_SETTLED_NS", 0)
    return ContentIndex(tmp_path / "index" / "index.sqlite")


@pytest.fixture
def read(monkeypatch):
    """Names of the files that were read."""
    names = []
    original = content_index.file_digests

    def noted(paths):
        paths = list(paths)
        names.extend(path.name for path in paths)
        return original(paths)

    monkeypatch.setattr(content_index, "file_digests", noted)
    return names


def digests(photos):
    return [sha256(path.read_bytes()).hexdigest() for path in sorted(photos.iterdir())]


def test_unchanged_files_are_read_once(photos, index, read):
    paths = sorted(photos.iterdir())
    assert index.digests(paths) == digests(photos)
    assert len(read) == 5
    assert index.digests(paths[::-1]) == digests(photos)[::-1]
    assert ContentIndex(index.path).digests([*paths, paths[0]])[5] == digests(photos)[0]
    assert len(read) == 5


def test_a_changed_file_is_read_again(photos, index, read):
    paths = sorted(photos.iterdir())
    index.digests(paths)
    paths[2].write_bytes(b"another")
    assert index.digests(paths) == digests(photos)
    assert read[5:] == ["2.jpg"]


def test_a_replaced_file_of_the_same_size_and_time_is_read_again(photos, index, read):
    paths = sorted(photos.iterdir())
    index.digests(paths)
    status = paths[2].stat()
    paths[2].write_bytes(b"x" * 1000)
    os.utime(paths[2], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert paths[2].stat().st_mtime_ns == status.st_mtime_ns
    assert index.digests(paths) == digests(photos)
    assert read[5:] == ["2.jpg"]


def test_files_of_a_moment_ago_are_not_relied_on(photos, index, read, monkeypatch):
    monkeypatch.setattr(content_index, "_SETTLED_NS", 10**10)
    for _ in range(2):
        index.digests(sorted(photos.iterdir()))
    assert len(read) == 10


@pytest.mark.parametrize("content", [b"garbage" * 1000, b""])
def test_an_index_that_is_damaged_is_a_warning_and_no_error(photos, index, content):
    index.path.parent.mkdir()
    index.path.write_bytes(content)
    if content:
        with pytest.warns(UserWarning, match=r"index\.sqlite cannot be used .*; delete it"):
            found = index.digests(sorted(photos.iterdir()))
    else:
        found = index.digests(sorted(photos.iterdir()))
    assert found == digests(photos)


def test_an_index_that_cannot_be_made_is_a_warning(photos, tmp_path):
    (tmp_path / "file").touch()
    index = ContentIndex(tmp_path / "file" / "index.sqlite")
    with pytest.warns(UserWarning, match="cannot be used"):
        assert index.digests(sorted(photos.iterdir())) == digests(photos)


def test_a_missing_file_is_named(photos, index):
    with pytest.raises(FileNotFoundError, match=r"nothing\.jpg"):
        index.digests([photos / "nothing.jpg"])


def test_the_default_index_is_in_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("ALIGNOPS_CACHE", str(tmp_path))
    assert ContentIndex().path == tmp_path / "content" / "index.sqlite"
