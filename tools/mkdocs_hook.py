"""MkDocs' hook, named in mkdocs.yml: pages and docstrings are read on the site as on GitHub.

A link to a file outside docs/, which the site does not hold, becomes its text; if the file is not
there either, the build fails. `<x, y>`, which CommonMark takes for text, is not a tag.
"""

import re
from pathlib import Path

from markdown import Extension, Markdown
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

_DOCS = Path(__file__).parents[1] / "docs"
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#:\s]+)(#[^)\s]*)?\)")


class NoInlineHtml(Extension):
    """Inner products are written `<x, y>`; pages have no HTML within a line."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Leave out the pattern that takes them for tags."""
        md.inlinePatterns.deregister("html")


def on_config(config: MkDocsConfig) -> None:
    """Add the extension, for pages and for the docstrings in them."""
    config.markdown_extensions.append(NoInlineHtml())


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace the links of a page that lead out of docs/ by their text."""
    folder = (_DOCS / page.file.src_uri).parent

    def replaced(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        if target.is_relative_to(_DOCS):
            return link[0]
        if not target.exists():
            raise PluginError(f"{page.file.src_uri} links to {link[2]}, which does not exist")
        return link[1]

    return _LINK.sub(replaced, markdown)
