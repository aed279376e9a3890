"""The last line of a run says whether the host tests ran; side by side it says the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BODIES = pytest.mark.parametrize(
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


def run_in(tmp_path: Path, pack_root: Path, body: str, *more: str) -> tuple[str, str]:
    """What a run over one file of tests prints and reports, beside two ComfyUIs."""
    (tmp_path / "test_some.py").write_text(f"import pytest\n\n{body}\n")
    report = tmp_path / "report.txt"
    options = ["-c", str(pack_root / "tests" / "pytest.ini"), "--rootdir", str(tmp_path), "-p", "conftest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--host-report={report}", *more, "test_some.py"],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(pack_root / "tests"), COMFYUI_DIR=os.pathsep.join(map(str, two_comfyuis(tmp_path)))),
        capture_output=True,
        text=True,
        timeout=900,
    )
    return done.stdout, report.read_text()


def two_comfyuis(folder: Path) -> list[Path]:
    """Folders that look like an older and a newer one."""
    places = [folder / "old", folder / "new"]
    for place, version in zip(places, ("0.3.64", "0.33.0"), strict=True):
        place.mkdir(exist_ok=True)
        (place / "main.py").touch()
        (place / "comfyui_version.py").write_text(f'__version__ = "{version}"\n')
    return places


@pytest.mark.slow
@BODIES
def test_the_line(pack_root: Path, tmp_path: Path, body: str, line: str) -> None:
    line = line.replace("OLD", str(tmp_path / "old")).replace("NEW", str(tmp_path / "new"))
    printed, report = run_in(tmp_path, pack_root, body)
    assert report == line + "\n"
    assert line in printed


@pytest.mark.slow
def test_side_by_side_the_tests_in_one_comfyui_stay_together_and_the_lines_are_the_same(pack_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    tests = "\n\n".join(f"@pytest.mark.host\ndef test_{name}(comfyui_dir, worker_id):\n    note(comfyui_dir, worker_id)" for name in "abc")
    note = f"def note(place, worker):\n    with open({str(tmp_path / 'workers')!r}, 'a') as file:\n        print(place.name, worker, file=file)"
    printed, report = run_in(tmp_path, pack_root, f"{note}\n\n{tests}", "-n", "2")
    places = [("0.3.64", tmp_path / "old"), ("0.33.0", tmp_path / "new")]
    lines = [f"host tests ran in ComfyUI {version} ({place}): 3 (failed: 0, skipped: 0)" for version, place in places]
    assert sorted(report.splitlines()) == sorted(lines)
    assert all(line in printed for line in lines)
    workers = (tmp_path / "workers").read_text().splitlines()
    assert len(workers) == 6
    assert len(set(workers)) == 2, "each in a worker of its own"
