"""What is kept between runs goes to a folder of the tests' own; tiny networks take one thread, as more only wait for each other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, one for all tests of a run."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("SGVG_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
