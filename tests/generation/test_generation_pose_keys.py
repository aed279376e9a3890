"""Keyframes of a pose: read from a line or a table, spread over a film."""

import math
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from sgvg_core.errors import ConfigError, ShapeError
from sgvg_core.generation import (
    Pose,
    PoseKeys,
    pose_transforms,
    read_pose,
    read_pose_table,
)

FPS = Fraction(10)


def test_a_line_is_spread_evenly_over_the_film() -> None:
    keys = read_pose("x=0:0.4:0, rotate = 0:30 ,y=-0.1")
    wanted = pose_transforms(x=[0, 0.2, 0.4, 0.2, 0], rotate=[0, 7.5, 15, 22.5, 30], y=-0.1, num_frames=5)
    torch.testing.assert_close(keys.transforms(5, FPS), wanted)
    torch.testing.assert_close(keys.transforms(1, FPS), pose_transforms(y=-0.1, num_frames=1))
    assert keys.transforms(4, FPS).shape == (4, 3, 3)


def test_the_zoom_goes_by_equal_factors() -> None:
    factors = 1 / read_pose("zoom=1:4").transforms(5, FPS)[:, 0, 0]
    torch.testing.assert_close(factors, torch.tensor([1, math.sqrt(2), 2, 2 * math.sqrt(2), 4]))
    torch.testing.assert_close(PoseKeys(zoom=(2.0,)).transforms(3, FPS), pose_transforms(zoom=2.0, num_frames=3))


def test_a_table_has_times_and_holds_outside_them(tmp_path: Path) -> None:
    table = tmp_path / "drift.csv"
    table.write_text("\ufeffseconds, X ,zoom\n0.2,0,1\n\n0.4,0.4,1\n0.5,1,4\n", encoding="utf-8")
    keys = read_pose_table(table)
    assert keys == PoseKeys(x=(0.0, 0.4, 1.0), zoom=(1.0, 1.0, 4.0), seconds=(0.2, 0.4, 0.5))
    wanted = pose_transforms(x=[0, 0, 0, 0.2, 0.4, 1, 1, 1], zoom=[1, 1, 1, 1, 1, 4, 4, 4])
    torch.testing.assert_close(keys.transforms(8, FPS), wanted)
    torch.testing.assert_close(keys.transforms(16, 2 * FPS)[::2], wanted)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "pose: got no words, expected x, y, rotate, zoom"),
        ("spin=3", "pose: got 'spin=3', expected x, y, rotate, zoom"),
        ("zoom", "pose: zoom: got '', expected a number"),
        ("zoom=1:big", "pose: zoom: got 'big', expected a number"),
        ("zoom=1:0", "pose: zoom: got 0, expected factors above 0"),
        ("x=nan", "pose: x: got a number that isn't finite"),
        ("x=1,x=2", "pose: got x twice"),
    ],
)
def test_lines_that_mean_nothing_are_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_pose(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"got the columns \(none\) and 0 lines"),
        ("x,zoom\n0,1\n", "got the columns x, zoom and 1 lines of numbers, expected seconds"),
        ("seconds,x,angle\n0,1,2\n", "got the columns seconds, x, angle"),
        ("seconds,x\n", "and 0 lines of numbers"),
        ("seconds,x\n0,1\n1\n", "line 3 has 1 numbers, expected 2: seconds, x"),
        ("seconds,x\n0,left\n", "x: got 'left', expected a number"),
        ("seconds,x\n1,0\n1,2\n", "times that don't rise"),
        ("seconds,x\n0,0\nnan,2\n", "times that don't rise"),
    ],
)
def test_tables_that_mean_nothing_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "pose.csv").write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_pose_table(tmp_path / "pose.csv")


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pose.csv"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ConfigError, match="isn't a table of text"):
        read_pose_table(path)
    path.write_bytes(b"1" * (9 * 2**20))
    with pytest.raises(ConfigError, match="9 MiB, expected a table of keyframes"):
        read_pose_table(path)
    with pytest.raises(ConfigError, match="y: got 2 keyframes for 3 times"):
        PoseKeys(y=(0.0, 1.0), seconds=(0.0, 1.0, 2.0))


def test_a_pose_of_some_frames_is_that_of_the_whole() -> None:
    pose = Pose(pose_transforms(x=[0.0, 0.1, 0.2, 0.3]), "exact")
    some = pose.of_frames([0, 2, 9])
    torch.testing.assert_close(some.transforms, pose_transforms(x=[0.0, 0.2, 0.3]))
    assert some.anchor == "exact"
    with pytest.raises(ShapeError):
        pose.of_frames([])
