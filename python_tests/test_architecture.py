"""The imports obey the floors of docs/architecture.md."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "alignops"
PAGE = PACKAGE.parent / "docs" / "architecture.md"

TOOLS = "tools"
"""The single files beside the rooms, such as `atomic_files.py`: everybody's, they know no room."""

FLOORS = (
    (TOOLS,),
    ("reference",),
    ("kernels",),
    ("ops",),
    ("losses",),
    ("text", "vision"),
    ("data",),
    ("models",),
    ("training", "evaluation"),
    ("methods",),
    ("demo",),
    ("cli",),
)
"""From the ground up; a room imports only from the floors below its own."""

METHODS = (
    ("common",),
    ("clip", "comalign"),
    ("mosaiclip", "powerclip", "aahr"),
    ("registry",),
    ("results",),
)


def room_of(module, root, floors):
    """The room of a module under `root`; None for modules elsewhere."""
    below = module.removeprefix(f"{root}.")
    if below == module:
        return None
    name = below.split(".")[0]
    is_file = not (PACKAGE.parent / root.replace(".", "/") / name).is_dir()
    known = any(name in floor for floor in floors)
    return TOOLS if is_file and not known and (TOOLS,) in floors else name


def imports(path):
    """The modules that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:  # a name of a module, or a module of a package
                yield f"{node.module}.{alias.name}"


def climbing(root, floors):
    """Imports that do not lead to a lower floor, as "room -> room (file)"."""
    height = {room: floor for floor, rooms in enumerate(floors) for room in rooms}
    folder = PACKAGE.parent / root.replace(".", "/")
    for path in sorted(folder.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        if module == f"{root}.__init__":
            continue
        room = room_of(module, root, floors)
        assert room in height, f"{room} has no floor in the table"
        for imported in imports(path):
            other = room_of(imported, root, floors)
            if other not in (None, room) and height.get(other, len(floors)) >= height[room]:
                yield f"{room} -> {other} ({path.relative_to(PACKAGE.parent)})"


@pytest.mark.parametrize(("root", "floors"), [("alignops", FLOORS), ("alignops.methods", METHODS)])
def test_a_room_imports_only_from_floors_below_its_own(root, floors):
    assert list(climbing(root, floors)) == []


def test_the_check_sees_an_import_that_climbs():
    upside_down = tuple(reversed(FLOORS))
    found = list(climbing("alignops", upside_down))
    assert any(line.startswith("methods -> training (") for line in found)
    assert any(line.startswith("losses -> ops (") for line in found)


def test_the_page_lists_the_same_floors():
    table = re.findall(r"^\| (`alignops/.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    listed = [
        {TOOLS if name.startswith("*") else name for name in re.findall(r"alignops/([\w*]+)", row)}
        for row in table
    ]
    assert listed == [set(rooms) for rooms in reversed(FLOORS)]


def test_a_method_is_short():
    for path in PACKAGE.glob("methods/*/method.py"):
        lines = path.read_text(encoding="utf-8").count("\n")
        assert lines < 80, f"{path} has {lines} lines"
