"""What the Triton kernels share on the device: which tile is whose, rows, similarities, NaN."""

import triton
import triton.language as tl

# Programs that follow each other share rows of x in the second level of cache.
_GROUP = tl.constexpr(8)
# -infinity as `ordered` gives it.
LOWEST = tl.constexpr(-2139095041)


@triton.jit
def tile_of_program(x_blocks, y_blocks):
    """The block of x and the block of y that this program multiplies."""
    program = tl.program_id(0)
    in_group = _GROUP * y_blocks
    first = program // in_group * _GROUP
    height = tl.minimum(x_blocks - first, _GROUP)
    return first + program % in_group % height, program % in_group // height


@triton.jit
def valid(mask, rows, inside):
    """Which rows are there and not masked."""
    if mask is None:
        return inside
    else:
        return inside & (tl.load(mask + rows, mask=inside, other=0) != 0)


@triton.jit
def load_rows(base, rows, readable, first, D, BLOCK_D: tl.constexpr):
    """Elements first .. first + BLOCK_D of rows (R, D); 0 where not readable or behind the end."""
    d = first + tl.arange(0, BLOCK_D)
    wanted = readable[:, None] & (d < D)[None, :]
    return tl.load(base + (rows * D)[:, None] + d[None, :], mask=wanted, other=0.0)


@triton.jit
def similarities(
    x, x_rows, x_valid, y, y_rows, y_valid, D, BLOCK_D: tl.constexpr, PRECISION: tl.constexpr
):
    """The tile of dot products of rows of x with rows of y, in float32. Invalid rows count as 0."""
    tile = tl.zeros((x_rows.shape[0], y_rows.shape[0]), tl.float32)
    for d in range(0, D, BLOCK_D):
        x_part = load_rows(x, x_rows, x_valid, d, D, BLOCK_D)
        y_part = load_rows(y, y_rows, y_valid, d, D, BLOCK_D)
        tile = tl.dot(x_part, tl.trans(y_part), tile, input_precision=PRECISION)
    return tile


@triton.jit
def finite_or_zero(top):
    """A maximum that exponentials may be relative to: exp(inf - inf) would be NaN."""
    return tl.where(tl.abs(top) < float("inf"), top, 0.0)


@triton.jit
def ordered(s):
    """float32 as int32 of the same order, all NaN above infinity: `tl.max` would drop NaN."""
    bits = (s + 0.0).to(tl.int32, bitcast=True)  # + 0.0 makes -0 the same as 0
    key = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return tl.where(s != s, 0x7FFFFFFF, key)


@triton.jit
def unordered(key):
    """The float32 of `ordered`."""
    return (key ^ ((key >> 31) & 0x7FFFFFFF)).to(tl.float32, bitcast=True)
