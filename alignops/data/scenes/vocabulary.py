"""The words a scene is made of: what an object may be, and how two of them may lie."""

SIZES = ("small", "large")

COLOURS = {
    "red": (214, 39, 40),
    "green": (44, 160, 44),
    "blue": (40, 90, 230),
    "yellow": (240, 220, 50),
    "orange": (255, 130, 20),
    "purple": (140, 60, 190),
    "pink": (255, 160, 205),
    "white": (245, 245, 245),
}
"""Colour name to its RGB value."""

SHAPES = ("circle", "square", "triangle", "diamond", "cross", "star", "ring", "heart")

INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
"""Predicate to the one that says the same with subject and object exchanged."""
