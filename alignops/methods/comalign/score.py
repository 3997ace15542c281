"""ComAlign's inference score, and its weights."""

from dataclasses import dataclass
from itertools import product

from torch import Tensor

from alignops.evaluation.retrieval import recall_at_k
from alignops.methods.common.scorer import Similarities

_CANDIDATES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class ScoreWeights:
    """Weights of the score; h are frozen embeddings, s similarities after the encoders.

    S_I2T = <h_I, h_T> + a1 (s_G + s_I2T,E + s_I2T,R) + a2 (s_T2I,E + s_T2I,R)
    S_T2I = <h_I, h_T> + b1 (s_G + s_T2I,E + s_T2I,R)
    """

    a1: float = 1.0
    a2: float = 1.0
    b1: float = 1.0


@dataclass(frozen=True)
class ScoreTerms:
    """The terms of the score, each (images, captions)."""

    base: Tensor
    i2t: Tensor
    t2i: Tensor
    whole: Tensor

    def weighted(self, weights: ScoreWeights) -> Similarities:
        """Put the terms together."""
        i2t = self.base + weights.a1 * (self.whole + self.i2t) + weights.a2 * self.t2i
        return Similarities(i2t, self.base + weights.b1 * (self.whole + self.t2i))


def tune_weights(terms: ScoreTerms, image_index: Tensor) -> ScoreWeights:
    """Choose the weights of the highest R@1 on validation pairs, each direction by itself.

    Args:
        terms: of validation images and captions.
        image_index: (captions,) int64, the image of each caption.
    """

    def image_to_text(weights: ScoreWeights) -> float:
        return recall_at_k(terms.weighted(weights).i2t, image_index).image_to_text[1]

    def text_to_image(weights: ScoreWeights) -> float:
        return recall_at_k(terms.weighted(weights).t2i, image_index).text_to_image[1]

    pairs = [ScoreWeights(a1=a1, a2=a2) for a1, a2 in product(_CANDIDATES, repeat=2)]
    best = max(pairs, key=image_to_text)
    singles = [ScoreWeights(best.a1, best.a2, b1) for b1 in _CANDIDATES]
    return max(singles, key=text_to_image)
