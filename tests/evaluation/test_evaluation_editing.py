"""The editing table: what it's about, and how it's told."""

import pytest
import torch

from sgvg_core.assembly import SoundModel, build_judge
from sgvg_core.config import JudgeConfig
from sgvg_core.errors import ConfigError
from sgvg_core.evaluation.judged import editing_table, format_editing
from sgvg_core.evaluation.judged.editing import EditingFigures, _row, held_out_renders
from sgvg_core.image_inversion import measure_ground
from sgvg_core.world import KINDS


def test_a_model_of_other_scenes_is_refused(tiny_model: SoundModel) -> None:
    judge = build_judge(JudgeConfig(widths=(8, 8), labels=KINDS)).eval()
    with pytest.raises(ConfigError, match="space"):
        editing_table(tiny_model, judge, spaces=("z",))
    if tuple(tiny_model.joint_space.labels) != KINDS:
        with pytest.raises(ConfigError, match="nine scenes"):
            editing_table(tiny_model, judge)


def test_held_out_renders_are_of_each_scene_and_always_the_same() -> None:
    like = torch.zeros(1, 3, 32, 32)
    first, again = held_out_renders(3, like), held_out_renders(2, like)
    assert first.shape == (3, 3, 32, 32)
    assert torch.equal(first[:2], again)
    assert float(first.abs().max()) <= 1


def test_the_table_is_told_with_its_intervals(tiny_model: SoundModel) -> None:
    ground = measure_ground(tiny_model.generator, 0, 100)
    found = [EditingFigures(1.0, 0.9, 0.95, ground.limit / 2, 0.04, 0.6), EditingFigures(0.0, 0.2, 0.85, ground.limit * 2, 0.06, 0.4)]
    row = _row("scene edits", found, ground)
    assert (row["right"]["value"], row["within"], row["num_edits"]) == (0.5, 0.5, 2)
    cell = {"value": 30.0, "low": 29.0, "high": 31.0}
    inversion = {"space": "w+", "images": "own renders", "num_images": 2, "least_psnr": 29.0, "within": 1.0,
                 **dict.fromkeys(("psnr", "distance", "seconds", "success", "noise_back"), cell)}
    told = format_editing({"limit": 22.5, "median": 15.0, "rows": [row], "inversions": [inversion], "cost_per_frame": 1.01})
    assert "| scene edits | 2 | 0.50 (0.00 to 1.00) | 0.90" in told
    assert "| w+ | own renders, 2 | 30.0 (29.0 to 31.0) | 29.0 |" in told
