"""A phrase of a caption: a labelled span."""

from typing import Literal, NamedTuple

Label = Literal["NP", "VP", "PP", "S"]


class Phrase(NamedTuple):
    """A node of a caption's phrase tree.

    Attributes:
        label: kind of phrase.
        span: character range [start, end) in the caption, without punctuation at its ends.
    """

    label: Label
    span: tuple[int, int]
