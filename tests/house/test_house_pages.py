"""The pages: pictures next to them are shown by one of them, and the architecture is that of today's tree."""

import re
from pathlib import Path


def test_every_sheet_is_shown_by_a_page(pack_root: Path) -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in [*pack_root.glob("*.md"), *(pack_root / "docs").glob("*.md")])
    unseen = [sheet.name for sheet in (pack_root / "docs" / "sheets").iterdir() if not re.search(rf"sheets/{re.escape(sheet.name)}[)\"]", pages)]
    assert not unseen, f"no page shows {unseen}: show them, or remove them"


def part(pack_root: Path, heading: str) -> str:
    """What the page on the architecture says under a heading."""
    return (pack_root / "docs" / "architecture.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_every_room_is_in_the_architecture_and_no_other(pack_root: Path) -> None:
    rows = re.findall(r"^\| ((?:`\w+/`(?:, )?)+) \|", part(pack_root, "Five floors"), re.MULTILINE)
    rooms = {name for row in rows for name in re.findall(r"`(\w+)/`", row)}
    outside = {"nodes", "web", "workflows", "models", "walkthroughs", "benchmarks", "tests"}
    assert rooms - outside == {path.parent.name for path in (pack_root / "sgvg_core").glob("*/__init__.py")}
    assert all((pack_root / name).is_dir() for name in rooms & outside)


def test_changes_go_to_files_that_are_there(pack_root: Path) -> None:
    named = re.findall(r"`([\w/]+(?:/|\.py))`", part(pack_root, "Where a change goes"))
    assert len(named) > 30
    assert not [name for name in named if not (pack_root / "sgvg_core" / name).exists() and not (pack_root / name).exists()]
