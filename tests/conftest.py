"""What all tests share: `sgvg_core` by its name, the place of ComfyUI, and the count of host tests.

The pack's root must not be on sys.path: its `nodes` and `tests` are also names of ComfyUI's. So the core is registered by itself.
"""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytest_plugins = ["host_process"]


def _load(name: str, path: Path) -> ModuleType:
    """Import the file (a package, if it's an ``__init__.py``) as top-level module `name`, without any search path."""
    places = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=places)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


# `python -m pytest` puts the current folder first; when that is the root it has to go.
sys.path[:] = [entry for entry in sys.path if Path(entry or os.getcwd()).resolve() != ROOT]
if "sgvg_core" not in sys.modules:
    _load("sgvg_core", ROOT / "sgvg_core" / "__init__.py")
if "tasks" not in sys.modules:
    _load("tasks", ROOT / "tasks.py")


@pytest.fixture(scope="session")
def pack_root() -> Path:
    """The folder of the pack."""
    return ROOT


@pytest.fixture(scope="session")
def comfyui_dir() -> Path:
    """The folder of a real ComfyUI; the test is skipped where there's none."""
    found = sys.modules["tasks"].find_comfyui()
    if found is None:
        pytest.skip("no ComfyUI found: set COMFYUI_DIR")
    return found


@pytest.fixture(scope="session")
def tiny_model() -> Any:
    """A model of the real classes with random weights, built in milliseconds."""
    from sgvg_core.assembly import build_model
    from sgvg_core.presets import TINY

    return build_model(TINY, seed=1)


@pytest.fixture(scope="session")
def tiny_model_folder(tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as a folder of files."""
    from sgvg_core.assembly import save_model
    from sgvg_core.presets import TINY

    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_model(folder, tiny_model, TINY)
    return folder


# ---- how many host tests ran: the last line of the run, and a file for the task that started it

_host = {"ran": 0, "failed": 0, "skipped": 0, "reason": ""}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--host-report", metavar="FILE", help="write the line about the host tests into this file too")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "host" not in report.keywords:
        return
    if report.skipped:
        _host["skipped"] += 1
        _host["reason"] = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    elif report.when == "call" or report.failed:
        _host["ran"] += 1
        _host["failed"] += report.failed


def host_line() -> str:
    """What the run's last line says of the host tests."""
    if not _host["ran"]:
        return f"HOST TESTS NOT RUN ({_host['reason'] or 'none was selected'})"
    return f"host tests ran: {_host['ran']} (failed: {_host['failed']}, skipped: {_host['skipped']})"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.section("host")
    terminalreporter.write_line(host_line())
    if config.getoption("--host-report"):
        Path(config.getoption("--host-report")).write_text(host_line() + "\n")
