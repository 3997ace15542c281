import re
from pathlib import Path

import pytest
import torch
from child_process import run_python

from alignops import library

OPS = Path(__file__).parent / "ops"
NAMES = ("fgm", "powerset", "exact_powerset", "logsumexp", "contrastive", "scan")
KERNEL_TESTS = [str(OPS / f"test_{op}.py") for op in NAMES]
CHECKS = "worked_by_hand or (at_tile_edges and (float32 or bfloat16)) or across_tiles or every_tau"
REDUCED = ["-q", "-x", "-k", CHECKS, *KERNEL_TESTS]


def supported_capabilities():
    info = library.build_info()
    if not info["loaded"]:
        return []
    from alignops import _C

    names = library._CAPABILITIES
    return names[names.index(_C.cpu_capability()) :]


@pytest.mark.slow
@pytest.mark.parametrize("capability", supported_capabilities())
def test_every_variant_passes_the_op_tests(capability):
    child = run_python(
        "-c",
        f"""
import sys, alignops, pytest
assert alignops.build_info()["cpu_capability"] == {capability!r}
sys.exit(pytest.main({REDUCED!r}))
""",
        ALIGNOPS_CPU_CAPABILITY=capability,
    )
    assert child.returncode == 0, child.stdout + child.stderr
    assert re.search(r"\d\d passed", child.stdout)


@pytest.mark.slow
def test_without_the_compiled_library_the_reference_serves():
    child = run_python(
        "-c",
        f"""
import sys
sys.modules["alignops._C"] = None
import alignops, pytest
info = alignops.build_info()
assert not info["loaded"] and "without its compiled part" in info["reason"], info
sys.exit(pytest.main({REDUCED!r}))
""",
    )
    assert child.returncode == 0, child.stdout + child.stderr


@pytest.mark.parametrize("capability", supported_capabilities())
def test_a_variant_that_the_cpu_supports_can_be_asked_for(capability, monkeypatch):
    monkeypatch.setenv("ALIGNOPS_CPU_CAPABILITY", capability)
    assert library._wanted_capability(library._CAPABILITIES[0]) == capability


def test_a_variant_that_the_cpu_does_not_support_is_refused(monkeypatch):
    monkeypatch.setenv("ALIGNOPS_CPU_CAPABILITY", "sse9")
    with pytest.raises(ImportError, match="is 'sse9'; expected one of avx2, default on this CPU"):
        library._wanted_capability("avx2")
    monkeypatch.setenv("ALIGNOPS_CPU_CAPABILITY", "avx512")
    with pytest.raises(ImportError, match="is 'avx512'; expected one of avx2, default"):
        library._wanted_capability("avx2")


@pytest.mark.parametrize("version", ["2.9.1", "1.13.0+cu117"])
def test_an_older_torch_is_refused_with_what_to_do(version, monkeypatch):
    monkeypatch.setattr(torch, "__version__", version)
    message = f"needs torch >= 2.10, but torch {version} is installed; upgrade it with: pip install"
    with pytest.raises(ImportError, match=re.escape(message)):
        library.check_torch()


@pytest.mark.parametrize("version", ["2.10.0", "2.14.1+cu130", "3.0.0a0+git123"])
def test_torch_from_the_oldest_supported_on_is_taken(version, monkeypatch):
    monkeypatch.setattr(torch, "__version__", version)
    try:
        library.check_torch()
        refusal = None
    except ImportError as error:
        refusal = str(error)
    assert refusal is None


def test_import_loads_no_heavy_dependency():
    child = run_python(
        "-c",
        """
import sys, torch
before = set(sys.modules)
import alignops, alignops.losses
heavy = {"open_clip", "spacy", "torchvision", "accelerate", "matplotlib", "triton", "rich", "PIL"}
print(sorted(heavy & (set(sys.modules) - before)))
""",
    )
    assert child.stdout.strip() == "[]", child.stderr


def test_build_info_is_a_copy():
    library.build_info()["loaded"] = "changed"
    assert library.build_info()["loaded"] != "changed"
