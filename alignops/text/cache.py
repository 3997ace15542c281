"""Graphs on disk, so that no caption is parsed twice.

A cache is a folder with one file per parser, to which every parsed batch is appended:

    <folder>/<parser identity>.graphs

A line holds the key of a caption, a checksum of the rest, and the graph as JSON. A batch is one
write that begins with a line break: an interrupted write breaks no line but its own, and processes
that share the folder of a local file system do not tear each other's lines. A line that does not
agree with its checksum is reported, and its caption is parsed again.
"""

import json
import warnings
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from zlib import crc32

from alignops.text.scene_graph import Entity, Relation, SceneGraph


class GraphCache:
    """The graphs of the captions that one parser has parsed.

    Attributes:
        path: the file.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        """Name the file; nothing is read or written.

        Args:
            folder: made when first written to.
            identity: of the parser, see `parser_identity`; another one has another file.
        """
        self.path = folder / f"{identity}.graphs"

    def read(self, captions: Iterable[str]) -> dict[str, SceneGraph]:
        """Look captions up; those that were never parsed are left out.

        Warns:
            UserWarning: names the file and the line where one is broken.
        """
        if not self.path.exists():
            return {}
        wanted = {_key(caption): caption for caption in captions}
        found = {}
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                key, _, rest = line.rstrip(b"\n").partition(b" ")
                checksum, _, content = rest.partition(b" ")
                if not key:
                    continue
                if checksum != _checksum(content):
                    _warn(self.path, number)
                elif key in wanted:
                    found[wanted[key]] = _decode(content)
        return found

    def append(self, graphs: Mapping[str, SceneGraph]) -> None:
        """Keep the graphs of a batch of captions, in one write."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = b"".join(b"%b %b\n" % (_key(c), _sealed(graph)) for c, graph in graphs.items())
        with self.path.open("ab", buffering=0) as file:
            file.write(b"\n" + lines)


def _warn(path: Path, number: int) -> None:
    message = f"{path}, line {number} is broken; its caption is parsed again when asked for"
    warnings.warn(message, stacklevel=4)


def _key(caption: str) -> bytes:
    return sha256(caption.encode(errors="surrogatepass")).hexdigest()[:32].encode()


def _sealed(graph: SceneGraph) -> bytes:
    content = _encode(graph)
    return _checksum(content) + b" " + content


def _checksum(content: bytes) -> bytes:
    return b"%08x" % crc32(content)


def _encode(graph: SceneGraph) -> bytes:
    entities = [(one.noun, one.attributes, one.span, one.count) for one in graph.entities]
    relations = [(one.subject, one.predicate, one.object) for one in graph.relations]
    return json.dumps([entities, relations], separators=(",", ":")).encode()


def _decode(content: bytes) -> SceneGraph:
    entities, relations = json.loads(content)
    return SceneGraph(
        entities=tuple(
            Entity(noun, tuple(attributes), tuple(span), count)
            for noun, attributes, span, count in entities
        ),
        relations=tuple(Relation(*relation) for relation in relations),
    )
