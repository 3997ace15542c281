"""The study of PowerCLIP's approximation, on a miniature."""

import pytest
import torch

from alignops import exact_powerset_similarity, powerset_similarity
from alignops.methods.common.pairs import DataConfig, SceneConfig
from alignops.methods.powerclip import POWERCLIP, PowerClipConfig
from alignops.training import LoopConfig
from tools.powerset_study import TAUS, ZETAS, agreements, check_bounds, embed


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    scenes = SceneConfig(train=24, validation=1, test=1, size=32)
    config = PowerClipConfig(data=DataConfig(scenes=scenes), loop=LoopConfig(steps=2, batch_size=8))
    return list(embed(POWERCLIP.train(config, tmp_path_factory.mktemp("study") / "run")))


def test_the_approximation_nears_the_exact_loss_as_tau_falls(batches):
    assert [len(regions) for regions, *_ in batches] == [16, 8]
    assert all(regions.shape[1] == 10 for regions, *_ in batches)
    found = {(result.tau, result.zeta): result for result in agreements(batches)}
    assert set(found) == {(tau, zeta) for tau in TAUS for zeta in ZETAS}
    best = {tau: min(found[tau, zeta].error for zeta in ZETAS) for tau in TAUS}
    assert best[0.001] < best[0.1]
    assert all(-1.001 <= result.pearson <= 1.001 for result in found.values())


def test_a_bound_that_does_not_hold_is_reported(batches):
    parts = batches[0]
    exact = exact_powerset_similarity(*parts)
    low, high = (powerset_similarity(*parts, tau=0.01, zeta=zeta) for zeta in (0.0, 1.0))
    check_bounds(exact, low, high, parts, 0.01)
    with pytest.raises(ArithmeticError, match="bound of r2t from above does not"):
        check_bounds(exact._replace(r2t=exact.r2t + 100), low, high, parts, 0.01)
    with pytest.raises(ArithmeticError, match="bound of t2r from below does not"):
        check_bounds(exact._replace(t2r=high.t2r + torch.tensor(1e-6)), low, high, parts, 0.01)
