"""Everything a clone needs, from a bare Python: ``python tasks.py demo [SOUND]`` and ``python tasks.py test``.

Standard library only; Linux, macOS and Windows. All set-up goes into ``.venv`` next to this file; nothing outside is changed but
pip's download cache. The file keeps to a syntax that older Pythons read too, so that they can be told which one is needed.
"""

import argparse
import ast
import concurrent.futures
import contextlib
import hashlib
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STATE = "sgvg-setup.json"
OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)
BITS = sys.maxsize.bit_length() + 1
TORCH = ("torch", "torchvision")
HELD = (*TORCH, "torchaudio")  # what a ComfyUI may bring along, but in the tested version
CHECK = "import torch, torchvision, av, numpy, open_clip, PIL, safetensors, tqdm"

# Megabytes: (download, on disk once installed). Downloads are the sums of the wheels of the tested set on PyPI; the disk figures
# were measured on Linux x86_64 and are estimates elsewhere; that of the tests has what they write while they run. On Linux torch
# from PyPI brings NVIDIA's libraries along.
RUN_MB = {"linux x86_64": (2800, 5250), "linux arm64": (2900, 5400), "macos arm64": (140, 700), "windows x86_64": (190, 900)}
TEST_MB = (165, 850)
OLDER_HOST_MB, HOST_MB = (140, 450), (600, 1150)
# What is unpacked at most in addition to what is installed already, if torch's libraries come one after another (measured as the others).
PIECE_MB = 300

SYSTEMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "macos", "windows")
STEPS = ["lint", "types", "imports", "pytest"]
# Tests side by side: a worker for each core, but each takes some 1.5 GB.
SIDE_BY_SIDE = ["-n", "logical", "--maxprocesses", "8"]


class Stop(Exception):
    """One line for the user; the task ends with exit code 2."""


# ---------------------------------------------------------------------------------------------------------------- what is needed


def machine() -> "str":
    """The kind of machine, as in RUN_MB: "linux x86_64", "macos arm64", "windows x86_64", ..."""
    system = {"Darwin": "macos"}.get(platform.system(), platform.system().lower())
    processor = platform.machine().lower()
    return "{} {}".format(system, {"amd64": "x86_64", "aarch64": "arm64"}.get(processor, processor))


def check_python(version: "tuple" = tuple(sys.version_info[:3]), kind: "str | None" = None, bits: "int" = BITS) -> "None":
    """Raise Stop unless PyTorch has a build for this Python on this machine."""
    if not OLDEST_PYTHON <= tuple(version[:2]) <= NEWEST_PYTHON:
        names = [f"python3.{minor}" for minor in range(NEWEST_PYTHON[1], OLDEST_PYTHON[1] - 1, -1)]
        found = next((name for name in names if shutil.which(name)), None)
        advice = f"run: {found} tasks.py" if found else "install one from https://www.python.org/downloads/"
        raise Stop(f"Python 3.{OLDEST_PYTHON[1]} to 3.{NEWEST_PYTHON[1]} is needed, this is {version[0]}.{version[1]}; {advice}")
    if bits < 64:
        raise Stop("This is a 32-bit Python, and PyTorch is 64-bit only; install the 64-bit Python from https://www.python.org/downloads/")
    if (kind or machine()) == "macos x86_64":
        raise Stop("PyTorch has no builds for Intel Macs since version 2.3, and 2.6 is the oldest that works here; use another machine.")


def check_venv_tools(has: "Callable[[str], object] | None" = None, release: "str | None" = None) -> "None":
    """Raise Stop, naming the package to install, if this Python can't make a virtual environment with pip."""
    from importlib.util import find_spec

    missing = [name for name in ("venv", "ensurepip") if not (has or find_spec)(name)]
    if not missing:
        return
    if release is None:
        release = Path("/etc/os-release").read_text(errors="replace") if Path("/etc/os-release").is_file() else ""
    words = set(release.lower().replace('"', " ").replace("=", " ").split())
    version = "{}.{}".format(*sys.version_info[:2])
    if words & {"debian", "ubuntu"}:
        advice = f"install it with: sudo apt install python{version}-venv"
    elif words & {"fedora", "rhel", "centos"}:
        advice = "install it with: sudo dnf install python3-pip python3-libs"
    elif "suse" in words or "opensuse" in words:
        advice = "install it with: sudo zypper install python3-pip python3-venv"
    elif "alpine" in words:
        advice = "install it with: apk add python3 py3-pip (and mind that PyTorch has no builds for Alpine)"
    else:
        advice = "install the full Python from https://www.python.org/downloads/ (an embedded one, as in ComfyUI portable, can't do it)"
    raise Stop("This Python has no {} and can't make an environment; {}".format(" and no ".join(missing), advice))


def find_comfyuis(environment: "Mapping[str, str] | None" = None, root: "Path" = ROOT, home: "Path | None" = None) -> "list":
    """The ComfyUIs to test in.

    Those of COMFYUI_DIR, parted as in PATH; else the one two folders above the pack (custom_nodes/PACK); else ~/ComfyUI and what lies
    next to it as ~/ComfyUI-ANYTHING. [] without one.
    """
    named = (os.environ if environment is None else environment).get("COMFYUI_DIR")
    if named:
        paths = [Path(part) for part in named.split(os.pathsep) if part]
        for path in paths:
            if not is_comfyui(path):
                raise Stop(f"COMFYUI_DIR is {named}, but there is no ComfyUI (main.py and comfyui_version.py) in {path}")
        return list(dict.fromkeys(path.absolute() for path in paths))
    # The path as it was called, not resolved: the pack may be a link inside custom_nodes.
    above = [path for path in list(root.parents)[1:2] if is_comfyui(path)]
    home = home or Path.home()
    return above or [path for path in [home / "ComfyUI", *sorted(home.glob("ComfyUI-*"))] if is_comfyui(path)]


def is_comfyui(path: "Path") -> "bool":
    """Whether `path` is the folder of a ComfyUI."""
    return (path / "main.py").is_file() and (path / "comfyui_version.py").is_file()


def comfyui_version(path: "Path") -> "str":
    """What a ComfyUI calls itself, such as 0.3.64; "?" if it doesn't say."""
    lines = (path / "comfyui_version.py").read_text(errors="replace").splitlines()
    return next((line.partition("=")[2].strip(" \"'") for line in lines if line.startswith("__version__")), "?")


def host_folder(comfyui: "Path", venv: "Path" = VENV) -> "Path":
    """The environment of a ComfyUI: its own packages, and behind them those of `venv`."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in comfyui.name)
    return venv / "hosts" / f"{plain}-{hashlib.sha256(os.fsencode(comfyui.absolute())).hexdigest()[:8]}"


def host_python(comfyui: "Path", venv: "Path" = VENV) -> "Path":
    """The interpreter of a ComfyUI's environment."""
    return interpreter(host_folder(comfyui, venv))


def interpreter(environment: "Path") -> "Path":
    """The interpreter of an environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


# ------------------------------------------------------------------------------------------------------------------------- set-up


class Setup:
    """The environment of this clone, those of the ComfyUIs behind it, and the parts that are finished in them.

    A part ("run", "test", "resolve", or the folder of a ComfyUI's environment) is finished when the state file holds the hash of the
    files it's made from. The state file is written before the first step and says "busy" while pip works in the clone's environment, so
    that a half-made one is known and made again. A ComfyUI's environment is struck from it while it's made, and alone made again.
    """

    def __init__(self, venv: "Path" = VENV, root: "Path" = ROOT, comfyuis: "Sequence[Path]" = ()) -> "None":
        self.venv, self.root = venv, root
        self.hosts = {host_folder(path, venv).name: path for path in comfyuis}
        self.tight = False

    @property
    def python(self) -> "Path":
        """The environment's interpreter."""
        return interpreter(self.venv)

    def files(self, part: "str") -> "list":
        """What a part is made from."""
        own = {"run": ["requirements.txt", "constraints.txt"], "test": ["requirements-test.txt", "constraints.txt"]}
        files = [self.root / name for name in own.get(part, ["constraints.txt"])]
        return files + ([self.hosts[part] / "requirements.txt"] if part in self.hosts else [])

    def wanted(self, part: "str") -> "str":
        """The hash that stands for a finished part."""
        digest = hashlib.sha256()
        for path in self.files(part):
            digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
        return digest.hexdigest()

    def state(self) -> "dict":
        """What the state file says; {} without a readable one."""
        try:
            state = json.loads((self.venv / STATE).read_text())
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def save(self, **changes: "str | bool") -> "None":
        """Change the state file, in one step."""
        text = json.dumps({**self.state(), **changes}, indent=1, sort_keys=True)
        part = self.venv / (STATE + ".part")
        part.write_text(text)
        part.replace(self.venv / STATE)

    def works(self) -> "bool":
        """Whether the environment's interpreter starts, is of a usable version and has pip."""
        code = f"import sys, pip; sys.exit(not ({OLDEST_PYTHON!r} <= sys.version_info[:2] <= {NEWEST_PYTHON!r}))"
        command = [str(self.python), "-c", code]
        try:
            return subprocess.run(command, env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        except OSError:
            return False

    def missing(self, parts: "Sequence[str]") -> "list":
        """The parts that have yet to be installed."""
        state = self.state()
        if state.get("busy") or not self.python.exists():
            return list(parts)
        there = {part: part not in self.hosts or interpreter(self.venv / "hosts" / part).exists() for part in parts}
        return [part for part in parts if state.get(part) != self.wanted(part) or not there[part]]

    def bring(self, *parts: "str") -> "None":
        """Install what is missing of `parts`, saying first what that means; returns in milliseconds when nothing is."""
        if not self.missing(parts) and self.works():
            return
        check_venv_tools()
        with locked(self.root / ".venv.lock"):
            missing = self.missing(parts)
            fresh = not self.python.exists() or bool(self.state().get("busy")) or not self.works()
            if fresh:
                missing = list(parts)
            if fresh:
                self.clear()
            self.tight = announce(missing, self.root, self.hosts)
            if fresh:
                self.make()
            own = [part for part in missing if part not in self.hosts]
            self.save(busy=bool(own))
            for part in own:
                self.install(part)
            self.save(busy=False, **{part: self.wanted(part) for part in own})
            for part in (part for part in missing if part in self.hosts):
                self.save(**{part: ""})
                self.install(part)
                self.save(**{part: self.wanted(part)})

    def clear(self) -> "None":
        """Remove what an interrupted set-up left; Stop if it's something else."""
        if self.venv.is_symlink() or self.venv.is_file():
            raise Stop(f"{self.venv} is in the way: it's a link or a file; move it away")
        if self.venv.is_dir():
            ours = (self.venv / STATE).exists() or (self.venv / "pyvenv.cfg").exists() or not any(self.venv.iterdir())
            if not ours:
                raise Stop(f"{self.venv} is in the way: it isn't a Python environment; move it away")
            say("The environment in .venv isn't complete (an interrupted set-up?); making it again.")
            shutil.rmtree(str(self.venv))

    def make(self) -> "None":
        """A new, empty environment."""
        self.venv.mkdir()
        self.save(busy=True)
        say("Making .venv with Python {}.{}.{} ...".format(*sys.version_info[:3]))
        run_or_stop([sys.executable, "-m", "venv", str(self.venv)], "the environment couldn't be made")
        self.pip("pip and its progress bar", "--upgrade", "pip", quiet=True)

    def install(self, part: "str") -> "None":
        """One part, by pip."""
        if part == "run":
            if self.tight:
                self.install_torch_in_pieces()
            self.pip("PyTorch and the pack's requirements", *TORCH, "-r", "requirements.txt")
            say("Checking that it can be imported ...")
            run_or_stop([str(self.python), "-c", CHECK], "the installed packages don't work together")
        elif part == "test":
            self.pip("the tools of the tests", "-r", "requirements-test.txt")
        elif part == "resolve":
            self.pip("uv, which resolves for other systems", "uv")
        elif part in self.hosts:
            self.make_host(self.venv / "hosts" / part)
            self.install_host(self.hosts[part])

    def install_torch_in_pieces(self) -> "None":
        """torch and then what it needs, one after another: pip holds everything it downloads in one call until all of it is installed."""
        self.pip("torch by itself, since the disk is tight", "--no-deps", "torch=={}".format(pinned("torch", self.root)))
        code = "import importlib.metadata as m; print(*(r for r in m.requires('torch') if 'extra ==' not in r), sep='\\n')"
        needed = subprocess.run([str(self.python), "-c", code], env=clean_environment(), stdout=subprocess.PIPE, check=True, text=True).stdout
        for requirement in needed.splitlines():
            self.pip(requirement.partition(";")[0], "--no-warn-conflicts", requirement)

    def make_host(self, folder: "Path") -> "None":
        """A new environment for a ComfyUI, which finds in the clone's what it hasn't got itself: torch above all."""
        if folder.is_dir():
            shutil.rmtree(str(folder))
        run_or_stop([str(self.python), "-m", "venv", "--without-pip", str(folder)], "the environment couldn't be made")
        behind, own = (site_packages(python) for python in (self.python, interpreter(folder)))
        (own / "sgvg.pth").write_text(f"import site; site.addsitedir({str(behind)!a})\n")

    def install_host(self, comfyui: "Path") -> "None":
        """ComfyUI's requirements under the tested set; if they don't fit it, as it wants them, but with our torch."""
        what, python = f"the requirements of the ComfyUI in {comfyui}", host_python(comfyui, self.venv)
        # requests: the main.py of some imports it but their list doesn't name it.
        arguments = ["-r", str(comfyui / "requirements.txt"), "requests"]
        try:
            self.pip(what, *arguments, python=python)
        except Stop:
            say("They don't fit the tested set; trying again with only torch held.")
            held = self.venv / "torch-held.txt"
            held.write_text("".join(f"{name}=={pinned(name, self.root)}\n" for name in HELD))
            self.pip(what, *arguments, constraints=str(held), python=python)

    def pip(
        self, what: "str", *arguments: "str", constraints: "str" = "constraints.txt", quiet: "bool" = False, python: "Path | None" = None
    ) -> "None":
        """``pip install`` into the environment (or that of `python`), under the constraints of the tested set. Raises Stop if it fails."""
        say(f"Installing {what} ...")
        command = [str(python or self.python), "-m", "pip", "install", "--disable-pip-version-check", "-c", constraints, *arguments]
        command += ["--quiet"] * quiet + ["--no-cache-dir"] * self.tight
        # pip unpacks downloads in the temporary folder, which is often too small for torch.
        scratch = tempfile.mkdtemp(prefix="pip-", dir=str(self.venv))
        environment = dict(clean_environment(), TMPDIR=scratch, TEMP=scratch, TMP=scratch)
        try:
            with heartbeat():
                code = subprocess.run(command, cwd=str(self.root), env=environment, stdin=subprocess.DEVNULL).returncode
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if code:
            kept = "" if self.tight else "; what is downloaded is kept"
            raise Stop(f"pip couldn't install {what}: its last lines say why. Run the same command again{kept}.")


def site_packages(python: "Path") -> "Path":
    """Where an interpreter's environment keeps its packages."""
    command = [str(python), "-c", "import sysconfig; print(ascii(sysconfig.get_path('purelib')))"]
    return Path(ast.literal_eval(subprocess.run(command, env=clean_environment(), stdout=subprocess.PIPE, check=True, text=True).stdout))


def announce(parts: "Sequence[str]", root: "Path" = ROOT, hosts: "Mapping[str, Path] | None" = None) -> "bool":
    """Say what will be downloaded and what disk is needed and free; answers as `is_tight`. Raises Stop if the disk is too full."""
    known = machine() in RUN_MB
    sizes = {"run": RUN_MB.get(machine(), RUN_MB["linux x86_64"]), "test": TEST_MB, "resolve": (30, 80)}
    names = {"run": f"PyTorch {pinned('torch', root)} and the pack's requirements", "test": "lint, types and test tools"}
    names["resolve"] = "uv"
    for part, comfyui in (hosts or {}).items():
        names[part] = f"the requirements of {comfyui}"
        sizes[part] = OLDER_HOST_MB if comfyui_version(comfyui).startswith("0.3.") else HOST_MB
    say("Set-up in {}".format(root / ".venv"))
    for part in parts:
        say("  {:<48} about {:>5} MB to download, {:>5} MB on disk".format(names[part], *sizes[part]))
    if "run" in parts and machine().startswith("linux"):
        say("  (most of it are NVIDIA's CUDA libraries, which PyTorch for Linux brings along, with or without such a device)")
    if not known:
        say(f"  (the sizes are those of Linux x86_64; {machine()} wasn't measured)")
    return is_tight(root, [sizes[part] for part in parts])


def is_tight(root: "Path", sizes: "Sequence[tuple]") -> "bool":
    """Whether there is room only if pip keeps no downloads and installs in pieces. Raises Stop if there isn't even that.

    `sizes` are the parts' megabytes, (download, on disk once installed), in the order of installing.
    """
    full: list = []
    for tight in (False, True):
        disks = [(folder, needed, shutil.disk_usage(folder).free // 10**6) for folder, needed in disk_needs(root, sizes, tight).items()]
        for folder, needed, free in disks:
            how = "if pip keeps no downloads and installs piece by piece" if tight else "while installing"
            say(f"  {needed} MB needed on the disk of {folder} {how}, {free} MB free")
        full = [disk for disk in disks if disk[2] < disk[1]]
        if not full:
            return tight
    folder, needed, free = full[0]
    raise Stop(f"The disk of {folder} has {free} MB free and {needed} MB are needed; make room and run the same command again")


def disk_needs(root: "Path", sizes: "Sequence[tuple]", tight: "bool", cache: "Path | None" = None) -> "dict":
    """Megabytes needed at the fullest moment, by folder: the environment, what pip unpacks, and its cache, which may lie on another disk.

    pip holds what it downloads in one call until all of it is installed, as well as the copies in its cache.
    """
    installed = list(itertools.accumulate(disk for _, disk in sizes))
    unpacked = [min(download, PIECE_MB) if tight else download for download, _ in sizes]
    if tight or os.environ.get("PIP_NO_CACHE_DIR"):
        kept = [0] * len(sizes)
    else:
        kept = list(itertools.accumulate(download for download, _ in sizes))
    folder = cache or cache_folder()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if kept[-1] and os.stat(str(folder)).st_dev != os.stat(str(root)).st_dev:
        return {str(root): max(map(sum, zip(installed, unpacked, strict=True))), str(folder): kept[-1]}
    return {str(root): max(map(sum, zip(installed, unpacked, kept, strict=True)))}


def cache_folder() -> "Path":
    """Where pip keeps its downloads."""
    if os.environ.get("PIP_CACHE_DIR"):
        return Path(os.environ["PIP_CACHE_DIR"])
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "pip" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "pip"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pip"


def pinned(package: "str", root: "Path" = ROOT) -> "str":
    """The tested version of a package, from constraints.txt."""
    lines = (root / "constraints.txt").read_text().splitlines()
    return next(line.partition("==")[2].partition(";")[0].strip() for line in lines if line.startswith(package + "=="))


@contextlib.contextmanager
def locked(path: "Path") -> "Iterator[None]":
    """Hold a lock that the system drops by itself when the process ends; Stop if another set-up holds it."""
    with open(str(path), "w") as file:
        try:
            if os.name == "nt":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Stop("Another set-up is at work in this folder; wait for it, then run the same command again") from None
        yield


@contextlib.contextmanager
def heartbeat(seconds: "float" = 20.0) -> "Iterator[None]":
    """Where no terminal shows pip's bar, a line every so often: unpacking torch is silent for a minute or more."""
    done = threading.Event()
    start = time.monotonic()

    def beat() -> "None":
        while not done.wait(seconds):
            say(f"  ... at work for {time.monotonic() - start:.0f} s")

    thread = threading.Thread(target=beat, daemon=True)
    if not sys.stdout.isatty():
        thread.start()
    try:
        yield
    finally:
        done.set()


def clean_environment() -> "dict":
    """This process's environment without what would lead the new interpreter or pip astray."""
    dropped = {"PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_CONSTRAINT", "__PYVENV_LAUNCHER__"}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in dropped}
    return dict(kept, PIP_USER="0", PYTHONNOUSERSITE="1", PYTHONUNBUFFERED="1")


# -------------------------------------------------------------------------------------------------------------------------- tasks


def task_setup(options: "argparse.Namespace", rest: "list") -> "int":
    """Only the set-up of `demo`."""
    Setup().bring("run")
    say(f"Ready: {Setup().python}")
    return 0


def task_demo(options: "argparse.Namespace", rest: "list") -> "int":
    """A finished video and a contact sheet, from a sound file or from a sound that the pack makes."""
    setup = Setup()
    if options.sound and not Path(options.sound).is_file():
        raise Stop(f"There is no sound file {options.sound}")
    setup.bring("run")
    sound = [str(Path(options.sound).absolute())] if options.sound else []
    return call([str(setup.python), "-m", "sgvg_core", "demo", *sound, *rest], cwd=ROOT)


def task_test(options: "argparse.Namespace", rest: "list") -> "int":
    """Lint, types, import law and tests; all of them run, even after one has failed. Types are checked while the tests run."""
    comfyuis = [] if options.fast else find_comfyuis()
    setup = Setup(comfyuis=comfyuis)
    setup.bring("run", "test", *setup.hosts)
    steps = [step for step in STEPS if not options.only or step in options.only]
    report = VENV / "host-tests.txt"
    with contextlib.suppress(FileNotFoundError):
        report.unlink()
    results = []
    with concurrent.futures.ThreadPoolExecutor(1) as aside:
        types = aside.submit(said_by, step_command("types", setup, options.fast, rest, report), typing_tree()) if "types" in steps else None
        for step in (step for step in steps if step != "types"):
            say(f"\n== {step}")
            start = time.monotonic()
            code = call(step_command(step, setup, options.fast, rest, report), ROOT, comfyuis)
            results.append((step, code, time.monotonic() - start))
        if types is not None:
            code, seconds, said = types.result()
            say(f"\n== types\n{said.strip()}")
            results.insert(steps.index("types"), ("types", code, seconds))
    say("")
    for step, code, seconds in results:
        say("{:<8} {:<7} {:6.1f} s".format(step, "ok" if code == 0 else "FAILED", seconds))
    if "pytest" in steps:
        say(report.read_text().strip() if report.is_file() else "HOST TESTS NOT RUN (the test run didn't finish)")
    return 1 if any(code for _, code, _ in results) else 0


def step_command(step: "str", setup: "Setup", fast: "bool", rest: "list", report: "Path") -> "list":
    """The command line of one step."""
    python = str(setup.python)
    if step == "lint":
        return [python, "-m", "ruff", "check", "."]
    if step == "types":
        return [python, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "-p", "sgvg_pack"]
    if step == "imports":
        return [python, "-c", "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"]
    named = any((ROOT / argument.partition("::")[0]).exists() for argument in rest if not argument.startswith("-"))
    paths = rest if named else ["tests", *rest]  # the words after -k and -m are no paths
    return [python, "-m", "pytest", f"--host-report={report}", *SIDE_BY_SIDE, *(["-m", "not host and not slow"] if fast else []), *paths]


def typing_tree(target: "Path | None" = None, root: "Path" = ROOT) -> "Path":
    """The pack's Python files in a folder that holds them as the package `sgvg_pack`, as ComfyUI would load them.

    The nodes import the core by a relative import, which mypy only follows inside a package, and the folder of a clone may have a
    name that no package can have. Copies, because links need rights on Windows; times are kept for mypy's cache.
    """
    target = target or VENV / "typing"
    if (target / "sgvg_pack").is_dir():
        shutil.rmtree(str(target / "sgvg_pack"))
    for path in [root / "__init__.py", root / "tasks.py", *(root / "sgvg_core").rglob("*.py"), *(root / "nodes").rglob("*.py")]:
        copy = target / "sgvg_pack" / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(str(path), str(copy))
    return target


def task_resolve(options: "argparse.Namespace", rest: "list") -> "int":
    """Whether the requirements can be met by wheels alone on every supported Python and system: a dry resolution by uv.

    Not pip's: for another Python than its own, pip reads the conditions in requirements as if they were for its own.
    """
    setup = Setup()
    setup.bring("resolve")
    failed = 0
    for system in SYSTEMS:
        for minor in range(OLDEST_PYTHON[1], NEWEST_PYTHON[1] + 1):
            versions, error = resolve(setup, f"3.{minor}", system)
            failed += bool(error)
            say(f"Python 3.{minor} {system:<24} {error or f'{len(versions)} packages: {shown(versions)}'}")
    return 1 if failed else 0


def resolve(setup: "Setup", version: "str", system: "str") -> "tuple":
    """({package: version}, "") of the run and test requirements under the tested set, or ({}, what went wrong)."""
    files = ["-", "requirements.txt", "requirements-test.txt", "-c", "constraints.txt"]
    command = [str(setup.python), "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:"]
    command += ["--python-version", version, "--python-platform", system, *files]
    done = subprocess.run(command, cwd=str(ROOT), env=clean_environment(), input="\n".join(TORCH), capture_output=True, text=True)
    if done.returncode:
        return {}, "FAILED: " + " ".join(done.stderr.split())
    return dict(line.split(" ")[0].split("==") for line in done.stdout.splitlines() if "==" in line), ""


def shown(versions: "dict") -> "str":
    """The packages that matter, with their versions."""
    names = ["torch", "torchvision", "numpy", "av", "open-clip-torch", "pillow", "pytest", "librosa"]
    return ", ".join(f"{name} {versions[name]}" for name in names if name in versions)


# --------------------------------------------------------------------------------------------------------------------------- tools


def say(text: "str") -> "None":
    """A line for the user, at once."""
    print(text, flush=True)


def call(command: "list", cwd: "Path", comfyuis: "Sequence[Path]" = ()) -> "int":
    """The exit code of a command that shares our terminal."""
    environment = clean_environment()
    # The tests' models are tiny: threads only cost them time, above all on a machine that's busy. And they start so many processes that
    # compiling the pack and a ComfyUI anew in each would be a good part of it all.
    if "pytest" in command:
        environment.setdefault("OMP_NUM_THREADS", "1")
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if comfyuis:
        environment["COMFYUI_DIR"] = os.pathsep.join(map(str, comfyuis))
    return subprocess.run(command, cwd=str(cwd), env=environment).returncode


def said_by(command: "list", cwd: "Path") -> "tuple":
    """(exit code, seconds, what it said) of a command that runs while another one shares our terminal."""
    start = time.monotonic()
    done = subprocess.run(command, cwd=str(cwd), env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, time.monotonic() - start, done.stdout.decode(errors="replace")


def run_or_stop(command: "list", problem: "str") -> "None":
    """Run a command; Stop with `problem` if it fails."""
    if subprocess.run(command, cwd=str(ROOT), env=clean_environment()).returncode:
        raise Stop(f"{problem}: the lines above say why. Run the same command again, or remove .venv first")


def main(arguments: "list | None" = None) -> "int":
    """Run a task; 2 for something the user can mend."""
    parser = argparse.ArgumentParser(prog="python tasks.py", description=__doc__.splitlines()[0])
    tasks = parser.add_subparsers(dest="task", metavar="TASK")
    demo = tasks.add_parser("demo", help="a finished video and a contact sheet; further options go to `python -m sgvg_core demo`")
    demo.add_argument("sound", nargs="?", metavar="SOUND", help="a sound file (default: the pack makes one)")
    test = tasks.add_parser("test", help="lint, types, import law and tests; further options go to pytest")
    test.add_argument("--fast", action="store_true", help="without the tests that need ComfyUI and the slow ones")
    test.add_argument("--only", action="append", choices=STEPS, help="only this step (may be repeated)")
    tasks.add_parser("setup", help="only the set-up that demo needs")
    tasks.add_parser("resolve", help="can the requirements be met on Python 3.10 to 3.13, Linux, macOS, Windows?")
    options, rest = parser.parse_known_args(arguments)
    if options.task is None:
        parser.print_help()
        return 2
    try:
        check_python()
        return {"demo": task_demo, "test": task_test, "setup": task_setup, "resolve": task_resolve}[options.task](options, rest)
    except Stop as stop:
        print(f"error: {stop}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
