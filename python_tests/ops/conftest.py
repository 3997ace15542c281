import ctypes

import pytest

M_PERTURB = -6
# Memory is filled with the complement of the lowest byte: 0xff, a NaN in every floating type.
FILL_WITH_NAN = 0x100


@pytest.fixture(autouse=True, scope="package")
def poisoned_memory():
    """Fill fresh memory, torch's and the kernels', with NaN, to reveal reads before writes."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # glibc only
        yield
        return
    mallopt(M_PERTURB, FILL_WITH_NAN)
    yield
    mallopt(M_PERTURB, 0)
