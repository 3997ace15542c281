"""A phrase of a caption: a labelled span."""

from typing import Literal, NamedTuple

Label = Literal["NP", "VP", "PP", "S"]


class Phrase(NamedTuple):
    """A node of a caption's phrase tree.

    Attributes:
        label: its kind.
        span: first character and one past the last, in the caption; no punctuation at its ends.
    """

    label: Label
    span: tuple[int, int]
