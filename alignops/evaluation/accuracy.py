"""An accuracy together with its number of cases."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The share of test cases that a model gets right.

    Attributes:
        accuracy: share between 0 and 1.
        cases: number of test cases.
    """

    accuracy: float
    cases: int

    def __str__(self) -> str:
        """Format it in percent: "74.3"."""
        return f"{100 * self.accuracy:.1f}"
