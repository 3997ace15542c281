import pytest
import torch
from hypothesis import given
from op_testing import MATCHED, Problem, assert_gradients, assert_matches_reference, drawn, problems

import alignops
from alignops.ops.matched import matched_similarity


def test_each_text_meets_its_own_image():
    image, text = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0, 6.0], [7.0, 8.0]])
    assert matched_similarity(image, text, torch.tensor([1, 0])).tolist() == [39, 23]


@drawn(max_examples=100)
@given(problems())
def test_matches_the_reference(problem):
    assert_matches_reference(MATCHED, problem)


@pytest.mark.parametrize("dim", [15, 16, 17, 1000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_matches_the_reference_at_the_edges_of_a_vector_and_of_a_threads_share(dim, dtype):
    problem = Problem(batch=65, n=1, other=300, m=1, dim=dim, dtype=dtype, mask="none")
    assert_matches_reference(MATCHED, problem)


def test_gradients_are_right_by_finite_differences():
    assert_gradients(MATCHED, Problem())


@pytest.mark.skipif(not alignops.build_info()["loaded"], reason="the compiled kernel's own check")
@pytest.mark.parametrize("image", [-1, 2])
def test_a_text_of_no_image_is_refused(image):
    with pytest.raises(RuntimeError, match=rf"text_image\[1\] is {image}; .* one of 2 images"):
        matched_similarity(torch.ones(2, 3), torch.ones(2, 3), torch.tensor([0, image]))
