"""MkDocs hook, named in mkdocs.yml: makes the site render text as GitHub does."""

from markdown import Extension, Markdown
from mkdocs.config.defaults import MkDocsConfig


class NoInlineHtml(Extension):
    """Keeps inner products `<x, y>`: text in CommonMark, a tag in Python-Markdown."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Remove the pattern for inline HTML; no page uses it."""
        md.inlinePatterns.deregister("html")


def on_config(config: MkDocsConfig) -> None:
    """Add the extension for pages and docstrings."""
    config.markdown_extensions.append(NoInlineHtml())
