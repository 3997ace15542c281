"""The kernels compiled for three GPU generations, without a GPU."""

import pytest
import torch

pytest.importorskip("triton")

from alignops.kernels import fgm, fgm_backward, logsumexp
from alignops.kernels.launch import configurations, pipelines, precision
from tools import kernel_resources

KERNELS = {
    "fgm_forward", "fgm_backward_dense", "fgm_backward_gather", "powerset_forward",
    "powerset_backward", "logsumexp_forward", "logsumexp_combine", "logsumexp_backward",
    "scan_forward",
}  # fmt: skip
ON_TENSOR_CORES = KERNELS - {"fgm_backward_gather", "logsumexp_combine"}


each_gpu = pytest.mark.parametrize("gpu", kernel_resources.GPUS, ids=lambda gpu: gpu.name)


def assert_fits(launch, configuration, gpu, dtype):
    used = kernel_resources.compiled(launch, configuration, gpu)
    assert used.spilled == 0
    assert used.shared <= gpu.shared
    assert used.per_multiprocessor(gpu) >= 1
    if kernel_resources.name(launch) in ON_TENSOR_CORES and dtype != torch.float32:
        assert used.tensor_instructions > 0
    elif gpu.target.backend == "cuda":  # AMD's multiply float32 as it is, too
        assert used.tensor_instructions == 0


def test_the_tool_covers_every_kernel():
    assert {
        kernel_resources.name(launch) for launch in kernel_resources.launches(torch.float32)
    } == KERNELS


@each_gpu
def test_a_kernel_uses_the_tensor_cores_without_spilling(gpu):
    launches = {
        kernel_resources.name(launch): launch
        for launch in kernel_resources.launches(torch.bfloat16)
    }
    launch = launches["logsumexp_forward"]
    assert_fits(launch, launch.configurations[0], gpu, torch.bfloat16)


@pytest.mark.slow
@each_gpu
@pytest.mark.parametrize("dtype", kernel_resources.DTYPES, ids=str)
def test_every_kernel_fits(dtype, gpu):
    for launch in kernel_resources.launches(dtype):
        for configuration in launch.configurations:
            assert_fits(launch, configuration, gpu, dtype)


@pytest.mark.parametrize("dtype", kernel_resources.DTYPES, ids=str)
def test_no_kernel_is_given_a_tensor_that_comes_near_the_similarities(dtype):
    x = torch.empty(2048, 16, 64, dtype=dtype, device="meta")
    with_many_components = x.view(128, 256, 64)
    launches = [
        *kernel_resources.fgm_launches(x, x),
        *kernel_resources.fgm_launches(with_many_components, with_many_components),
        *kernel_resources.powerset_launches(x, x),
        *kernel_resources.logsumexp_launches(x.flatten(0, 1), x.flatten(0, 1)),
        *kernel_resources.scan_launches(x, x),
    ]
    assert {kernel_resources.name(launch) for launch in launches} == KERNELS
    largest = max(
        value.numel()
        for launch in launches
        for value in launch.arguments.values()
        if isinstance(value, torch.Tensor)
    )
    # FGM keeps a winner, powerset a weight, per pair and component: 1/16 of the similarities.
    assert largest <= 32768**2 / 16


def test_sizes_that_round_to_the_same_power_of_two_share_a_configuration():
    def key(batch):
        x = torch.empty(batch, 64, device="meta")
        with kernel_resources.recording() as launches:
            logsumexp.similarity_logsumexp(x, x, torch.empty((), device="meta"))
        return launches[0].key

    assert key(600) == key(1000) != key(1100)


def test_tf32_is_used_only_where_torch_is_allowed_to():
    assert precision(torch.float32) == "ieee"
    torch.set_float32_matmul_precision("high")
    try:
        assert precision(torch.float32) == "tf32"
        assert precision(torch.bfloat16) == "ieee"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_a_choice_of_configurations_has_a_first_one():
    assert configurations(torch.float16)[0].kwargs == {"BLOCK_D": 64}
    assert pipelines()[0].num_stages == 3


@pytest.mark.parametrize(
    ("n", "m", "expected"), [(10, 10, (16, 4)), (128, 64, (128, 64)), (1, 1, (16, 1))]
)
def test_chunks_pad_little_and_leave_room_for_the_maxima(n, m, expected):
    assert fgm.chunks(n, m, 128, 64) == expected


@pytest.mark.parametrize(
    ("dtype", "precision", "n", "m", "gathers"),
    [
        (torch.bfloat16, "highest", 196, 77, False),
        (torch.bfloat16, "highest", 576, 248, True),
        (torch.float32, "highest", 10, 10, False),
        (torch.float32, "highest", 196, 77, True),
        (torch.float32, "high", 196, 77, False),
    ],
)
def test_rows_are_gathered_where_a_dense_product_takes_longer(dtype, precision, n, m, gathers):
    torch.set_float32_matmul_precision(precision)
    try:
        assert fgm_backward.gather_pays(n, m, dtype) == gathers
    finally:
        torch.set_float32_matmul_precision("highest")


def test_rows_by_winner_come_in_their_order_and_masked_ones_last():
    winners = torch.tensor([[[1, 0, 1], [2, 1, 0]]], dtype=torch.uint8)  # one sample against two
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]], dtype=torch.uint8)
    order, starts = fgm_backward.by_winner(winners, mask, 4)
    assert order.tolist() == [[1, 5, 0, 4, 3, 2]]
    assert starts.tolist() == [[0, 2, 4, 5, 5]]


def test_winners_are_sorted_a_bounded_number_at_a_time():
    x, y = torch.empty(1024, 256, 64, device="meta"), torch.empty(128, 256, 64, device="meta")
    orders = [launch.arguments.get("order") for launch in kernel_resources.fgm_launches(x, y)]
    assert [order.shape[0] for order in orders if order is not None] == [512, 512, 64, 64]
    assert max(order.numel() for order in orders if order is not None) == fgm_backward.SORTED


def test_more_rows_than_torch_sorts_are_multiplied():
    x, y = torch.empty(1, 64, 8, device="meta"), torch.empty(2**25, 64, 8, device="meta")
    _, of_x, *of_y = map(kernel_resources.name, kernel_resources.fgm_launches(x, y))
    assert of_x == "fgm_backward_dense"
    assert set(of_y) == {"fgm_backward_gather"}
