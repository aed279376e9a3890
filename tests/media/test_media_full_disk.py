"""A full disk, whatever is written: one error that names the file, nothing half-written, and what stood there stays."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

KINDS = ("film.mp4", "film.mov", "film.mkv", "film.webm", "film.gif", "frames", "image.png", "image.jpg", "image.webp", "latents.safetensors",
         "latents.npy", "latents.npz")  # fmt: skip

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits on the size of files are POSIX's")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process found that had a limit on the size of files."""
    command = [sys.executable, str(Path(__file__).with_name("full_disk_child.py")), str(tmp_path_factory.mktemp("full"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_full_disk_is_one_error_and_the_old_file_stays(found: dict[str, Any], name: str) -> None:
    assert len(found[name]) == 3
    for kind, said, names, unchanged in found[name]:
        assert kind in ("MediaError", "CheckpointError"), said
        assert name in said
        assert "can't be written" in said
        assert "free space" in said
        assert "\n" not in said
        assert names == [name]
        assert unchanged
