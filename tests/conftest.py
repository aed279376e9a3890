"""What all tests share: `sgvg_core` by its name, the place of ComfyUI, and the count of host tests.

The pack's root must not be on sys.path: its `nodes` and `tests` are also names of ComfyUI's. So the core is registered by itself.
"""

import dataclasses
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytest_plugins = ["host_process"]

# Where tests run side by side, a worker's own threads would only take cores from the others. Before torch is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


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


@pytest.fixture(autouse=True)
def _no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """No step takes long enough for a bar, however busy the machine is: what a test reads on the terminal hangs on no clock."""
    monkeypatch.setattr("sgvg_core.cli.progress.DELAY", 1e9)


@pytest.fixture(scope="session")
def pack_root() -> Path:
    """The folder of the pack."""
    return ROOT


def comfyuis() -> list[Path]:
    """The ComfyUIs to test in."""
    try:
        return sys.modules["tasks"].find_comfyuis()
    except sys.modules["tasks"].Stop as stop:
        raise pytest.UsageError(str(stop)) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that ask for a ComfyUI run in each of them; all of one ComfyUI, then all of the next."""
    if "comfyui_dir" in metafunc.fixturenames:
        found = comfyuis()
        names = ["ComfyUI-" + sys.modules["tasks"].comfyui_version(path) for path in found]
        metafunc.parametrize("comfyui_dir", found or [None], ids=names or ["no ComfyUI"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def comfyui_dir(request: pytest.FixtureRequest) -> Path:
    """The folder of a real ComfyUI; the test is skipped where there's none."""
    if request.param is None:
        pytest.skip("no ComfyUI found: set COMFYUI_DIR")
    return request.param


@pytest.fixture(scope="session")
def comfyui_python(comfyui_dir: Path) -> str:
    """The interpreter that has what this ComfyUI needs: that of the environment which tasks.py made for it, else the one of the tests."""
    made = sys.modules["tasks"].host_python(comfyui_dir)
    return str(made if made.exists() else sys.executable)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the pack keeps between runs goes to a folder of the tests' own, the same for all workers, and for ComfyUIs and commands too."""
    base = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SGVG_CACHE", str((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"))
        yield


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


# ---- tests side by side, where pytest-xdist is installed and -n is given: see docs/testing.md


def scope(test: str) -> str:
    """What goes to one worker: the tests of one file, which share fixtures and may go on from one another; those in one ComfyUI."""
    host = re.search(r"\[.*(ComfyUI-[\w.]+)", test)
    return host[1] if host else test.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands out one scope after another, in the order of collection."""
    from xdist.scheduler import LoadScopeScheduling

    class ByScope(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

    config.option.loadscopereorder = False
    return ByScope(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, what takes longest comes first, so that no worker is left alone with it at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        slow = {scope(item.nodeid) for item in items if item.get_closest_marker("slow") or item.get_closest_marker("host")}
        items.sort(key=lambda item: scope(item.nodeid) not in slow)


# ---- how many host tests ran, and in which ComfyUI: the last lines of the run, and a file for the task that started it


@dataclasses.dataclass
class HostCount:
    ran: int = 0
    failed: int = 0
    skipped: int = 0
    reason: str = ""

    def line(self, where: str) -> str:
        if not self.ran:
            return f"HOST TESTS NOT RUN{where} ({self.reason or 'none was selected'})"
        return f"host tests ran{where}: {self.ran} (failed: {self.failed}, skipped: {self.skipped})"


_hosts: dict[str, HostCount] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--host-report", metavar="FILE", help="write the lines about the host tests into this file too")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Note in which ComfyUI a host test ran."""
    report = yield
    found = item.callspec.params.get("comfyui_dir") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    report.host = "" if found is None else f" in ComfyUI {sys.modules['tasks'].comfyui_version(found)} ({found})"
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "host" not in report.keywords:
        return
    count = _hosts.setdefault(report.host, HostCount())  # type: ignore[attr-defined]
    if report.skipped:
        count.skipped += 1
        count.reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    elif report.when == "call" or report.failed:
        count.ran += 1
        count.failed += report.failed


def host_lines() -> str:
    """What the run's last lines say of the host tests, a line for each ComfyUI."""
    return "\n".join(count.line(where) for where, count in (_hosts or {"": HostCount()}).items())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.section("host")
    terminalreporter.write_line(host_lines())
    if config.getoption("--host-report"):
        Path(config.getoption("--host-report")).write_text(host_lines() + "\n")
