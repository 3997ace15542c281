from pathlib import Path

import pytest

from alignops.cache_folder import cache_folder

HOME = Path.home()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, HOME / ".cache/alignops/parses"),
        ({"XDG_CACHE_HOME": "/fast"}, Path("/fast/alignops/parses")),
        ({"XDG_CACHE_HOME": "relative"}, HOME / ".cache/alignops/parses"),
        ({"XDG_CACHE_HOME": ""}, HOME / ".cache/alignops/parses"),
        ({"ALIGNOPS_CACHE": "/own", "XDG_CACHE_HOME": "/fast"}, Path("/own/parses")),
        ({"ALIGNOPS_CACHE": "~/own"}, HOME / "own/parses"),
        ({"ALIGNOPS_CACHE": ""}, HOME / ".cache/alignops/parses"),
    ],
)
def test_the_environment_names_the_folder(variables, expected, monkeypatch):
    for name in ("ALIGNOPS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder("parses") == expected


def test_naming_a_folder_makes_none(tmp_path, monkeypatch):
    monkeypatch.setenv("ALIGNOPS_CACHE", str(tmp_path / "cache"))
    assert not cache_folder("parses").exists()
    assert not (tmp_path / "cache").exists()
