"""One prepared data set for all tests that read."""

from pathlib import Path

import pytest
from dataset_samples import SMALL, make_clip

from sgvg_core.datasets import ClipData, PrepareOptions, prepare


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> ClipData:
    """Two labels with two clips each, 1 s at 32 px, 5 frames a second; only read it, or copy its folder."""
    root = tmp_path_factory.mktemp("data")
    for number, label in enumerate(("high tone", "low tone")):
        for take, name in enumerate(("one", "two")):
            make_clip(root / "in" / label / f"{name} {label}.mp4", hertz=200 + 1000 * number + take)
    return prepare(root / "in", root / "out", PrepareOptions(**SMALL))


@pytest.fixture
def own_copy(small_data: ClipData, tmp_path: Path) -> Path:
    """A copy of its folder that a test may spoil."""
    import shutil

    return Path(shutil.copytree(small_data.folder, tmp_path / "copy"))
