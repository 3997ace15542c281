"""MkDocs' hook, named in mkdocs.yml: text reads on the site as it does on GitHub."""

from markdown import Extension, Markdown
from mkdocs.config.defaults import MkDocsConfig


class NoInlineHtml(Extension):
    """Inner products are written `<x, y>`: text to CommonMark, a tag to Python-Markdown."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Leave out the pattern that does; pages have no HTML within a line."""
        md.inlinePatterns.deregister("html")


def on_config(config: MkDocsConfig) -> None:
    """Add the extension, for pages and for the docstrings in them."""
    config.markdown_extensions.append(NoInlineHtml())
