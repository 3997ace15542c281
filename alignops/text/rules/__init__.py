"""The parser's rules: every file here affects how a caption is parsed.

Their contents are part of the key of cached parses, so nothing else belongs here. They import
spaCy, each other, and the types `graph` and `phrase`.
"""
