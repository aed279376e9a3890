"""Files made to do harm: each is refused with one error that names it, nothing is run, and no few bytes cost much time or memory."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import hostile_corpus as corpus
import pytest

from sgvg_core.checkpoints.allowed import ALLOWED
from sgvg_core.checkpoints.pickle_machine import ACTIONS, REFUSED_OPCODES
from sgvg_core.checkpoints.plain import read_plain
from sgvg_core.errors import CheckpointError

ROOT = Path(__file__).resolve().parent.parent.parent
HOSTILE = corpus.hostile()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The whole corpus and some mutations in a process of its own, under the audit hook."""
    out = tmp_path_factory.mktemp("hostile") / "found.json"
    script = ROOT / "benchmarks" / "hostile_checkpoints.py"
    command = [sys.executable, str(script), "--inputs", "1500", "--composed", "20", "--light", "--json", str(out)]
    subprocess.run(command, check=True, timeout=900, stdout=subprocess.DEVNULL)
    return json.loads(out.read_text())


@pytest.mark.slow
def test_nothing_is_executed(run: dict[str, Any]) -> None:
    assert run["executed"] == 0, (run["events"], run["canaries"], run["modules"])


@pytest.mark.slow
def test_no_other_errors(run: dict[str, Any]) -> None:
    """Hangs are among them: what goes on for ever is broken off and counted. How much work few bytes ask for, test_checkpoints_work counts."""
    for kind, tally in run["kinds"].items():
        assert tally["others"] == {}, kind


@pytest.mark.slow
def test_every_harmful_file_is_refused(run: dict[str, Any]) -> None:
    tally = run["kinds"]["made to do harm"]
    assert tally["inputs"] == len(HOSTILE) > 900
    assert tally["read_names"] == []
    assert run["kinds"]["sound files"]["refused"] == 0


@pytest.mark.slow
def test_memory_is_bounded(run: dict[str, Any]) -> None:
    """The largest files of the corpus have 3 MB; what they may take is stated in docs/checkpoints_security.md."""
    assert run["kinds"]["made to do harm"]["peak"] < 150 * 2**20
    assert all(tally["peak"] < 64 * 2**20 for kind, tally in run["kinds"].items() if kind.startswith(("mutations", "composed")))


@pytest.mark.slow
def test_mutations_reach_both_ends(run: dict[str, Any]) -> None:
    """A mutation run that only meets the first check, or changes nothing, shows nothing."""
    tallies = [tally for kind, tally in run["kinds"].items() if kind.startswith("mutations")]
    inputs, read = sum(tally["inputs"] for tally in tallies), sum(tally["read"] for tally in tallies)
    assert inputs == 1500
    assert 0.01 * inputs < read < 0.7 * inputs


SAID = {
    "calls: global os.system": r"refused the global 'os\.system' \(opcode GLOBAL at byte 2\)",
    "calls: stack global builtins.eval": r"refused the global 'builtins\.eval' \(opcode STACK_GLOBAL at byte",
    "calls: INST": "refused the opcode INST: it would make an object",
    "calls: EXT 0x82": "refused the opcode EXT1",
    "calls: BINPERSID": "refused the opcode BINPERSID",
    "calls: nested torch file with os.system": r"a tensor in it: refused the global 'os\.system'",
    "calls: whole module": r"refused the global 'os\.system'",
    "calls: nested in nested": "_load_from_bytes inside itself",
    "calls: codec zip": "another codec than latin1",
    "bombs: BINBYTES8 of 2^45 bytes": "cut off or damaged",
    "bombs: LONG4 of 300 KB": "a whole number of 300000 bytes",
    "bombs: memo bomb LONG_BINPUT": "an entry of the memo that was never written",
    "bombs: memo of colliding numbers": "an entry of the memo with an impossible number",
    "bombs: keys that collide": "a key of a dictionary that is a int",
    "bombs: key of nested tuples": "a key of a dictionary that is a tuple",
    "bombs: nested tuples": "nested deeper than 64 levels",
    "bombs: billion laughs of lists": r"more than \d{5} items|nested deeper",
    "bombs: billion laughs of tuples": r"more than \d{5} items|nested deeper",
    "bombs: laughs of texts": "unfolds to",
    "bombs: list in itself": "a cyclic reference",
    "bombs: network in itself": "a cyclic reference",
    "bombs: 450,000 lists": "more than 100000 lists and dictionaries",
    "bombs: marks": "nested deeper than 1000",
    "bombs: stack": "a stack of more than 100000 values",
    "bombs: opcodes": "more than 500000 opcodes",
    "bombs: call after call of one list": "unfolds to much more",
    "bombs: BUILD after BUILD of one dict": "unfolds to much more",
    "bombs: bytes of one text again and again": "unfolds to much more",
    "bombs: expanded tensor": "unfolds to",
    "bombs: 25,000 tensors": "more than 20000 tensors",
    "false_sizes: tensor beyond its storage": r"a tensor of shape \[5\] that reaches to byte 20 of a storage of 16 bytes",
    "false_sizes: stride beyond": "reaches to byte",
    "false_sizes: negative stride": "a tensor's stride that isn't",
    "false_sizes: storage cut off": "cut off or damaged",
    "false_sizes: array of objects": "a numpy array of Python objects",
    "archives: deflate bomb": "unfold to more than",
    "archives: overlapping entries": "its entries overlap|says one thing",
    "archives: entry twice": "is there twice|says one thing",
    "archives: storage that isn't there": r"bytes \('\.\./\.\./0'\) aren't in the file",
    "scripts: call": r"refused the global 'os.system' .*It's a TorchScript archive: .*torch.jit.load",
    "scripts: class outside of an archive": "refused the global '__torch__.M'",
    "scripts: class of another package": "refused the global '__torch__x.os'",
    "scripts: class that is called": "a call of __torch__.M",
    "scripts: of an old torch": "a TorchScript archive without its one table",
    "scripts: two tables": "a TorchScript archive without its one table",
    "archives: half of it": "a zip archive without its end",
    "archives: zip of a checkpoint": "'model.pth' inside; unpack it",
    "headers: npy of objects": "pickled Python objects",
    "strangers: web page": "a web page, not weights",
    "strangers: git-LFS pointer": "a git-LFS pointer",
    "strangers: JSON": "a JSON text",
    "strangers: JPEG": "a JPEG picture",
    "strangers: empty": "the file is empty",
    "strangers: zeros": "nothing but zeros",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SAID))
def test_what_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / "evil.pkl"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(CheckpointError, match=SAID[name]) as caught:
        read_plain(path)
    said = str(caught.value)
    assert said.startswith(str(path))
    assert len(said) < 700
    assert "\n" not in said


def test_every_global_has_its_reason_and_stands_in_the_documentation() -> None:
    text = (ROOT / "docs" / "checkpoints_security.md").read_text(encoding="utf-8")
    for allowed in ALLOWED.values():
        assert len(allowed.reason) > 15, allowed.name
    for (module, name), allowed in ALLOWED.items():
        if not module.startswith(("torch.cuda", "__builtin__", "copy_reg", "numpy._core", "pathlib._local")):
            shown = name if isinstance(allowed.value, str) or name.endswith("Storage") else f"{module}.{name}"
            assert re.search(rf"`{re.escape(shown)}`", text), f"{module}.{name} isn't in docs/checkpoints_security.md"


def test_no_opcode_is_both_read_and_refused() -> None:
    assert not set(ACTIONS) & set(REFUSED_OPCODES)
