"""The bar on the terminal."""

import time

import pytest

from sgvg_core.cli import progress
from sgvg_core.cli.progress import ProgressBar


def test_a_step_that_ends_late_is_full(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "DELAY", 0)
    with ProgressBar() as bar:
        bar(0, 10, "sound encoder, step 1")
        time.sleep(0.15)  # a bar is drawn ten times a second at the most
        bar(10.9, 10, "sound encoder, step 2")  # trainings end by minutes, the last step a little after them
        assert "100%" in capsys.readouterr().err
        bar(10.9, 10, "sound encoder, step 3")
        bar(3, None, "something of no known length")
