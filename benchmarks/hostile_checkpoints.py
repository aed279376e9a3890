"""Throw files made to do harm at the reader of checkpoints, and mutations of sound and of harmful ones, and count what happens.

    python benchmarks/hostile_checkpoints.py [--inputs 100000] [--seed 1] [--json OUT.json] [--folder FOLDER]

First every file of tests/checkpoints/hostile_corpus.py, then `--inputs` mutations: bytes changed, taken out, put in, doubled, cut off;
numbers set to extremes; opcodes and whole calls put in; stretches of two files joined; pickles changed inside a zip that is then made
sound again. What is read goes on to the layouts, as every loader does. A tenth as many more inputs are sound bytes with damaged content:
tensors of small networks of every layout lost, renamed, of other shapes, types and numbers. Python's audit hook watches every read:
starting a program, opening a socket, opening any file but the one that is read, importing, compiling, executing, changing the disk, all
count as executed, and so do the canary file that every harmful call would write and a module that appears.

Times are of the processor (the machine may be busy). Memory is the growth of the peak of the resident size over one read (Linux only).
"""

import argparse
import collections
import contextlib
import dataclasses
import io
import json
import os
import random
import signal
import struct
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "checkpoints"), str(ROOT / "tests" / "checkpoints" / "layouts")]

import damaged_layouts  # noqa: E402
import hostile_corpus as corpus  # noqa: E402
import torch._subclasses.schema_check_mode  # noqa: E402, F401  # torch imports it when it first puts its modes aside

from sgvg_core.checkpoints.layouts import recognise  # noqa: E402
from sgvg_core.checkpoints.plain import ForeignObject, Plain, network_state, read_plain, script_state  # noqa: E402
from sgvg_core.errors import CheckpointError  # noqa: E402

SLOW = 2.0
HANGS = 20.0
"""Processor seconds after which a read is broken off."""
HARMLESS = {"builtins.id", "object.__getattr__", "sys._getframe"}
"""Audit events that execute nothing."""
EXTREMES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**45, 2**62, 2**63, 2**64 - 1]
SNIPPETS = [
    b"cos\nsystem\n(S'touch " + corpus.CANARY.encode() + b"'\ntR",
    b"cbuiltins\nexec\n(S'open(\"" + corpus.CANARY.encode() + b'","w")\'\ntR',
    b"ctorch.storage\n_load_from_bytes\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ccollections\nOrderedDict\n)R",
    b"cargparse\nNamespace\n)\x81}b",
    b"cnumpy\ndtype\n",
    b"cnumpy\nndarray\n",
    b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n",
    b"(ios\nsystem\n",
    b"\x8e" + struct.pack("<Q", 2**45),
    b"r\xff\xff\xff\xff",
    b"(lp0\n",
    b"2\x86",
    b"h\x00",
    b"\x93",
    b"R",
    b"b",
    b"0",
    b"}q\x00",
]


class Watch:
    """Counts audit events while a read is under way."""

    def __init__(self) -> None:
        self.path = ""
        self.active = False
        self.seen: collections.Counter[str] = collections.Counter()
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.active or event in HARMLESS:
            return
        if (
            event == "open"
            and isinstance(args[0], str)
            and args[0] == self.path
            and "w" not in str(args[1])
            and not args[2] & (os.O_WRONLY | os.O_RDWR)
        ):
            return
        self.seen[f"{event} {str(args[0])[:60] if args else ''}"] += 1


class Hang(BaseException):
    """A read that took too long."""


def _break_off(*_: Any) -> None:
    raise Hang


@dataclasses.dataclass
class Tally:
    """What came of the files of one kind."""

    inputs: int = 0
    read: int = 0
    refused: int = 0
    known: int = 0
    """Of those that were read, the ones that a layout took for a network or latents."""
    others: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    slow: int = 0
    slowest: float = 0.0
    slowest_name: str = ""
    peak: int = 0
    peak_name: str = ""
    read_names: list[str] = dataclasses.field(default_factory=list)


class Range:
    """Reads files and tallies what comes of them."""

    def __init__(self, folder: Path) -> None:
        self.watch = Watch()
        self.folder, self.path = folder, folder / "input.bin"
        self.tallies: dict[str, Tally] = {}
        self.appeared: set[str] = set()
        self._can_reset = os.access("/proc/self/clear_refs", os.W_OK)

    def shoot(self, kind: str, name: str, data: bytes) -> None:
        """Read one file."""
        self.path.write_bytes(data)
        self._measured(kind, f"{name}, {len(data)} bytes", self._read)

    def judge(self, kind: str, name: str, data: Any) -> None:
        """Have the layouts look at plain data."""
        self._measured(kind, name, lambda: Plain("torch", data))

    def _read(self) -> Plain:
        plain = read_plain(self.path)
        if isinstance(plain.data, dict) and isinstance(plain.data.get("G_ema"), ForeignObject):
            network_state(plain.data["G_ema"])
        if plain.format == "torchscript":  # as files of CLIP go on from here
            script_state(plain.data, str(self.path))
        return plain

    def _measured(self, kind: str, name: str, read: Callable[[], Plain]) -> None:
        tally = self.tallies.setdefault(kind, Tally())
        self.watch.path = str(self.path)
        before = self._reset_peak()
        self._set_alarm(HANGS)
        modules = set(sys.modules)
        begin = time.thread_time()
        self.watch.active = True
        try:
            plain = read()
            tally.read += 1
            tally.read_names.append(name)
            with contextlib.suppress(CheckpointError):
                recognise(plain, self.path)
                tally.known += 1
        except CheckpointError as error:
            tally.refused += 1
            if str(self.path) not in str(error) and "network" not in str(error) and "tensor" not in str(error):
                tally.others[f"error without the file: {str(error)[:100]}"] += 1
        except BaseException as error:  # noqa: BLE001 (what escapes is what is looked for)
            tally.others[f"{type(error).__name__}: {str(error)[:100]} ({name})"] += 1
        finally:
            self.watch.active = False
        seconds = time.thread_time() - begin
        self._set_alarm(0)
        self.appeared |= set(sys.modules) - modules if len(sys.modules) != len(modules) else set()
        peak = self._peak() - before
        tally.inputs += 1
        tally.slow += seconds > SLOW
        if seconds > tally.slowest:
            tally.slowest, tally.slowest_name = seconds, name
        if peak > tally.peak:
            tally.peak, tally.peak_name = peak, name

    def _set_alarm(self, seconds: float) -> None:
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGPROF, _break_off)
            signal.setitimer(signal.ITIMER_PROF, seconds)

    def _reset_peak(self) -> int:
        if not self._can_reset:
            return 0
        Path("/proc/self/clear_refs").write_text("5")
        return self._peak()

    def _peak(self) -> int:
        if not self._can_reset:
            return 0
        text = Path("/proc/self/status").read_text()
        return int(text[text.index("VmHWM:") + 6 :].split(None, 1)[0]) * 1024


# ----------------------------------------------------------------------------------------------------------------------------- mutation


def flip(data: bytearray, dice: random.Random) -> None:
    """Change some bytes."""
    for _ in range(dice.choice((1, 1, 1, 2, 8))):
        data[dice.randrange(len(data))] = dice.randrange(256)


def take_out(data: bytearray, dice: random.Random) -> None:
    """Leave out a stretch."""
    at = dice.randrange(len(data))
    del data[at : at + dice.choice((1, 2, 4, 8, 64))]


def put_in(data: bytearray, dice: random.Random) -> None:
    """Put opcodes or a whole call in."""
    at = dice.randrange(len(data) + 1)
    data[at:at] = dice.choice(SNIPPETS) if dice.random() < 0.5 else dice.randbytes(dice.choice((1, 2, 8)))


def double(data: bytearray, dice: random.Random) -> None:
    """Repeat a stretch, many times now and then."""
    at = dice.randrange(len(data))
    data[at:at] = bytes(data[at : at + dice.choice((1, 3, 10, 100))]) * dice.choice((1, 1, 2, 50))


def cut_off(data: bytearray, dice: random.Random) -> None:
    """Cut the end off."""
    del data[dice.randrange(len(data)) :]


def exaggerate(data: bytearray, dice: random.Random) -> None:
    """Set a number to an extreme."""
    width = dice.choice((1, 2, 4, 8))
    at = dice.randrange(len(data))
    data[at : at + width] = (dice.choice(EXTREMES) & (1 << 8 * width) - 1).to_bytes(width, dice.choice(("little", "big")))


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [flip, flip, flip, take_out, put_in, double, cut_off, exaggerate]


def mutate(data: bytes, other: bytes, dice: random.Random) -> bytes:
    """A file that is a little, or much, like `data`."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 1, 2, 4))):
        if not changed:
            break
        if dice.random() < 0.08 and other:
            at = dice.randrange(len(other))
            changed[dice.randrange(len(changed)) :] = other[at : at + 5000]
        else:
            dice.choice(MUTATIONS)(changed, dice)
    return bytes(changed)


def mutate_inside(data: bytes, other: bytes, dice: random.Random) -> bytes:
    """A zip whose directory is sound and whose pickle (or array) is not."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = next((name for name in entries if name.endswith("data.pkl")), next(iter(entries)))
    entries[name] = mutate(entries[name], other, dice)
    return corpus.zipped(entries, dice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def run(inputs: int, seed: int, folder: Path, heavy: bool = True) -> dict[str, Any]:
    """All of it; what is printed, as a dictionary."""
    sound, hostile = corpus.sound() | damaged_layouts.files(folder), corpus.hostile()
    layouts = damaged_layouts.layouts(folder)
    spotted = Range(folder)
    for _ in range(2):  # the first round brings in all code, such as Python's codecs
        for name, data in sound.items():
            spotted.shoot("sound files", name, data)
        for name, data in layouts.items():
            spotted.judge("sound layouts", name, data)
        spotted.watch.seen.clear()
        spotted.appeared.clear()
    for name, data in hostile.items():
        spotted.shoot("made to do harm", name, data)
    for name, data in corpus.heavy().items() if heavy else ():
        spotted.shoot("as heavy as is read", name, data)
    small = [data for data in hostile.values() if 0 < len(data) < 5000]
    names = list(sound)
    dice = random.Random(seed)
    for index in range(inputs):
        name = dice.choice(names)
        other = dice.choice(small) if dice.random() < 0.5 else sound[dice.choice(names)]
        if index % 10 == 9:
            data, kind = mutate(dice.choice(small), sound[name], dice), "mutations of harmful files"
        elif sound[name].startswith(b"PK") and dice.random() < 0.7:
            data, kind = mutate_inside(sound[name], other, dice), f"mutations inside {name}"
        else:
            data, kind = mutate(sound[name], other, dice), f"mutations of {name}"
        spotted.shoot(kind, f"number {index}", data)
        if index % 10 == 0:
            spotted.judge("damaged layouts", f"number {index}", damaged_layouts.damaged(layouts[dice.choice(list(layouts))], dice))
        if inputs >= 10_000 and (index + 1) % 5000 == 0:
            print(f"{index + 1} of {inputs} ...", file=sys.stderr, flush=True)
    canaries = [str(path) for path in (folder / corpus.CANARY, Path.cwd() / corpus.CANARY, Path.home() / corpus.CANARY) if path.exists()]
    return {
        "executed": sum(spotted.watch.seen.values()) + len(canaries) + len(spotted.appeared),
        "events": dict(spotted.watch.seen),
        "canaries": canaries,
        "modules": sorted(spotted.appeared),
        "kinds": {kind: dataclasses.asdict(tally) for kind, tally in spotted.tallies.items()},
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--light", action="store_true", help="leave out the files that are as heavy as is read")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        os.chdir(name)
        found = run(options.inputs, options.seed, Path(name), not options.light)
        os.chdir(ROOT)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    print(f"{'kind':<34} {'inputs':>7} {'read':>6} {'known':>6} {'refused':>8} {'others':>6} {'> 2 s':>5} {'slowest':>8} {'peak':>8}")
    for kind, tally in found["kinds"].items():
        numbers = f"{tally['inputs']:7} {tally['read']:6} {tally['known']:6} {tally['refused']:8} {sum(tally['others'].values()):6} {tally['slow']:5}"
        print(f"{kind:<34} {numbers} {tally['slowest']:7.3f}s {tally['peak'] / 2**20:5.1f}MiB  {tally['slowest_name']}; {tally['peak_name']}")
        for other, count in tally["others"].items():
            print(f"    {count} x {other}")
    total = sum(tally["inputs"] for tally in found["kinds"].values())
    print(f"{total} inputs of {len(found['kinds'])} kinds, executed: {found['executed']} {found['events'] or ''} {found['modules'] or ''}")


if __name__ == "__main__":
    main()
