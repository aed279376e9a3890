"""Laws that no other tool keeps: who may import what, by reading the code."""

import ast
import functools
import graphlib
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

import sgvg_core
from sgvg_core.first_use import names_for_type_checkers

_LAZY = "on_first_use(__name__)"
HOST_MODULES = {
    "app", "comfy", "comfy_api_nodes", "comfy_config", "comfy_execution", "comfy_extras", "execution", "folder_paths", "nodes",
    "protocol", "server", "utils",
}  # fmt: skip
MOST_BY_POSITION = 5
WITHOUT_NAMES = {"Sequential", "pack", "normal", "MadeFiles"}
"""What takes any number of parts, fields, sides or names, none of which has a keyword."""
PUBLIC = [
    "SGVGError",
    "SoundModel",
    "check_environment",
    "compose_model",
    "generate",
    "invert",
    "load_discriminator",
    "load_generator",
    "load_image_encoder",
    "load_latents",
    "load_model",
    "load_sound_encoder",
    "load_walker",
    "save_latents",
]


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@functools.cache
def tree(path: Path) -> ast.Module:
    """A file, parsed once for all tests."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[tuple[int, str, int]]:
    """(level, module, line) of each import of a file; level 0 is an absolute one."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", node.lineno


@pytest.mark.slow
def test_the_core_imports_itself_only_relatively(pack_root: Path) -> None:
    found = [
        f"{path.relative_to(pack_root)}:{line}"
        for path in sources(pack_root / "sgvg_core")
        for level, module, line in imports(path)
        if level == 0 and module.split(".")[0] == "sgvg_core"
    ]
    assert not found, f"absolute imports make a second copy of each class inside ComfyUI: {found}"


@pytest.mark.slow
def test_no_module_of_the_core_leaves_the_core(pack_root: Path) -> None:
    core = pack_root / "sgvg_core"
    found = []
    for path in sources(core):
        depth = len(path.relative_to(core).parts)
        found += [f"{path.relative_to(pack_root)}:{line}" for level, _, line in imports(path) if level > depth]
    assert not found


def test_comfyui_stays_behind_the_host_file(pack_root: Path) -> None:
    """`comfy_api` is open to all nodes; the internals to `nodes/host/` alone, and there inside functions."""
    found = []
    for path in [pack_root / "__init__.py", *sources(pack_root / "nodes")]:
        at_top = {node.lineno for node in top_level(tree(path)) if isinstance(node, ast.Import | ast.ImportFrom)}
        for level, module, line in imports(path):
            internal = level == 0 and module.split(".")[0] in HOST_MODULES
            if internal and (path.parent.name != "host" or line in at_top):
                found.append(f"{path.relative_to(pack_root)}:{line} imports {module}")
    assert not found


def top_level(within: ast.AST) -> Iterator[ast.AST]:
    """The statements that run at import: everything outside functions."""
    for node in ast.iter_child_nodes(within):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from top_level(node)


def test_nodes_use_only_public_names_and_relative_imports(pack_root: Path) -> None:
    found = []
    for path in sources(pack_root / "nodes"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom):
                private = [alias.name for alias in node.names if alias.name.startswith("_")]
                if private or (node.level == 0 and (node.module or "").split(".")[0] == "sgvg_core"):
                    found.append(f"{path.relative_to(pack_root)}:{node.lineno}")
    assert not found


def public_names(room: Path) -> list[str]:
    """`__all__` of a room, read without importing it."""
    source = (room / "__init__.py").read_text(encoding="utf-8")
    if _LAZY in source:
        return sorted(names_for_type_checkers(source))
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def is_of_the_core(line: ast.ImportFrom) -> bool:
    return line.level >= 2 and (line.module or "").split(".")[0] == "sgvg_core"


def behind_the_door(line: ast.ImportFrom, core: Path) -> list[str]:
    """What an import of a node takes from the core but not from a room's `__init__` (or from a module of the ground, which is one file)."""
    where = (line.module or "").split(".")[1:]
    if not where or (len(where) == 1 and (core / f"{where[0]}.py").exists()):
        return []
    public = public_names(core / where[0]) if len(where) == 1 else []
    return [f"{line.module}.{alias.name}" for alias in line.names if alias.name not in public]


def test_nodes_enter_rooms_by_their_door(pack_root: Path) -> None:
    core = pack_root / "sgvg_core"
    found = {
        f"{path.name}:{line.lineno}": deep
        for path in sources(pack_root / "nodes")
        for line in ast.walk(tree(path))
        if isinstance(line, ast.ImportFrom) and is_of_the_core(line) and (deep := behind_the_door(line, core))
    }
    assert not found, "let the room's __init__ say the name in __all__, and import it from the room"


@pytest.mark.parametrize("what", ["curves.curve import Curve", "curves import Band", "motion import drift"])
def test_a_node_that_goes_past_the_door_is_found(pack_root: Path, what: str) -> None:
    node = ast.parse(f"from ..sgvg_core.{what}").body[0]
    assert isinstance(node, ast.ImportFrom)
    assert is_of_the_core(node)
    assert behind_the_door(node, pack_root / "sgvg_core")


def test_names_on_first_use_are_no_modules_names(pack_root: Path) -> None:
    """Once such a module is imported, the room's attribute is the module, and who wants the name gets that."""
    doors = {path.parent: path.read_text(encoding="utf-8") for path in (pack_root / "sgvg_core").rglob("__init__.py")}
    doors = {room: text for room, text in doors.items() if _LAZY in text}
    assert len(doors) == 4
    for room, text in doors.items():
        names, package = public_names(room), importlib.import_module(".".join(room.relative_to(pack_root).parts))
        assert package.__all__ == names
        both = {path.stem for path in room.glob("*.py")} & set(names)
        assert not [name for name in both if names_for_type_checkers(text)[name] != f".{name}"]
        assert not [name for name in names if name not in both and not hasattr(package, name)]


def crowded(within: ast.AST) -> Iterator[int]:
    """The lines of the calls in `within` that pass more than `MOST_BY_POSITION` arguments by their places."""
    for node in ast.walk(within):
        if isinstance(node, ast.Call) and len(node.args) > MOST_BY_POSITION and not WITHOUT_NAMES & set(ast.unparse(node.func).split(".")):
            yield node.lineno


@pytest.mark.slow
def test_no_call_passes_more_than_five_arguments_by_position(pack_root: Path) -> None:
    files = [path for room in ("sgvg_core", "nodes") for path in sources(pack_root / room)]
    found = [f"{path.relative_to(pack_root)}:{line}" for path in files for line in crowded(tree(path))]
    assert not found, "give the arguments by name, or as one frozen dataclass of settings"


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("one(1, 2, 3, 4, 5)", []),
        ("one(1, 2, 3, 4, 5, 6)", [1]),
        ("one(1, 2, 3, four=4, five=5, six=6)", []),
        ("room.Made(*some, 2, 3, 4, 5, 6)", [1]),
        ("nn.Sequential(1, 2, 3, 4, 5, one(1, 2, 3, 4, 5, 6))", [1]),
    ],
)
def test_a_crowded_call_is_found(code: str, lines: list[int]) -> None:
    assert list(crowded(ast.parse(code))) == lines


def test_nothing_touches_the_search_path(pack_root: Path) -> None:
    found = [
        str(path.relative_to(pack_root))
        for path in [pack_root / "__init__.py", *sources(pack_root / "sgvg_core"), *sources(pack_root / "nodes")]
        if re.search(r"sys\.path\.(insert|append)|sys\.path\[", path.read_text(encoding="utf-8"))
    ]
    assert not found


@pytest.mark.slow
def test_the_import_law_is_really_kept(pack_root: Path, tmp_path: Path) -> None:
    """A breach in a copy of the pack is found: the contract isn't empty."""
    shutil.copytree(pack_root / "sgvg_core", tmp_path / "sgvg_core", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(pack_root / "pyproject.toml", tmp_path)
    (tmp_path / "sgvg_core" / "audio" / "breach.py").write_text("from ..media import anything\nimport folder_paths\n")
    code = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command(['--no-cache']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 1
    assert "sgvg_core.audio is not allowed to import sgvg_core.media" in done.stdout
    assert "sgvg_core is not allowed to import folder_paths" in done.stdout


@pytest.mark.slow
def test_imports_go_in_no_circle() -> None:
    """Of modules, also of those that are imported for types or on first use alone."""
    graph = grimp.build_graph("sgvg_core", cache_dir=None)
    order = graphlib.TopologicalSorter({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})
    order.prepare()  # raises CycleError, which names the circle
    assert len(graph.modules) > 400


def test_the_root_is_not_on_the_search_path(pack_root: Path) -> None:
    assert pack_root not in [Path(entry or os.getcwd()).resolve() for entry in sys.path]


def test_what_is_public_is_listed_and_there() -> None:
    assert sorted(sgvg_core.__all__) == PUBLIC
    assert set(PUBLIC) <= set(dir(sgvg_core))
    for name in PUBLIC:
        assert getattr(sgvg_core, name).__name__ == name


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(AttributeError, match="load_model"):
        _ = sgvg_core.load_modell  # type: ignore[attr-defined]


def test_importing_the_core_loads_nothing_heavy(pack_root: Path) -> None:
    code = "import sys, sgvg_core, sgvg_core.environment; print([n for n in ('torch', 'numpy', 'av', 'open_clip') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=pack_root, capture_output=True, text=True, timeout=900)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_root_file_is_harmless_without_a_package(pack_root: Path) -> None:
    """A collector that takes the root for a loose file must get through it."""
    code = compile((pack_root / "__init__.py").read_text(encoding="utf-8"), "__init__.py", "exec")
    names: dict[str, object] = {"__package__": "", "__name__": "__init__"}
    exec(code, names)  # noqa: S102 - the pack's own file
    assert "comfy_entrypoint" not in names


def test_tests_have_unique_names_and_are_no_packages(pack_root: Path) -> None:
    names = Counter(path.name for path in sources(pack_root / "tests") if path.name != "conftest.py")
    assert "__init__.py" not in names
    assert not [name for name, times in names.items() if times > 1]


def test_there_is_no_attic(pack_root: Path) -> None:
    attics = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}
    assert not [path for room in ("sgvg_core", "nodes") for path in sources(pack_root / room) if path.name in attics]


def test_no_folder_hides_the_workflows(pack_root: Path) -> None:
    """ComfyUI serves the first of these folders that it finds as the pack's templates."""
    served = ("example_workflows", "example", "examples", "workflow", "workflows")
    assert [name for name in served if (pack_root / name).exists()] == ["workflows"]


def test_bundled_files_stay_small(pack_root: Path) -> None:
    sizes = {path.relative_to(pack_root): path.stat().st_size for path in (pack_root / "models").rglob("*") if path.is_file()}
    weights = sum(size for path, size in sizes.items() if path.suffix == ".safetensors")
    assert weights <= 40e6, sizes
    assert sum(sizes.values()) - weights <= 1e5, sizes
    assert max(sizes.values(), default=0) <= 30e6, sizes
