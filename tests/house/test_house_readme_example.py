"""The README's Python runs as it stands there, with the model that comes with the pack."""

import re
from pathlib import Path

import pytest
import torch

from sgvg_core.assembly import BUNDLED
from sgvg_core.media import probe_sound, write_wav


@pytest.mark.slow
def test_the_readmes_lines_make_a_video(pack_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert BUNDLED.is_dir(), "the bundled model is missing"
    code = re.search(r"```python\n(.*?)```", (pack_root / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    monkeypatch.chdir(tmp_path)
    write_wav(tmp_path / "storm.wav", 0.1 * torch.randn(2, 44_100, generator=torch.Generator().manual_seed(0)), 44_100)
    exec(compile(code[1], "README.md", "exec"), {"__name__": "readme"})  # noqa: S102 - our own file
    assert capsys.readouterr().out.startswith("storm.mp4 25 ")
    assert abs(probe_sound(tmp_path / "storm.mp4").duration_seconds - 1) < 0.02
