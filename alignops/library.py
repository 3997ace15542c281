"""Loads the variant of the compiled library that suits this CPU, or says why there is none.

Each variant compiles the same sources for another instruction set; exactly one is loaded. Without
one, the package runs the reference implementation.
"""

import ctypes
import importlib
import os
import threading
from pathlib import Path
from typing import Any

import torch

OLDEST_TORCH = (2, 10)
CAPABILITY_VARIABLE = "ALIGNOPS_CPU_CAPABILITY"

_FOLDER = Path(__file__).parent / "lib"
# From the widest instruction set to the architecture's baseline.
_CAPABILITIES = ("avx512", "avx2", "default")


def check_torch() -> None:
    """Refuse a torch whose stable ABI is older than the library's."""
    major, minor = (int(part) for part in torch.__version__.split(".")[:2])
    if (major, minor) < OLDEST_TORCH:
        oldest = ".".join(map(str, OLDEST_TORCH))
        raise ImportError(
            f"alignops needs torch >= {oldest}, but torch {torch.__version__} is installed; "
            f'upgrade it with: pip install "torch>={oldest}"'
        )


def load() -> dict[str, Any]:
    """Load the best variant for this CPU; returns what `build_info` returns."""
    try:
        compiled = importlib.import_module("alignops._C")
    except ImportError as error:
        return {
            "loaded": False,
            "reason": f"the package was installed without its compiled part ({error})",
        }
    built: dict[str, Any] = dict(compiled.build_info())
    capability = _wanted_capability(compiled.cpu_capability())
    library = _FOLDER / f"libalignops_{capability}.so"
    try:
        torch.ops.load_library(library)  # type: ignore[no-untyped-call]
    except OSError as error:
        return built | {"loaded": False, "reason": f"{library.name} could not be loaded: {error}"}
    _watch_signals(compiled, library)
    return built | {"loaded": True, "cpu_capability": capability}


def _watch_signals(compiled: Any, library: Path) -> None:
    """Let Ctrl-C end a long call on the main thread, where Python handles signals."""
    if threading.current_thread() is threading.main_thread():
        ctypes.CDLL(str(library)).alignops_watch_signals(ctypes.c_void_p(compiled.signal_check()))


def _wanted_capability(supported: str) -> str:
    """The widest variant that the CPU supports, or a narrower one that the user requests."""
    usable = _CAPABILITIES[_CAPABILITIES.index(supported) :]
    wanted = os.environ.get(CAPABILITY_VARIABLE, supported)
    if wanted not in usable:
        raise ImportError(
            f"{CAPABILITY_VARIABLE} is {wanted!r}; expected one of {', '.join(usable)} on this CPU"
        )
    return wanted


check_torch()
_INFO = load()


def build_info() -> dict[str, Any]:
    """Describe the compiled library and whether it is in use.

    Returns:
        "loaded" (bool); where loaded, "cpu_capability" (avx512, avx2 or default); where not,
        "reason"; and, if the compiled part is installed, "compiler", "torch" (version built
        against) and "cuda" (bool, CUDA kernels built).
    """
    return dict(_INFO)
