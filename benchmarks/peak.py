"""The CPU's peak, as a loop on registers in the op library reaches it."""

import ctypes
from functools import cache

import torch

import alignops
from alignops import library

# Whole products of the similarities' size that an op needs: forward, forward + backward. FGM's
# gradient is sparse; the others compute the similarities twice and two products from them.
_SPARSE, _DENSE = (1, 1), (1, 4)
_PRODUCTS = {"fgm": _SPARSE}


@cache
def operations_per_second(dtype: torch.dtype) -> float | None:
    """Multiplications and additions of one thread; None without a compiled library."""
    info = alignops.build_info()
    if not info["loaded"]:
        return None
    peak = ctypes.CDLL(str(library.path(info["cpu_capability"]))).alignops_peak
    peak.argtypes, peak.restype = [ctypes.c_bool], ctypes.c_double
    return float(peak(dtype == torch.bfloat16))


def seconds_at_peak(
    op: str, rows: torch.Tensor, columns: torch.Tensor, backward: bool
) -> float | None:
    """How long the products of an op take at the peak of all threads; None off the CPU.

    rows (R, D) and columns (C, D) are its components.
    """
    peak = operations_per_second(rows.dtype) if rows.device.type == "cpu" else None
    if peak is None:
        return None
    products = _PRODUCTS.get(op, _DENSE)[backward]
    operations = 2 * products * len(rows) * len(columns) * rows.shape[1]
    return operations / (peak * torch.get_num_threads())
