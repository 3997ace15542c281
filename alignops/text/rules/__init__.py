"""What the parser knows: every file here decides how a caption is parsed.

Their content is part of the key under which parses are cached, so nothing else belongs here. They
import spaCy, each other, and the types `graph` and `phrase`.
"""
