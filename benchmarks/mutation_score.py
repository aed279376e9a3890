"""Whether the tests would notice: small changes are made to a module, one at a time, and its tests must fail on each.

    python -m pip install cosmic-ray
    python benchmarks/mutation_score.py [MODULE ...] [--sample N] [--seed S] [--keep FOLDER]

Which tests belong to which module, and which surviving mutants change nothing that counts, is in `mutation_score.toml`. The changes are
cosmic-ray's operators, and one of ours that drops a statement. Of arithmetic operators each is replaced by its inverse alone: the others
(shifts, say) mostly raise, and a test that only runs the line would count as one that checks it.

The tests of a module are run once, noting which lines of it each runs. Then every mutant is tried in a process of its own, forked from
one that has imported all that isn't changed by it, by the tests that run the mutated line, quickest first. Nothing is written into the
tree: the mutant is handed to the import system. A mutant has a share of processor time, not of the clock. POSIX and Python 3.11 alone.
"""

import argparse
import ast
import contextlib
import dataclasses
import gc
import importlib
import importlib.abc
import importlib.util
import json
import os
import random
import resource
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import tomllib

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = Path(__file__).with_suffix(".toml")
OPERATORS = (
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_Mul", "Pow_Mul", "BitAnd_BitOr",
                                                   "BitOr_BitAnd")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt", "Eq_NotEq",
                                                       "NotEq_Eq", "Is_IsNot", "IsNot_Is")),
    "AddNot", "NumberReplacer", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue",
    "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_Delete_USub", "ReplaceUnaryOperator_Delete_Invert", "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak", "ZeroIterationForLoop",
)  # fmt: skip
_HEAVY = ("torch", "torch.nn.functional", "numpy", "open_clip", "av", "PIL.Image", "safetensors.torch", "tqdm", "pytest", "torch.testing",
          "torch._dynamo", "torch.utils.deterministic")  # fmt: skip
"""Imported before the fork, by their names; one that isn't there is left out."""
_TIMES_AS_LONG, _SECONDS_MORE = 4.0, 20.0
"""A mutant's limit: a factor on the processor time that the same tests took, and seconds on top."""
_MORE_MEMORY = 12 << 30


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change of a module's source."""

    module: str
    operator: str
    number: int
    """Which of the operator's places in the module."""
    line: int
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """What it's called in logs: it stays the same while the module does."""
        return f"{self.operator} {self.number}"


# ------------------------------------------------------------ mutants


def drop_statement() -> Any:
    """cosmic-ray's operator that isn't there: a call that is a statement (an update, a note, a check) is left out."""
    import parso.python.tree
    from cosmic_ray.operators.operator import Operator

    class DropStatement(Operator):
        def mutation_positions(self, node: Any) -> Iterator[Any]:
            alone = node.type in ("atom_expr", "power") and node.parent is not None and node.parent.type == "simple_stmt"
            if alone and any(child.type == "trailer" and child.children[0].value == "(" for child in node.children if child.type == "trailer"):
                yield node.start_pos, node.end_pos

        def mutate(self, node: Any, index: int) -> Any:
            return parso.python.tree.Keyword("pass", node.start_pos, prefix=node.get_first_leaf().prefix)

        @classmethod
        def examples(cls) -> Sequence[Any]:
            return ()

    return DropStatement()


def every_operator() -> dict[str, Any]:
    """The operators by their names."""
    from cosmic_ray.plugins import get_operator

    return {**{name: get_operator(f"core/{name}")() for name in OPERATORS}, "DropStatement": drop_statement()}


def plain(source: str) -> str:
    """A program without what doesn't run: annotations, texts of documentation."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.dump(tree)


def places_of(source: str, operators: dict[str, Any]) -> list[tuple[str, int]]:
    """Every operator with the number of every place in a program that it may change."""
    from cosmic_ray.ast import ast_nodes, get_ast

    nodes = list(ast_nodes(get_ast(source)))
    counts = {name: sum(len(list(operator.mutation_positions(node))) for node in nodes) for name, operator in operators.items()}
    return [(name, number) for name, count in counts.items() for number in range(count)]


def mutants_of(module: str, sample: int, seed: int) -> list[Mutant]:
    """`sample` of a module's mutants (0: all) that differ from it in what runs, and that can be compiled.

    They come in a random order, the same for a seed: so a run that is cut off is a sample too.
    """
    from cosmic_ray.mutating import mutate_code

    source, operators = path_of(module).read_text(encoding="utf-8"), every_operator()
    places, lines, unchanged, found = places_of(source, operators), source.splitlines(), plain(source), []
    random.Random(f"{seed}/{module}").shuffle(places)
    for name, number in places:
        changed = mutate_code(source, operators[name], number)
        if changed is not None and not _runs_the_same(changed, unchanged):
            line, after = _difference(lines, changed.splitlines())
            found.append(Mutant(module, name, number, line, lines[line - 1].strip(), after, changed))
            if len(found) == sample:
                break
    return found


def _runs_the_same(changed: str, unchanged: str) -> bool:
    """Whether a changed program is the unchanged `plain` one in all that runs, or can't be compiled at all."""
    try:
        return plain(changed) == unchanged
    except SyntaxError:
        return True


def _difference(before: list[str], after: list[str]) -> tuple[int, str]:
    line = next(index for index, (old, new) in enumerate(zip(before, after, strict=False)) if old != new)
    return line + 1, after[line].strip()


def path_of(module: str) -> Path:
    """The file of a module of the pack."""
    return ROOT / f"{module.replace('.', '/')}.py"


# ------------------------------------------------------------ one run of tests, in a process of its own


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another source."""

    def __init__(self, module: str, source: str) -> None:
        self.module, self.source = module, source

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self, origin=str(path_of(fullname))) if fullname == self.module else None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(path_of(self.module))
        exec(compile(self.source, module.__file__, "exec"), module.__dict__)  # noqa: S102


class LinesOfTests:
    """A plugin of pytest: which lines of a file each test runs, with its fixtures, and how long it takes."""

    def __init__(self, path: Path) -> None:
        self.path, self.now = str(path), ""
        self.lines: dict[str, set[int]] = {"": set()}
        self.seconds: dict[str, float] = {}

    def trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename != self.path:
            return None
        self.lines.setdefault(self.now, set()).add(frame.f_lineno)
        return self.trace

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.now = nodeid

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_runtest_logfinish(self) -> None:
        self.now = ""


class FirstFailure:
    """A plugin of pytest: which test failed."""

    def __init__(self) -> None:
        self.failed = ""

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def run_pytest(words: Sequence[str], plugin: Any) -> int:
    """pytest's exit code; nothing is printed."""
    import pytest

    os.chdir(ROOT / "tests")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    quick = ["-m", "not host", "-p", "no:cacheprovider", "-p", "no:unraisableexception", "-o", "faulthandler_timeout=0"]
    quiet = ["-q", "--assert=plain", "--no-header", "--no-summary", "--durations=0", "--durations-min=1e9"]
    return int(pytest.main([*quick, *quiet, "--rootdir", str(ROOT / "tests"), *words], plugins=[plugin]))


def in_a_child(work: Any, out: Path, cpu_seconds: float | None = None) -> int:
    """Run `work()` in a forked process whose output goes to `out`; the status with which it ended (-n: by signal n)."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setpgid(0, 0)
            handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, 1), os.dup2(handle, 2)
            if cpu_seconds is not None:
                limit = int(cpu_seconds) + 1
                resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
                resource.setrlimit(resource.RLIMIT_AS, (virtual_memory() + _MORE_MEMORY,) * 2)
            status = work()
        except BaseException:  # noqa: BLE001  a child must never continue as its parent
            traceback.print_exc()
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what a killed test run leaves
    return os.waitstatus_to_exitcode(ended)


def virtual_memory() -> int:
    """Bytes of address space of this process."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") if Path("/proc").exists() else 1 << 40


# ------------------------------------------------------------ a module


def baseline(module: str, tests: Sequence[str], keep: Path) -> dict[str, Any]:
    """Which lines each test runs; kept in a file, for as long as the module and the tests are the same."""
    made_of = [path_of(module).read_text(), *(path.read_text() for test in tests for path in files_of(ROOT / "tests" / test))]
    path = keep / f"{module}.lines.json"
    if path.exists() and (found := json.loads(path.read_text()))["made_of"] == made_of:
        return dict(found)

    def work() -> int:
        plugin = LinesOfTests(path_of(module))
        sys.settrace(plugin.trace)
        threading.settrace(plugin.trace)
        status = run_pytest(tests, plugin)
        sys.settrace(None)
        lines = {name: sorted(some) for name, some in plugin.lines.items()}
        if status == 0:
            path.write_text(json.dumps({"made_of": made_of, "lines": lines, "seconds": plugin.seconds}))
        return status

    status = in_a_child(work, keep / f"{module}.lines.log")
    if status:
        raise SystemExit(f"{module}: its tests fail without any mutant (status {status}): {keep / f'{module}.lines.log'}")
    return dict(json.loads(path.read_text()))


def files_of(path: Path) -> list[Path]:
    """The Python files of a test path."""
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def tests_for(mutant: Mutant, known: dict[str, Any]) -> list[str]:
    """The tests that run a mutated line, quickest first. A line that runs at import is everyone's."""
    statement = lines_of_statement(path_of(mutant.module).read_text(), mutant.line)
    touched = [name for name, lines in known["lines"].items() if name and statement & set(lines)]
    if not touched or statement & at_import(path_of(mutant.module).read_text()):
        touched = list(known["seconds"])
    if not touched:
        raise SystemExit(f"{mutant.module}: no test runs")
    return sorted(touched, key=lambda name: known["seconds"].get(name, 0.0))


def lines_of_statement(source: str, line: int) -> set[int]:
    """All lines of the smallest statement around a line."""
    around = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0)]
    smallest = min(around, key=lambda node: (node.end_lineno or 0) - node.lineno, default=None)
    if smallest is None:
        return {line}
    if hasattr(smallest, "body"):  # of a compound statement its head alone
        return set(range(smallest.lineno, smallest.body[0].lineno)) or {line}
    return set(range(smallest.lineno, (smallest.end_lineno or 0) + 1))


def at_import(source: str) -> set[int]:
    """The lines that run when a module is imported."""

    def lines(code: CodeType, nested: bool) -> Iterator[int]:
        if not nested:
            yield from (line for _, _, line in code.co_lines() if line)
        for inner in code.co_consts:
            if isinstance(inner, CodeType) and "__qualname__" in inner.co_names and "__module__" in inner.co_names:
                yield from lines(inner, False)  # the body of a class

    return set(lines(compile(source, "module", "exec"), False))


def try_mutant(mutant: Mutant, known: dict[str, Any], keep: Path) -> dict[str, Any]:
    """What became of a mutant: "killed" by a test, "killed" by its processor time, or "survived"."""
    tests = tests_for(mutant, known)
    note = keep / "failed.txt"
    note.unlink(missing_ok=True)

    if mutant.module in sys.modules:
        raise SystemExit(f"{mutant.module}: imported before it can be changed")

    def work() -> int:
        sys.meta_path.insert(0, Mutated(mutant.module, mutant.source))
        plugin = FirstFailure()
        status = run_pytest(["-x", *tests], plugin)
        note.write_text(plugin.failed)
        return status

    began = time.monotonic()
    limit = _TIMES_AS_LONG * sum(known["seconds"].get(test, 0.0) for test in tests) + _SECONDS_MORE
    status = in_a_child(work, keep / "mutant.log", limit)
    by = note.read_text() if note.exists() else ""
    if status and not by:
        by = "processor time" if status in (-signal.SIGXCPU, -signal.SIGKILL) else f"status {status}"
    return {
        "name": mutant.name, "module": mutant.module, "line": mutant.line, "before": mutant.before, "after": mutant.after,
        "outcome": "survived" if status == 0 else "killed", "by": by, "seconds": round(time.monotonic() - began, 2), "tests": len(tests),
    }  # fmt: skip


def is_known(outcome: dict[str, Any], equivalent: Iterable[dict[str, str]]) -> bool:
    """Whether a survivor is listed as one that changes nothing."""
    return any(outcome["module"] == one["module"] and outcome["before"] == one["before"] and outcome["after"] == one["after"] for one in equivalent)


def score(outcomes: Sequence[dict[str, Any]], equivalent: Sequence[dict[str, str]]) -> str:
    """One line of the table, and the survivors that aren't listed."""
    counts = Counter("known" if outcome["outcome"] == "survived" and is_known(outcome, equivalent) else outcome["outcome"] for outcome in outcomes)
    tried = counts["killed"] + counts["survived"]
    share = 100 * counts["killed"] / tried if tried else 100.0
    return f"{counts['killed']} of {tried} killed ({share:.1f} %), {counts['known']} more survive that change nothing which counts"


def main() -> int:
    """The command."""
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=list(settings["tests"]), metavar="MODULE", help="such as sgvg_core.walker.blocks")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="number of mutants of each module, drawn by --seed (0: all)")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--keep", type=Path, default=ROOT / ".venv" / "mutants", metavar="FOLDER", help="logs; a run that was stopped resumes")
    parser.add_argument("--again", action="store_true", help="try those that survived before once more, since the tests have changed")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    sys.path[:] = [entry for entry in sys.path if Path(entry or os.getcwd()).resolve() != ROOT]
    prepare()
    import_unchanged(options.modules)
    for module in options.modules:
        print(f"{module}: {run_module(module, settings, options)}", flush=True)
    return 0


def prepare() -> None:
    """Import what every test needs, once; it must hold no threads, since they don't survive a fork."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    for name in _HEAVY:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    importlib.import_module("torch").set_num_threads(1)


def import_unchanged(modules: Sequence[str]) -> None:
    """Import all of the pack that none of `modules` can change, so that no mutant has to import it again."""
    import grimp

    sys.path.append(str(ROOT))
    graph = grimp.build_graph("sgvg_core")
    for name in graph.modules - {"sgvg_core"}:
        graph.add_import(importer=name, imported=name.rpartition(".")[0])  # a package is imported before what is in it
    changed = set(modules).union(*(graph.find_downstream_modules(module) for module in modules))
    for name in sorted(graph.modules - changed):
        if not name.endswith("__main__"):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    sys.path.remove(str(ROOT))
    gc.collect()
    gc.freeze()  # children needn't go through it again


def run_module(module: str, settings: dict[str, Any], options: argparse.Namespace) -> str:
    """Try the mutants of a module; its line of the table."""
    log = options.keep / f"{module}.jsonl"
    outcomes = {outcome["name"]: outcome for outcome in map(json.loads, log.read_text().splitlines())} if log.exists() else {}
    known = baseline(module, settings["tests"][module], options.keep)
    mutants = mutants_of(module, options.sample, options.seed)
    equivalent = settings.get("equivalent", [])
    for number, mutant in enumerate(mutants):
        before = outcomes.get(mutant.name)
        if before is not None and (before["before"], before["after"]) != (mutant.before, mutant.after):
            before = None  # the module is another now
        if before is not None and not (options.again and before["outcome"] == "survived" and not is_known(before, equivalent)):
            continue
        outcome = outcomes[mutant.name] = try_mutant(mutant, known, options.keep)
        with log.open("a") as lines:
            lines.write(json.dumps(outcome) + "\n")
        if outcome["outcome"] == "survived" and not is_known(outcome, equivalent):
            print(f"  {number + 1}/{len(mutants)} {module}:{mutant.line} {mutant.name}\n    - {mutant.before}\n    + {mutant.after}", flush=True)
    return score([outcomes[mutant.name] for mutant in mutants], equivalent)


if __name__ == "__main__":
    sys.exit(main())
