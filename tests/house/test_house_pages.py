"""The pages: what lies beside them is shown by one of them."""

import re
from pathlib import Path


def test_every_sheet_is_shown_by_a_page(pack_root: Path) -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in [*pack_root.glob("*.md"), *(pack_root / "docs").glob("*.md")])
    unseen = [sheet.name for sheet in (pack_root / "docs" / "sheets").iterdir() if not re.search(rf"sheets/{re.escape(sheet.name)}[)\"]", pages)]
    assert not unseen, f"no page shows {unseen}: show them, or remove them"
