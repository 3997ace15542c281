"""Shared by all tests; this file also puts child_process.py on their import path."""

import sys
from pathlib import Path

import pytest

# For tools/ and benchmarks/; last, so that an installed alignops is the one under test.
sys.path.append(str(Path(__file__).parents[1]))


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_session(tmp_path_factory):
    """Use a cache of the session instead of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIGNOPS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
