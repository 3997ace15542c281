"""Compiles the kernels ahead of time and says what they take of a GPU; needs none itself.

    python -m alignops.kernels.report [--all]

One row per kernel, type and GPU generation, at the size of a published method. `--all` compiles
every configuration, not only the one that is taken untimed.
"""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from alignops.kernels import fgm, logsumexp, powerset
from alignops.kernels.launch import Launch, recording

# Shared memory that a program may ask for, in bytes (CUDA C++ Programming Guide, table of compute
# capabilities), and the instruction of the tensor cores.
SHARED_LIMIT = {80: 163 * 1024, 90: 227 * 1024}
TENSOR_INSTRUCTION = {80: "HMMA", 90: "HGMMA"}
DTYPES = (torch.float32, torch.bfloat16, torch.float16)

_TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
_TYPE_NAMES = {
    torch.float32: "fp32",
    torch.bfloat16: "bf16",
    torch.float16: "fp16",
    torch.uint8: "u8",
    torch.int16: "i16",
    torch.int32: "i32",
}


@dataclass(frozen=True)
class Resources:
    """What a program of a compiled kernel takes."""

    registers: int  # per thread
    spilled: int  # bytes of stack per thread
    shared: int  # bytes
    tensor_instructions: int
    threads: int

    def per_multiprocessor(self, capability: int) -> int:
        """How many programs a multiprocessor holds at a time."""
        registers = 65536 // (triton.cdiv(self.registers, 8) * 8 * self.threads)
        shared = (SHARED_LIMIT[capability] + 1024) // (self.shared + 1024)
        return min(registers, shared, 2048 // self.threads)


def launches(dtype: torch.dtype) -> Iterator[Launch]:
    """What users start at the papers' sizes: ComAlign's, PowerCLIP's and CLIP's, batch 256."""

    def meta(*shape: int, of: torch.dtype = dtype) -> Tensor:
        return torch.empty(shape, dtype=of, device="meta")

    scores = meta(256, 256, of=torch.float32)
    with recording() as recorded:
        x = meta(256, 10, 512)
        _, _, *winners = fgm.fgm_similarity(x, x)
        fgm.fgm_similarity_backward(scores, scores, x, x, None, None, *winners)
        phrases = meta(256, 24, 512)
        powerset.powerset_similarity(x, phrases)
        powerset.powerset_similarity_backward(
            scores, scores, x, phrases, None, None, scores, tau=0.001, zeta=0.75
        )
        x, scale, row = meta(4096, 512), meta(of=torch.float32), meta(4096, of=torch.float32)
        logsumexp.similarity_logsumexp(x, x, scale)
        logsumexp.similarity_logsumexp_backward(row, row, x, x, scale, None, None, row, row)
    yield from {launch.kernel: launch for launch in reversed(recorded)}.values()


def name(launch: Launch) -> str:
    """Module and function of a kernel."""
    return f"{launch.kernel.__module__.rpartition('.')[2]}{launch.kernel.__name__}"


def compiled(launch: Launch, configuration: triton.Config, capability: int) -> Resources:
    """Compile a launch in a configuration for a compute capability, down to machine code."""
    kernel = triton.compile(
        source(launch, configuration),
        target=GPUTarget("cuda", capability, 32),
        options={"num_warps": configuration.num_warps, "num_stages": configuration.num_stages},
    )
    with tempfile.NamedTemporaryFile(suffix=".cubin") as cubin:
        cubin.write(kernel.asm["cubin"])
        cubin.flush()
        usage = _output("cuobjdump", "-res-usage", cubin.name)
        code = _output("nvdisasm", "-c", cubin.name)
    return Resources(
        registers=int(re.findall(r"REG:(\d+)", usage)[0]),
        spilled=int(re.findall(r"STACK:(\d+)", usage)[0]),
        shared=kernel.metadata.shared,
        tensor_instructions=len(re.findall(rf"\b{TENSOR_INSTRUCTION[capability]}\b", code)),
        threads=32 * configuration.num_warps,
    )


def source(launch: Launch, configuration: triton.Config) -> ASTSource:
    """The kernel with the types and the divisibility that the launch would compile it for."""
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
    parser = argparse.ArgumentParser(prog="python -m alignops.kernels.report", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every configuration")
    every = parser.parse_args().all
    print(
        "| kernel | type | GPU | configuration | registers | spilled, bytes | shared, KiB "
        "| programs per SM | tensor-core instructions |\n|---|---|---|---|---|---|---|---|---|"
    )
    for dtype in DTYPES:
        for launch in launches(dtype):
            for configuration in launch.configurations if every else launch.configurations[:1]:
                for capability in TENSOR_INSTRUCTION:
                    used = compiled(launch, configuration, capability)
                    print(
                        f"| {name(launch)} | {_TYPE_NAMES[dtype]} | sm_{capability} | "
                        f"{_described(configuration)} | {used.registers} | {used.spilled} | "
                        f"{used.shared / 1024:.0f} of {SHARED_LIMIT[capability] // 1024} | "
                        f"{used.per_multiprocessor(capability)} | {used.tensor_instructions} |",
                        flush=True,
                    )


def _described(configuration: triton.Config) -> str:
    block = configuration.kwargs.get("BLOCK_D")
    sliced = f"{block} of D, " if block else ""
    return f"{sliced}{configuration.num_warps} warps, {configuration.num_stages} stages"


if __name__ == "__main__":
    main()
