"""Files of captions, in the layouts in which they are passed around.

- A table with a header, separated by commas or tabs, as spreadsheets and pandas write it: the image
  is in a column `image`, `image_name`, `filename` or `file_name`, the caption in `caption`,
  `caption_text`, `comment`, `text` or `sentence`; other columns are let alone. A quoted field may
  hold separators and line breaks; a caption in the last column may hold separators anyhow.
- `results.csv` of Flickr30k: a header `image_name| comment_number| comment`.
- `Flickr8k.token.txt` or `results_20130124.token`: lines of `image.jpg#0<TAB>caption`, no header.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from alignops.data.text_file import read_text

_IMAGE_COLUMNS = ("image", "image_name", "filename", "file_name")
_CAPTION_COLUMNS = ("caption", "caption_text", "comment", "text", "sentence")
# No caption is so long: a quote that is never closed, or another kind of file.
_LONGEST_LINE = 100_000


class _Row(NamedTuple):
    line: int
    text: str
    image: str
    caption: str


def read_captions(path: str | Path) -> dict[str, list[str]]:
    """Read a file of captions in any of the three layouts; the first line tells which.

    Args:
        path: UTF-8 text.

    Returns:
        File name of each image to its captions, both in the order of the file. A line break within
        a caption becomes a space.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a line does not fit the layout, naming the path and the line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: no file of captions at {path}")
    lines = read_text(path).split("\n")
    captions: dict[str, list[str]] = {}
    for row in _rows(path, lines):
        if not row.image or not row.caption:
            raise ValueError(
                f"{path}, line {row.line} is {row.text[:200]!r}; expected an image and a caption"
            )
        captions.setdefault(row.image, []).append(row.caption)
    return captions


def _rows(path: Path, lines: list[str]) -> Iterable[_Row]:
    """Choose the layout by the first line."""
    _require_short(path, 1, lines[0])
    if lines[0].replace(" ", "").lower() == "image_name|comment_number|comment":
        return _piped_rows(path, lines)
    if re.match(r"[^\t]+#\d+\t", lines[0]):
        return _token_rows(path, lines)
    for separator in (",", "\t"):
        header = [
            name.strip().lower() for name in next(csv.reader([lines[0]], delimiter=separator))
        ]
        image = next((header.index(name) for name in _IMAGE_COLUMNS if name in header), None)
        caption = next((header.index(name) for name in _CAPTION_COLUMNS if name in header), None)
        if image is not None and caption is not None:
            return _Table(path, separator, len(header), image, caption).rows(lines)
    raise ValueError(
        f"{path}, line 1 is {lines[0][:200]!r}; expected a header 'image,caption' or 'image_name| "
        "comment_number| comment', or a line 'image.jpg#0<TAB>caption'"
    )


class _Table:
    """A table whose fields may be quoted, read forgivingly: a stray quote ends with its line."""

    def __init__(self, path: Path, separator: str, columns: int, image: int, caption: int) -> None:
        self._path = path
        self._separator = separator
        self._columns = columns
        self._image, self._caption = image, caption

    def rows(self, lines: list[str]) -> Iterator[_Row]:
        number = 1
        while number < len(lines):
            text, fields = self._record(lines, number)
            if text.strip():
                yield self._row(number + 1, text, fields)
            number += text.count("\n") + 1

    def _record(self, lines: list[str], start: int) -> tuple[str, list[str]]:
        """Read a record that begins at a line; one that is quoted right may take several."""
        text = lines[start]
        _require_short(self._path, start + 1, text)
        for line in lines[start + 1 :]:
            if text.count('"') % 2 == 0 or self._begins_record(line):
                break
            text += f"\n{line}"
            _require_short(self._path, start + 1, text)
        if "\n" in text:
            fields = self._strictly(text)
            if fields is not None:
                return text, fields
            text = lines[start]
        return text, next(csv.reader([text], delimiter=self._separator))

    def _begins_record(self, line: str) -> bool:
        """Whether a line names an image in its column; a quote open before it is a stray one."""
        columns = line.split(self._separator, self._image + 1)
        name = columns[self._image].strip(' "') if len(columns) > self._image + 1 else ""
        return re.fullmatch(r"[^\s\"]+\.[A-Za-z]{3,4}", name) is not None

    def _strictly(self, text: str) -> list[str] | None:
        try:
            records = list(csv.reader(io.StringIO(text), delimiter=self._separator, strict=True))
        except csv.Error:
            return None
        return records[0] if len(records) == 1 and len(records[0]) == self._columns else None

    def _row(self, line: int, text: str, fields: list[str]) -> _Row:
        last = self._columns - 1
        if self._caption == last:  # what is more belongs to it
            fields = [*fields[:last], self._separator.join(fields[last:])]
        if len(fields) != self._columns:
            raise ValueError(
                f"{self._path}, line {line} is {text[:200]!r}, {len(fields)} columns; expected "
                f"{self._columns}"
            )
        caption = re.sub(r"\s*\n\s*", " ", fields[self._caption]).strip()
        return _Row(line, text, fields[self._image].strip(), caption)


def _piped_rows(path: Path, lines: list[str]) -> Iterator[_Row]:
    """Read the number and its pipe as one: in a line of the published file that pipe is missing."""
    for number, line in _written(path, lines[1:], start=2):
        image, _, rest = line.partition("|")
        yield _Row(number, line, image.strip(), re.sub(r"^\s*\d+\s*\|?", "", rest).strip())


def _token_rows(path: Path, lines: list[str]) -> Iterator[_Row]:
    for number, line in _written(path, lines, start=1):
        name, _, caption = line.partition("\t")
        yield _Row(number, line, name.rpartition("#")[0].strip(), caption.strip())


def _written(path: Path, lines: list[str], start: int) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, start):
        _require_short(path, number, line)
        if line.strip():
            yield number, line


def _require_short(path: Path, line: int, text: str) -> None:
    if len(text) > _LONGEST_LINE:
        raise ValueError(
            f"{path}, line {line}: a caption is {len(text)} characters long, or a quote is never "
            f"closed; expected at most {_LONGEST_LINE}"
        )
