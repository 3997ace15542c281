"""Device functions that the Triton kernels share: tile order, loads, similarities, NaN."""

import triton
import triton.language as tl

# Consecutive programs share rows of x in the L2 cache.
_GROUP = tl.constexpr(8)
# ordered(-infinity)
LOWEST = tl.constexpr(-2139095041)


@triton.jit
def tile_of_program(x_blocks, y_blocks):
    """Blocks of x and of y that this program multiplies."""
    program = tl.program_id(0)
    in_group = _GROUP * y_blocks
    first = program // in_group * _GROUP
    height = tl.minimum(x_blocks - first, _GROUP)
    return first + program % in_group % height, program % in_group // height


@triton.jit
def valid(mask, rows, inside):
    """Mask of the rows that exist and are valid."""
    if mask is None:
        return inside
    else:
        return inside & (tl.load(mask + rows, mask=inside, other=0) != 0)


@triton.jit
def load_rows(base, rows, readable, first, D, BLOCK_D: tl.constexpr):
    """Elements first .. first + BLOCK_D of rows (R, D); 0 where unreadable or past the end."""
    d = first + tl.arange(0, BLOCK_D)
    wanted = readable[:, None] & (d < D)[None, :]
    return tl.load(base + (rows * D)[:, None] + d[None, :], mask=wanted, other=0.0)


@triton.jit
def similarities(
    x, x_rows, x_valid, y, y_rows, y_valid, D, BLOCK_D: tl.constexpr, PRECISION: tl.constexpr
):
    """Tile of dot products of rows of x with rows of y, in float32; invalid rows count as 0."""
    tile = tl.zeros((x_rows.shape[0], y_rows.shape[0]), tl.float32)
    for d in range(0, D, BLOCK_D):
        x_part = load_rows(x, x_rows, x_valid, d, D, BLOCK_D)
        y_part = load_rows(y, y_rows, y_valid, d, D, BLOCK_D)
        tile = tl.dot(x_part, tl.trans(y_part), tile, input_precision=PRECISION)
    return tile


@triton.jit
def finite_or_zero(top):
    """Replace a maximum that is not finite by 0: exp(inf - inf) would be NaN."""
    return tl.where(tl.abs(top) < float("inf"), top, 0.0)


@triton.jit
def ordered(s):
    """Map float32 to int32 in the same order, NaN above infinity: `tl.max` would drop a NaN."""
    bits = (s + 0.0).to(tl.int32, bitcast=True)  # + 0.0 turns -0 into 0
    key = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return tl.where(s != s, 0x7FFFFFFF, key)


@triton.jit
def unordered(key):
    """Invert `ordered`."""
    return (key ^ ((key >> 31) & 0x7FFFFFFF)).to(tl.float32, bitcast=True)
