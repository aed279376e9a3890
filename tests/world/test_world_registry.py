"""A new scene is one file: the registry finds it, and everything that goes through all scenes knows it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sgvg_core.world import KINDS, SCENES

SCENE = '''
"""Snow: nothing is heard but a faint hiss."""

import numpy as np

from ..gait import Curve, Gait
from ..paint import Grid
from ..scene import Frame, Scene, SceneKind
from ..sounds.tools import Bench, Wave


def paint(grid: Grid, scene: Scene) -> Frame:
    return lambda envelope, phase: np.full((3, grid.n, grid.n), envelope, np.float32)


def sound(bench: Bench) -> Wave:
    return bench.noise(500, 5000, -3) * 0.1


def envelope(gait: Gait) -> Curve:
    return 0.5 + 0.1 * gait.sway(0.1, 0.5)


SCENE = SceneKind("falling snow", paint, sound, envelope, ("falling snow", "snow"), steady=True)
'''
ASKED = """
import json, numpy, sgvg_core.world as world
from sgvg_core.training.world.sound_data import STEADY_KINDS
from sgvg_core.world.captions import NAMES
made = world.clip("falling snow", 1, 0.5, 8, 32)
print(json.dumps({"kinds": world.KINDS, "frames": made.frames.shape, "moved": float(numpy.ptp(made.envelope)),
                  "sound": float(numpy.ptp(made.waveform)), "words": NAMES["falling snow"], "steady": "falling snow" in STEADY_KINDS}))
"""


@pytest.mark.slow
def test_a_tenth_scene_is_one_file(pack_root: Path, tmp_path: Path) -> None:
    shutil.copytree(pack_root / "sgvg_core", tmp_path / "sgvg_core", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "sgvg_core" / "world" / "scenes" / "snow.py").write_text(SCENE, encoding="utf-8")
    child = subprocess.run([sys.executable, "-c", ASKED], cwd=tmp_path, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    said = json.loads(child.stdout)
    assert said["kinds"] == [*KINDS, "falling snow"]  # codes of the first nine stay what they are
    assert said["frames"] == [4, 32, 32, 3]
    assert min(said["moved"], said["sound"]) > 0
    assert (said["words"], said["steady"]) == (["falling snow", "snow"], True)


def test_each_scene_says_all_of_itself() -> None:
    assert len(SCENES) == 9
    for scene in SCENES:
        assert scene.wordings[0] == scene.name
        assert len(set(scene.wordings)) == len(scene.wordings) >= 10
