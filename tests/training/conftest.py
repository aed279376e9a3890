"""A prepared data set that trainers are tested on."""

from pathlib import Path

import pytest
from made_clips import RATE, write_clips

from sgvg_core.datasets import ClipData, PrepareOptions, prepare


@pytest.fixture(scope="session")
def clip_data(tmp_path_factory: pytest.TempPathFactory) -> ClipData:
    """Twelve small films of three kinds."""
    folder: Path = tmp_path_factory.mktemp("clips")
    options = PrepareOptions(size=32, fps="12", sample_rate=RATE, test_share=0.25, shortest=0.5)
    return prepare(str(write_clips(folder / "films")), folder / "data", options, workers=1)
