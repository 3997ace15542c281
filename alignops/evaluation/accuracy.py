"""An accuracy that never travels without the number of cases behind it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The share of test cases that came out right.

    Attributes:
        accuracy: share between 0 and 1.
        cases: number of test cases.
    """

    accuracy: float
    cases: int

    def __str__(self) -> str:
        """Put it in percent: "74.3"."""
        return f"{100 * self.accuracy:.1f}"
