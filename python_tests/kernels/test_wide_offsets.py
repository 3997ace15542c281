"""Offsets into tensors of more than 2^31 elements, in the compiler's intermediate code.

Needs no tensor of that size: each offset is traced back to its inputs.
"""

import re

import pytest
import torch

pytest.importorskip("triton")

from triton._C.libtriton import ir
from triton.backends.compiler import GPUTarget
from triton.compiler import make_backend

from tools import kernel_resources

TARGET = GPUTarget("cuda", 80, 32)
LAUNCHES = {
    kernel_resources.name(launch): launch for launch in kernel_resources.launches(torch.bfloat16)
}
NAME = re.compile(r"%\w+")
DEFINED = re.compile(r"(%\w+)(?=(?::\d+)? = )")


def renamed(code):
    """Give every value its own name; consecutive loops reuse names."""
    latest, lines = {}, []

    def of_now(match):
        return latest.get(match[0], match[0])

    for number, line in enumerate(code.splitlines()):
        names = DEFINED.findall(line)
        lines.append(NAME.sub(of_now, DEFINED.sub(rf"\1_{number}", line)))
        latest |= {name: f"{name}_{number}" for name in names}
    return "\n".join(lines)


class Program:
    """Triton's intermediate code of a kernel: each value with its operation and operands."""

    def __init__(self, launch):
        backend = make_backend(TARGET)
        options = backend.parse_options({})
        context = ir.context()
        ir.load_dialects(context)
        backend.load_dialects(context)
        module = kernel_resources.source(launch, launch.configurations[0]).make_ir(
            TARGET, options, backend.get_codegen_implementation(options), backend.get_module_map(),
            context,
        )  # fmt: skip
        code = renamed(backend.make_ttir(module, {}, options, TARGET.arch).str_nodebug())
        self.lines = re.findall(r"(%\w+)(?::\d+)? = ([\w.]+) (.*)", code)
        self.definitions = {name: (operation, rest) for name, operation, rest in self.lines}
        # A value carried by a loop starts as another value.
        self.starts = dict(re.findall(r"(%arg\w+) = (%\w+)", code))

    def addresses(self):
        """Yield (from a kernel argument, offset, its type) of pointers and blocks."""
        for _, operation, rest in self.lines:
            if operation == "tt.addptr":
                base, offset = NAME.findall(rest)[:2]
                if self.definitions.get(offset, [""])[0] == "tt.get_program_id":
                    continue  # 32 bits count the programs
                first = self.definitions.get(base, ["argument"])[0] in ("argument", "tt.splat")
                yield first, offset, re.findall(r"i\d+", rest.rpartition(",")[2])[-1]

    def computed_from(self, value):
        """Operations that compute a value, back to loads and arguments."""
        if value in self.starts:
            yield from self.computed_from(self.starts[value])
        operation, rest = self.definitions.get(value, ("tt.load", ""))
        if operation == "tt.load":
            return
        yield operation, rest
        for operand in NAME.findall(rest):
            yield from self.computed_from(operand)

    def is_constant(self, value):
        return value.startswith("%c")  # %cst, %c64_i64


@pytest.fixture(params=LAUNCHES)
def program(request):
    return Program(LAUNCHES[request.param])


def test_a_first_offset_is_in_64_bits(program):
    widths = [width for first, _, width in program.addresses() if first]
    assert widths
    assert set(widths) == {"i64"}


def test_no_offset_stands_on_a_product_in_32_bits(program):
    for _, offset, _ in program.addresses():
        for operation, rest in program.computed_from(offset):
            if operation == "arith.muli" and rest.endswith(("i32", "i32>")):
                factors = NAME.findall(rest)
                # A block's number times its size is below the number of elements in all blocks.
                assert any(map(program.is_constant, factors)), rest
