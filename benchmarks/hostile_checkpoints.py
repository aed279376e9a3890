"""Throw files made to do harm at the reader of checkpoints, and mutations of sound and of harmful ones, and count what happens.

    python benchmarks/hostile_checkpoints.py [--inputs 100000] [--seed 1] [--json OUT.json] [--folder FOLDER]

First every file of tests/checkpoints/hostile_corpus.py, then `--inputs` mutations: bytes changed, taken out, put in, doubled, cut off;
numbers set to extremes; opcodes and whole calls put in; stretches of two files joined; pickles changed inside a zip that is then made
sound again. Then `--composed` files made of parts that fit: large values that few bytes name again and again (arguments of calls, states of
networks, names of classes, keys), whose work is counted in steps of the interpreter; pickles of tensors of every protocol without a memo or
with an optimised one, whose numbers are held against pickle's own reading; headers of our own with drawn settings, for every loader; networks
in drawn wrappings. What is read is passed to the layouts, as every loader does. A tenth as many more inputs are sound bytes with damaged content:
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
import pickle
import pickletools
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
import hostile_pieces as pieces  # noqa: E402
import sound_corpus  # noqa: E402
import torch._subclasses.schema_check_mode  # noqa: E402  # torch imports it when it first puts its modes aside

from sgvg_core import assembly  # noqa: E402
from sgvg_core.checkpoints.layouts.detect import recognise  # noqa: E402
from sgvg_core.checkpoints.plain import ForeignObject, Plain, network_state, read_plain, script_state  # noqa: E402
from sgvg_core.errors import CheckpointError, SGVGError  # noqa: E402

SLOW = 2.0
HANGS = 20.0
"""Processor seconds after which a read is broken off."""
HARMLESS = {"builtins.id", "object.__getattr__", "sys._getframe"}
"""Audit events that execute nothing."""
STEPS_A_BYTE, ALWAYS_STEPS = 40, 200_000
"""Steps of the interpreter that a file may ask for: for each of its bytes, and in any case."""
EXTREMES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**45, 2**62, 2**63, 2**64 - 1]
SNIPPETS = [
    b"cos\nsystem\n(S'touch " + pieces.CANARY.encode() + b"'\ntR",
    b"cbuiltins\nexec\n(S'open(\"" + pieces.CANARY.encode() + b'","w")\'\ntR',
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
        if plain.format == "torchscript":  # as files of CLIP are handled from here
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

    def count(self, kind: str, name: str, data: bytes) -> None:
        """Read one file and count the steps of the interpreter; too many for its bytes are one of the `others`."""
        self.path.write_bytes(data)
        tally, counted = self.tallies.setdefault(kind, Tally()), [0]
        tally.inputs += 1

        def step(*_: Any) -> None:
            counted[0] += 1

        sys.setprofile(step)
        try:
            recognise(self._read(), self.path)
            tally.read += 1
        except CheckpointError:
            tally.refused += 1
        except Exception as error:  # noqa: BLE001 (what escapes is what is looked for)
            tally.others[f"{type(error).__name__}: {str(error)[:100]} ({name})"] += 1
        finally:
            sys.setprofile(None)
        if counted[0] > STEPS_A_BYTE * len(data) + ALWAYS_STEPS:
            tally.others[f"{counted[0]} steps for {len(data)} bytes ({name})"] += 1

    def compare(self, kind: str, name: str, data: bytes) -> None:
        """Read tensors and hold them against pickle's own reading; `data` was written here."""
        self.path.write_bytes(data)
        tally = self.tallies.setdefault(kind, Tally())
        tally.inputs += 1
        found, theirs = read_plain(self.path).data, pickle.loads(data)  # noqa: S301
        tally.read += 1
        wrong = [key for key, wanted in theirs.items() if not torch.equal(found[key], wanted)]
        if wrong:
            tally.others[f"{len(wrong)} of {len(theirs)} tensors with others' numbers ({name})"] += 1

    def build(self, kind: str, name: str, data: bytes) -> None:
        """Have every loader build what a file in our own format asks for; one that does is tallied as read."""
        self.path.write_bytes(data)
        tally = self.tallies.setdefault(kind, Tally())
        for load in LOADERS:
            tally.inputs += 1
            before = self._reset_peak()
            try:
                load(self.path)
                tally.read += 1
            except SGVGError as error:
                tally.refused += 1
                if not str(error).isprintable():
                    tally.others[f"an error that can't be printed ({name})"] += 1
            except Exception as error:  # noqa: BLE001 (what escapes is what is looked for)
                tally.others[f"{type(error).__name__}: {str(error)[:100]} ({name}, {load.__name__})"] += 1
            peak = self._peak() - before
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


def upsample2d(data: bytearray, dice: random.Random) -> None:
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


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [flip, flip, flip, take_out, put_in, upsample2d, cut_off, exaggerate]


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
    return pieces.zipped(entries, dice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


# --------------------------------------------------------------------------------------------------------------------------- composed

LOADERS: tuple[Callable[[Path], Any], ...] = (
    assembly.load_generator, assembly.load_discriminator, assembly.load_sound_encoder, assembly.load_walker, assembly.load_joint_space,
    assembly.load_judge,
)  # fmt: skip
KINDS = {
    "generator": {"img_resolution": 16, "channels": [8, 8, 8]},
    "generator3": {"img_resolution": 16, "channels": [8] * 6},
    "discriminator": {"img_resolution": 16, "channels": [8, 8, 8]},
    "sound_encoder": {"num_ws": 6, "w_dim": 8, "log_mel_size": 64, "depths": [1] * 4, "widths": [8] * 4, "pyramid_width": 8, "bounds": [2, 4],
                      "texture": 0, "stem_stride": 1},
    "walker": {"num_ws": 6, "w_dim": 8, "hidden": 8, "num_layers": 1, "bounds": [2, 4]},
    "joint_space": {"embed_dim": 8, "image_size": 32, "image_width": 2, "image_layers": [1] * 4, "text_width": 8, "text_heads": 2, "text_layers": 1,
                    "sound_widths": [8], "sound_texture": 0},
    "judge": {"image_size": 32, "widths": [8, 8], "labels": ["a"]},
}  # fmt: skip
DRAWN: tuple[Any, ...] = (
    0, 1, 2, 3, 7, 9, 12, 16, 31, 64, 255, 512, 1024, 2048, 4096, 2**31, 10**400, -1, 0.5, 1e308, None, True, "", "a\n\x1b[2J",
    [], [2048] * 4, [64] * 4,
)  # fmt: skip


def composed_shared(dice: random.Random) -> bytes:
    """A large value that is named again and again where a call, a state, a class or a key takes it."""
    width, times = dice.choice((10, 300, 3000, 20_000)), dice.choice((10, 300, 3000))
    empty, text = pieces.short(""), b"V" + b"a" * width + b"\n"
    pairs = b"".join(pieces.short(f"v{index}") + dice.choice((b"N", b"K\x01", b"]", b")")) for index in range(width))
    large = dice.choice((b"(" + empty * width + b"t", b"](" + empty * width + b"e", b"](" + (b"(" + empty + b"Nt") * width + b"e",
                         b"}(" + pairs + b"u", text, b"V" + b"__torch__." + b"a" * width + b"\n"))  # fmt: skip
    call = pieces.named(dice.choice((
        "pathlib.PosixPath", "builtins.frozenset", "builtins.set", "dnnlib.util.EasyDict", "collections.OrderedDict", "torch.Size", "torch.device",
        "_codecs.encode", "torch.storage._load_from_bytes", "torch_utils.persistence._reconstruct_persistent_obj", "numpy.dtype",
    )))  # fmt: skip
    network = pieces.named(dice.choice(("dnnlib.tflib.network.Network", "argparse.Namespace", "tfutil.Network", "__torch__.M")))
    again = dice.choice((
        call + b"h\x00\x85R", call + b"h\x00R", call + b"h\x00h\x00\x86R", network + b")\x81h\x00b", b"h\x00" + pieces.short("M") + b"\x93",
        b"}h\x00Ns", b"}" + pieces.short("a") + b"h\x00s", b"h\x00\x85", pieces.named("dnnlib.tflib.network.Network") + b")\x81}("
        + pieces.short("variables") + b"h\x00" + pieces.short("components") + b"h\x00ub",
    ))  # fmt: skip
    body = large + b"q\x000](" + again * times + b"e"
    return pieces.script(body) if network.startswith(b"c__torch__") or dice.random() < 0.2 else pieces.whole(body)


def composed_tensors(dice: random.Random) -> bytes:
    """Tensors of equal shapes and drawn numbers, in a pickle without a memo, with an optimised one, or plain."""
    shape, dtype = (dice.randrange(1, 5), dice.randrange(1, 5)), dice.choice((torch.float32, torch.float16, torch.int64, torch.uint8))
    numbers = torch.Generator().manual_seed(dice.randrange(2**31))
    made = {f"t{index}": torch.randint(100, shape, generator=numbers).to(dtype) for index in range(dice.randrange(2, 40))}
    made["again"] = made["t0"]
    protocol, file = dice.randrange(2, 6), io.BytesIO()
    pickler = pickle.Pickler(file, protocol)
    pickler.fast = dice.random() < 0.5
    pickler.dump(made)
    return pickletools.optimize(file.getvalue()) if dice.random() < 0.5 else file.getvalue()


def composed_header(dice: random.Random) -> bytes:
    """A file in our own format whose settings are drawn, some of them beyond all sizes."""
    kind, config = dice.choice(list(KINDS.items()))
    config = dict(config)
    for _ in range(dice.randrange(1, 4)):
        name, value = dice.choice(list(config)), dice.choice(DRAWN)
        many = isinstance(config[name], list) and not isinstance(value, list | str)
        config[name] = [value] * dice.choice((len(config[name]), dice.randrange(1, 12))) if many else value
    return pieces.own(kind, config, {"mel": {}})


def composed_wrappings(layouts: dict[str, Any], dice: random.Random) -> Any:
    """Networks of several layouts in drawn wrappings, shared among them."""
    made: Any = dice.choice(list(layouts.values()))
    for _ in range(dice.randrange(1, 8)):
        name = dice.choice(("G_ema", "G", "D", "ema", "state_dict", "model", "module", "0", "\n", "a.b"))
        other = dice.choice((made, *layouts.values()))
        way = dice.randrange(5)
        if way == 0:
            made = {name: made, "D": other}
        elif way == 1:
            made = [made, other]
        elif way == 2:
            made = {name: made} | dict.fromkeys(map(str, range(50)), other)
        elif way == 3:
            made = {f"{name}.{key}": value for key, value in made.items()} if isinstance(made, dict) else [[made] * 9] * 9
        else:
            made = {**made, **other} if isinstance(made, dict) and isinstance(other, dict) else (made,)
    return made


def compose(spotted: Range, count: int, layouts: dict[str, Any], dice: random.Random) -> None:
    """`count` files made of parts that fit."""
    for index in range(count):
        name = f"number {index}"
        spotted.count("composed: shared values", name, composed_shared(dice))
        spotted.compare("composed: pickles of tensors", name, composed_tensors(dice))
        spotted.build("composed: own headers", name, composed_header(dice))
        spotted.judge("composed: wrappings", name, composed_wrappings(layouts, dice))


def run(inputs: int, seed: int, folder: Path, heavy: bool = True, composed: int = 0) -> dict[str, Any]:
    """All of it; what is printed, as a dictionary."""
    sound, hostile = sound_corpus.sound() | damaged_layouts.files(folder), corpus.hostile()
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
    for name, data in corpus.settings():
        spotted.build("settings made to do harm", name, data)
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
    compose(spotted, composed, layouts, dice)
    canaries = [str(path) for path in (folder / pieces.CANARY, Path.cwd() / pieces.CANARY, Path.home() / pieces.CANARY) if path.exists()]
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
    parser.add_argument("--composed", type=int, default=2000, help="how many files of each composed kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--light", action="store_true", help="leave out the files that are as heavy as is read")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        os.chdir(name)
        found = run(options.inputs, options.seed, Path(name), not options.light, options.composed)
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
