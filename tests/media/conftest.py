"""The maker of sound files, for every test of this room."""

from pathlib import Path

import numpy as np
import pytest
import torch
from media_samples import KINDS, MakeSound, write_sound


@pytest.fixture
def make_sound(tmp_path: Path) -> MakeSound:
    """make_sound("a.mp3", waveform [C, N], rate, codec=, sample_format=, layout=) -> path; codec and format follow from the ending."""

    def make(name: str, waveform: np.ndarray | torch.Tensor, rate: int = 44_100, codec: str | None = None, sample_format: str | None = None,
             layout: str | None = None) -> Path:
        usual, usual_format = KINDS[name.rsplit(".", 1)[1]]
        array = np.atleast_2d(np.asarray(waveform, np.float32))
        if (codec or usual) == "vorbis" and len(array) == 1:
            array = np.repeat(array, 2, axis=0)  # FFmpeg's own vorbis encoder knows stereo only.
        return write_sound(tmp_path / name, array, rate, codec or usual, sample_format or usual_format, layout)

    return make
