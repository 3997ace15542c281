"""Compiles the kernels ahead of time and prints their GPU resources; needs no GPU.

    python -m tools.kernel_resources [--all]

One row per kernel, type and GPU generation, at the size of a published method. `--all` compiles
every configuration, not only the default.
"""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest import mock

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, CompiledKernel

from alignops.kernels import fgm, logsumexp, powerset, scan
from alignops.kernels.launch import WARP, Kernel, Launch


@dataclass(frozen=True)
class Gpu:
    """A generation of GPUs and the resources of its multiprocessors."""

    target: GPUTarget
    shared: int  # bytes of shared memory available to a program
    reserved: int  # bytes of shared memory taken by each program in addition
    registers: int  # of 32 bits, per multiprocessor
    tensor_instruction: str  # a regular expression

    @property
    def name(self) -> str:
        """The compiler's name for it."""
        arch = self.target.arch
        return f"sm_{arch}" if self.target.backend == "cuda" else str(arch)


# CUDA C++ Programming Guide, table of compute capabilities; AMD's CDNA 3 instruction set reference:
# a compute unit has 4 times 512 registers for each of 64 lanes.
GPUS = (
    Gpu(GPUTarget("cuda", 80, 32), 163 * 1024, 1024, 65536, r"\bHMMA\b"),
    Gpu(GPUTarget("cuda", 90, 32), 227 * 1024, 1024, 65536, r"\bHGMMA\b"),
    Gpu(GPUTarget("hip", "gfx942", 64), 64 * 1024, 0, 4 * 512 * 64, r"\bv_mfma_"),
)
_THREADS = 2048  # per multiprocessor, in every generation
DTYPES = (torch.float32, torch.bfloat16, torch.float16)

_TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
_TYPE_NAMES = {
    torch.float32: "fp32",
    torch.bfloat16: "bf16",
    torch.float16: "fp16",
    torch.uint8: "u8",
    torch.int16: "i16",
    torch.int32: "i32",
    torch.int64: "i64",
}


@dataclass(frozen=True)
class Resources:
    """Resources of one program of a compiled kernel."""

    registers: int  # per thread
    spilled: int  # bytes of memory per thread
    shared: int  # bytes
    tensor_instructions: int
    threads: int

    def per_multiprocessor(self, gpu: Gpu) -> int:
        """Number of programs that a multiprocessor holds at a time."""
        registers = gpu.registers // (triton.cdiv(self.registers, 8) * 8 * self.threads)
        shared = (gpu.shared + gpu.reserved) // max(self.shared + gpu.reserved, 1)
        return min(registers, shared, _THREADS // self.threads)


@contextmanager
def recording() -> Iterator[list[Launch]]:
    """Record launches instead of running them."""
    recorded: list[Launch] = []
    with mock.patch.object(Launch, "start", lambda launch: recorded.append(launch)):
        yield recorded


def fgm_launches(x: Tensor, y: Tensor) -> list[Launch]:
    """Record the launches of forward and backward; the tensors may be without memory ("meta")."""
    scores = x.new_empty(len(x), len(y), dtype=torch.float32)
    with recording() as launches:
        _, _, *winners = fgm.fgm_similarity(x, y)
        fgm.fgm_similarity_backward(scores, scores, x, y, None, None, *winners)
    return launches


def powerset_launches(regions: Tensor, phrases: Tensor) -> list[Launch]:
    """As `fgm_launches`."""
    scores = regions.new_empty(len(regions), len(phrases), dtype=torch.float32)
    with recording() as launches:
        powerset.powerset_similarity(regions, phrases)
        powerset.powerset_similarity_backward(
            scores, scores, regions, phrases, None, None, tau=0.001, zeta=0.75
        )
    return launches


def logsumexp_launches(x: Tensor, y: Tensor) -> list[Launch]:
    """As `fgm_launches`."""
    row, col, scale = (
        x.new_empty(shape, dtype=torch.float32) for shape in ((len(x),), (len(y),), ())
    )
    with recording() as launches:
        logsumexp.similarity_logsumexp(x, y, scale)
        logsumexp.similarity_logsumexp_backward(row, col, x, y, scale, None, None, row, col)
    return launches


def scan_launches(x: Tensor, y: Tensor) -> list[Launch]:
    """As `fgm_launches`; there is no backward."""
    with recording() as launches:
        scan.scan_similarity(x, y)
    return launches


def launches(dtype: torch.dtype) -> list[Launch]:
    """Record one launch of each kernel, at sizes of the papers.

    The sizes are ComAlign's, LongCLIP-L-336px's, PowerCLIP's, CLIP's and AAHR's.
    """
    meta = partial(torch.empty, dtype=dtype, device="meta")
    components, phrases, embeddings = meta(256, 10, 512), meta(256, 24, 512), meta(4096, 512)
    recorded = (
        *fgm_launches(components, components),
        *fgm_launches(meta(128, 576, 768), meta(128, 248, 768)),
        *powerset_launches(components, phrases),
        *logsumexp_launches(embeddings, embeddings),
        *scan_launches(meta(256, 36, 1024), meta(256, 32, 1024)),
    )
    first: dict[Kernel, Launch] = {}
    for launch in recorded:
        first.setdefault(launch.kernel, launch)
    return list(first.values())


def name(launch: Launch) -> str:
    """Name a kernel by its module and function."""
    return f"{launch.kernel.__module__.rpartition('.')[2]}{launch.kernel.__name__}"


def compiled(launch: Launch, configuration: triton.Config, gpu: Gpu) -> Resources:
    """Compile a launch in one configuration to a GPU's machine code."""
    threads = configuration.num_warps * WARP
    options = {
        "num_warps": threads // gpu.target.warp_size,
        "num_stages": configuration.num_stages,
    }
    kernel = triton.compile(source(launch, configuration), target=gpu.target, options=options)
    read = _read_cubin if gpu.target.backend == "cuda" else _read_amdgcn
    registers, spilled, code = read(kernel)
    return Resources(
        registers=registers,
        spilled=spilled,
        shared=kernel.metadata.shared,
        tensor_instructions=len(re.findall(gpu.tensor_instruction, code)),
        threads=threads,
    )


def _read_cubin(kernel: CompiledKernel) -> tuple[int, int, str]:
    """Read registers, spilled bytes and instructions from NVIDIA's machine code."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as cubin:
        cubin.write(kernel.asm["cubin"])
        cubin.flush()
        usage = _output("cuobjdump", "-res-usage", cubin.name)
        code = _output("nvdisasm", "-c", cubin.name)
    registers, stack = (int(re.findall(rf"{field}:(\d+)", usage)[0]) for field in ("REG", "STACK"))
    return registers, stack, code


def _read_amdgcn(kernel: CompiledKernel) -> tuple[int, int, str]:
    """Read vector registers, scratch bytes and instructions from AMD's assembly."""
    code = kernel.asm["amdgcn"]
    registers, scratch = (
        int(re.findall(rf"\.{field}:\s+(\d+)", code)[0])
        for field in ("vgpr_count", "private_segment_fixed_size")
    )
    return registers, scratch, code


def source(launch: Launch, configuration: triton.Config) -> ASTSource:
    """The kernel, with the types and divisibility of the launch's arguments."""
    signature, constants, attributes = {}, {}, {}
    values = {**launch.arguments, **configuration.kwargs}
    for index, parameter in enumerate(launch.kernel.params):
        value = values[parameter.name]
        if parameter.is_constexpr or value is None:
            signature[parameter.name] = "constexpr"
            constants[parameter.name] = value
            continue
        if isinstance(value, Tensor):
            signature[parameter.name] = f"*{_TYPE_NAMES[value.dtype]}"
        else:
            signature[parameter.name] = "fp32" if isinstance(value, float) else "i32"
        divisible = isinstance(value, Tensor) or (type(value) is int and value % 16 == 0)
        if divisible and not parameter.do_not_specialize:
            attributes[(index,)] = [["tt.divisibility", 16]]
    return ASTSource(launch.kernel, signature, constexprs=constants, attrs=attributes)


def _output(tool: str, *arguments: str) -> str:
    command = [str(_TOOLS / tool), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(prog="python -m tools.kernel_resources", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every configuration")
    every = parser.parse_args().all
    print(
        "| kernel | type | GPU | configuration | registers | spilled, bytes | shared, KiB "
        "| programs at a time | tensor-core instructions |\n|---|---|---|---|---|---|---|---|---|"
    )
    for dtype in DTYPES:
        for launch in launches(dtype):
            for configuration in launch.configurations if every else launch.configurations[:1]:
                for gpu in GPUS:
                    used = compiled(launch, configuration, gpu)
                    print(
                        f"| {name(launch)} | {_TYPE_NAMES[dtype]} | {gpu.name} | "
                        f"{_described(configuration)} | {used.registers} | {used.spilled} | "
                        f"{used.shared / 1024:.0f} of {gpu.shared // 1024} | "
                        f"{used.per_multiprocessor(gpu)} | {used.tensor_instructions} |",
                        flush=True,
                    )


def _described(configuration: triton.Config) -> str:
    block = configuration.kwargs.get("BLOCK_D")
    sliced = f"{block} of D, " if block else ""
    threads = configuration.num_warps * WARP
    return f"{sliced}{threads} threads, {configuration.num_stages} stages"


if __name__ == "__main__":
    main()
