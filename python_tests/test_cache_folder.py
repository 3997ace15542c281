from pathlib import Path

from alignops.cache_folder import cache_folder


def test_the_environment_says_where_caches_are(monkeypatch):
    monkeypatch.setenv("ALIGNOPS_CACHE", "/scratch/me")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder("features") == Path("/scratch/me/features")
    monkeypatch.delenv("ALIGNOPS_CACHE")
    assert cache_folder("features") == Path("/caches/alignops/features")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert cache_folder("features") == Path("/home/me/.cache/alignops/features")
