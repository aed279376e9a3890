"""The last line of a run says whether the host tests ran."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (
            "@pytest.mark.host\ndef test_a():\n    pass\n\n@pytest.mark.host\ndef test_b():\n    assert False",
            "host tests ran: 2 (failed: 1, skipped: 0)",
        ),
        ("@pytest.mark.host\ndef test_a():\n    pytest.skip('no ComfyUI found')", "HOST TESTS NOT RUN (Skipped: no ComfyUI found)"),
        ("@pytest.mark.host\ndef test_a(nothing_of_that_name):\n    pass", "host tests ran: 1 (failed: 1, skipped: 0)"),
        ("def test_a():\n    pass", "HOST TESTS NOT RUN (none was selected)"),
        (
            "@pytest.mark.host\ndef test_a(comfyui_dir):\n    assert comfyui_dir.name == 'old'",
            "host tests ran in ComfyUI 0.3.64 (OLD): 1 (failed: 0, skipped: 0)\nhost tests ran in ComfyUI 0.33.0 (NEW): 1 (failed: 1, skipped: 0)",
        ),
    ],
)
def test_the_line(pack_root: Path, tmp_path: Path, body: str, line: str) -> None:
    places = [tmp_path / "old", tmp_path / "new"]
    for place, version in zip(places, ("0.3.64", "0.33.0"), strict=True):
        place.mkdir()
        (place / "main.py").touch()
        (place / "comfyui_version.py").write_text(f'__version__ = "{version}"\n')
    line = line.replace("OLD", str(places[0])).replace("NEW", str(places[1]))
    (tmp_path / "test_some.py").write_text(f"import pytest\n\n{body}\n")
    report = tmp_path / "report.txt"
    options = ["-c", str(pack_root / "tests" / "pytest.ini"), "--rootdir", str(tmp_path), "-p", "conftest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--host-report={report}", "test_some.py"],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(pack_root / "tests"), COMFYUI_DIR=os.pathsep.join(map(str, places))),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert report.read_text() == line + "\n"
    assert line in done.stdout
