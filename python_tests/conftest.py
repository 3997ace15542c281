"""What all tests share."""

import sys
from pathlib import Path

import pytest

# tools/ and benchmarks/ too; last, so that an installed alignops is the one that is tested.
sys.path.append(str(Path(__file__).parents[1]))


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_session(tmp_path_factory):
    """Keep the user's cache out of the tests, and the tests out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIGNOPS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
