import torch

from alignops.methods.comalign.score import ScoreTerms, ScoreWeights, tune_weights


def test_the_score_is_the_equation():
    base, whole, i2t, t2i = (torch.full((1, 1), float(value)) for value in (1, 10, 100, 1000))
    terms = ScoreTerms(base=base, whole=whole, i2t=i2t, t2i=t2i)
    scores = terms.weighted(ScoreWeights(a1=2, a2=3, b1=4))
    assert scores.i2t.item() == 1 + 2 * (10 + 100) + 3 * 1000
    assert scores.t2i.item() == 1 + 4 * (10 + 1000)


def test_tuning_turns_off_what_misleads_and_on_what_helps():
    right, wrong, nothing = torch.eye(4), -10 * torch.eye(4), torch.zeros(4, 4)
    index = torch.arange(4)
    misleading = tune_weights(ScoreTerms(right, whole=wrong, i2t=wrong, t2i=wrong), index)
    assert misleading == ScoreWeights(a1=0, a2=0, b1=0)
    helping = tune_weights(ScoreTerms(wrong, whole=nothing, i2t=nothing, t2i=4 * right), index)
    assert helping.a2 == 4
    assert helping.b1 == 4
