"""Files made to do harm, and sound files to make more of by mutation: names and bytes, for the tests and for benchmarks/hostile_checkpoints.py.

Whatever would run something would write the canary file. Nothing here is ever loaded but by the reader under test.
"""

import io
import json
import pickle
import struct
import warnings
import zipfile
import zlib
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import safetensors.torch
import torch

CANARY = "sgvg-canary"
SHELL = f"touch {CANARY}"
SOURCE = f"open({CANARY!r}, 'w').close()"

_NAMES = """
    os.system posix.system nt.system os.popen os.execv os.remove subprocess.Popen subprocess.check_output builtins.eval builtins.exec
    builtins.compile builtins.__import__ builtins.getattr builtins.setattr builtins.open builtins.globals builtins.vars builtins.type builtins.map
    builtins.apply builtins.input builtins.breakpoint builtins.print builtins.bytearray builtins.list builtins.dict builtins.object
    builtins.complex __builtin__.eval __builtin__.execfile importlib.import_module importlib.__import__ runpy.run_path runpy.run_module
    runpy._run_code pickle.loads _pickle.loads pickle.load pickle.Unpickler dill.loads cloudpickle.loads joblib.load shelve.open marshal.loads
    types.FunctionType types.CodeType types.ModuleType operator.attrgetter operator.methodcaller operator.itemgetter functools.partial
    functools.reduce itertools.starmap torch.load torch.serialization.load torch.hub.load torch.hub._load_local torch.jit.load
    torch.classes.load_library torch.ops.load_library torch.package.PackageImporter torch.utils.cpp_extension.load_inline
    torch._dynamo.utils.import_submodule torch.storage._load_from_bytes.__globals__ torch.nn.Module torch.Tensor
    torch._utils._rebuild_device_tensor_from_numpy torch._tensor._rebuild_from_type_v2 torch.nn.modules.linear.Linear
    torch.distributed.rpc.rpc_sync numpy.load numpy.fromfile numpy.memmap numpy.f2py.compile numpy.testing._private.utils.runstring
    numpy.distutils.exec_command.exec_command copyreg.__newobj__ copyreg.add_extension copyreg.constructor codecs.decode _codecs.decode
    codecs.escape_decode ctypes.CDLL ctypes.cdll.LoadLibrary socket.socket urllib.request.urlopen urllib.request.urlretrieve
    http.client.HTTPConnection webbrowser.open antigravity.fly shutil.rmtree shutil.copyfile pathlib.Path.unlink pathlib.os.system sys.exit
    sys.setrecursionlimit sys.modules threading.Thread multiprocessing.Process signal.alarm time.sleep code.interact pty.spawn pdb.set_trace
    timeit.timeit cProfile.run profile.run doctest.debug_script trace.Trace logging.config.fileConfig unittest.mock._importer tempfile.mktemp
    asyncio.run bdb.Bdb idlelib.run.main pip.main pip._internal.main ensurepip.bootstrap venv.create zipimport.zipimporter pkgutil.resolve_name
    dnnlib.util.open_url dnnlib.util.call_func_by_name dnnlib.util.construct_class_by_name dnnlib.util.Logger
    torch_utils.persistence._src_to_module torch_utils.persistence.persistent_class torch_utils.custom_ops.get_plugin collections.deque
    collections.defaultdict collections.namedtuple
"""
CALLABLES = tuple(_NAMES.split())


def short(data: bytes | str) -> bytes:
    """A text of up to 255 bytes."""
    data = data.encode() if isinstance(data, str) else data
    return b"\x8c" + bytes([len(data)]) + data


def number(value: int) -> bytes:
    """A whole number."""
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def numbers(values: tuple[int, ...]) -> bytes:
    """A tuple of whole numbers."""
    return b"(" + b"".join(map(number, values)) + b"t"


def named(path: str) -> bytes:
    """A global by its dotted name."""
    module, _, name = path.rpartition(".")
    return f"c{module}\n{name}\n".encode()


def stack_named(path: str) -> bytes:
    """The same, as protocol 4 writes it."""
    module, _, name = path.rpartition(".")
    return short(module) + short(name) + b"\x93"


def whole(body: bytes, protocol: int = 4) -> bytes:
    """A pickle of a body of opcodes."""
    return bytes([0x80, protocol]) + body + b"."


def legacy(body: bytes, keys: bytes = b"].", raw: bytes = b"") -> bytes:
    """A torch file before the zip format, of the given data pickle."""
    preamble = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    return preamble + pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, 2) + whole(body, 2) + b"\x80\x02" + keys + raw


def blob(data: bytes) -> bytes:
    """Bytes in a pickle."""
    return b"B" + struct.pack("<I", len(data)) + data


def nested(data: bytes) -> bytes:
    """A call of torch's loader of bytes."""
    return named("torch.storage._load_from_bytes") + blob(data) + b"\x85R"


def storage_file(num_floats: int = 4) -> bytes:
    """The nested bytes of a real storage."""
    file = io.BytesIO()
    memory = torch.arange(float(num_floats)).untyped_storage()
    torch.save(torch.storage.TypedStorage(wrap_storage=memory, dtype=torch.float32, _internal=True), file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def tensor(offset: int, shape: tuple[int, ...], stride: tuple[int, ...], storage: bytes | None = None) -> bytes:
    """A tensor on a nested storage of 16 bytes."""
    where = (nested(storage_file()) if storage is None else storage) + number(offset) + numbers(shape) + numbers(stride)
    return named("torch._utils._rebuild_tensor_v2") + b"(" + where + b"\x89" + named("collections.OrderedDict") + b")RtR"


def array(dtype: bytes, shape: tuple[int, ...], data: bytes, more: bytes = b"") -> bytes:
    """A numpy array with the given opcodes of its number type."""
    made = named("numpy.core.multiarray._reconstruct") + named("numpy.ndarray") + numbers((0,)) + blob(b"b") + b"\x87R"
    return made + b"(K\x01" + numbers(shape) + dtype + b"\x89" + blob(data) + more + b"tb"


def dtype(code: str = "f4", state: bytes = b"(K\x03" + short("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb") -> bytes:
    """A numpy number type."""
    return named("numpy.dtype") + short(code) + b"\x89\x88\x87R" + state


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def torch_zip(body: bytes, **data: bytes) -> bytes:
    """A torch zip of the given data pickle and storages."""
    return zipped({"a/data.pkl": whole(body, 2), "a/version": b"3\n", **{f"a/data/{key[1:]}": value for key, value in data.items()}})


def zip_storage(key: str, count: int, kind: str = "torch.FloatStorage") -> bytes:
    """A storage of a torch zip by its key."""
    return b"(" + short("storage") + named(kind) + short(key) + short("cpu") + number(count) + b"tQ"


# ------------------------------------------------------------------------------------------------------------------------ made to harm


def calls() -> Iterator[tuple[str, bytes]]:
    """Everything that a pickle could call."""
    for path in CALLABLES:
        argument = SHELL if "system" in path or "open" in path.lower() else SOURCE
        for form, give in (("global", named), ("stack global", stack_named)):
            yield f"{form} {path}", whole(give(path) + short(argument) + b"\x85R")
    system = b"cos\nsystem\n"
    yield "INST", whole(b"(" + short(SHELL) + b"ios\nsystem\n")
    yield "OBJ", whole(b"(" + system + short(SHELL) + b"o")
    yield "NEWOBJ", whole(named("subprocess.Popen") + short(SHELL) + b"\x85\x81")
    yield "NEWOBJ_EX", whole(named("collections.OrderedDict") + b")}\x92")
    for code in (b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00"):
        yield f"EXT 0x{code[:1].hex()}", whole(code)
    yield "PERSID", whole(b"P" + SHELL.encode() + b"\n")
    yield "BINPERSID", whole(short(SHELL) + b"Q")
    yield "NEXT_BUFFER", whole(b"\x97", 5)
    yield "READONLY_BUFFER", whole(blob(b"abc") + b"\x98", 5)
    yield (
        "getattr chain",
        whole(named("builtins.getattr") + named("collections.OrderedDict") + short("__init__") + b"\x86R" + short("__globals__") + b"\x86R"),
    )
    yield "REDUCE of a text", whole(short("os.system") + short(SHELL) + b"\x85R")
    yield "REDUCE of a type that isn't called", whole(named("torch.FloatStorage") + number(10**9) + b"\x85R")
    yield "REDUCE with a list", whole(named("collections.OrderedDict") + b"]R")
    yield "REDUCE of a storage's call", whole(named("numpy.ndarray") + numbers((2**40,)) + b"\x85R")
    yield "BUILD of a list", whole(b"]}" + short("__class__") + named("collections.OrderedDict") + b"sb")
    yield "BUILD of a tensor", whole(tensor(0, (4,), (1,)) + b"}" + short("__class__") + short(SHELL) + b"sb")
    yield "BUILD of a text", whole(short("a") + b"}b")
    yield "BUILD with slots", whole(named("argparse.Namespace") + b")\x81}" + short("a") + b"K\x01s\x86b")
    yield "codec zip", whole(named("_codecs.encode") + short("a" * 99) + short("zip") + b"\x86R")
    yield "codec of a list", whole(named("_codecs.encode") + short("a") + b"]\x86R")
    yield "_reconstructor of Popen", whole(named("copy_reg._reconstructor") + named("subprocess.Popen") + named("__builtin__.object") + b"N\x87R")
    yield "_reconstructor of a text", whole(named("copyreg._reconstructor") + short("os.system") + named("builtins.object") + b"N\x87R")
    yield "nested pickle of os.system", whole(nested(whole(system + short(SHELL) + b"\x85R", 2)))
    yield "nested torch file with os.system", whole(nested(legacy(system + short(SHELL) + b"\x85R")))
    yield "os.system instead of torch's mark", whole(system + short(SHELL) + b"\x85R") + legacy(b"N")
    yield "os.system among a torch file's keys", legacy(b"N", system + short(SHELL) + b"\x85R.")
    yield "nested in nested", whole(nested(legacy(nested(storage_file()))))
    yield "nested zip", whole(nested(torch_zip(b"N")))
    yield "whole module", legacy(b"(" + short("module") + system + short("a.py") + short(SOURCE) + b"tQ")
    yield "storage of os.system", legacy(b"(" + short("storage") + system + short("0") + short("cpu") + number(1) + b"NtQ")
    yield "call inside a torch zip", torch_zip(system + short(SHELL) + b"\x85R")
    yield "persistent object without a state", whole(named("torch_utils.persistence._reconstruct_persistent_obj") + b"}\x85R")
    yield "class as data", whole(b"]" + named("numpy.ndarray") + b"a")


def bombs() -> Iterator[tuple[str, bytes]]:
    """Few bytes that ask for much memory or time."""
    for name, code in {"BINBYTES8": b"\x8e", "BINUNICODE8": b"\x8d", "BYTEARRAY8": b"\x96", "FRAME": b"\x95"}.items():
        yield f"{name} of 2^45 bytes", whole(code + struct.pack("<Q", 2**45) + b"abc")
        yield f"{name} of 2^64 - 1 bytes", whole(code + b"\xff" * 8 + b"abc")
    for name, code in {"BINBYTES": b"B", "BINUNICODE": b"X", "BINSTRING": b"T", "LONG4": b"\x8b"}.items():
        yield f"{name} of 2^32 - 1 bytes", whole(code + b"\xff" * 4 + b"abc")
    yield "LONG4 of 300 KB", whole(b"\x8b" + struct.pack("<I", 300_000) + b"\x7f" * 300_000)
    yield "INT of 300 KB", b"(I" + b"9" * 300_000 + b"\nt."
    yield "line of 2 MB", b"(V" + b"a" * 2**21 + b"\n."
    yield "line without an end", b"(V" + b"a" * 10_000
    yield "memo bomb LONG_BINPUT", whole(b"Nr\xff\xff\xff\xffj\xfe\xff\xff\xff")
    yield "memo bomb PUT", whole(b"Np" + b"9" * 90 + b"\n")
    yield "memo of colliding numbers", whole(b"N" + b"".join(b"p%d\n" % (index * (2**61 - 1)) for index in range(1, 30_000)))
    yield "keys that collide", whole(b"}(" + b"".join(number(index * (2**61 - 1)) + b"N" for index in range(1, 50_000)) + b"u")
    yield "key of nested tuples", whole(b"})" + b"\x85" * 100_000 + b"Ns")
    yield "set of nested tuples", whole(b"\x8f()" + b"\x85" * 100_000 + b"\x90")
    yield "nested tuples", whole(b")" + b"\x85" * 400_000)
    yield "nested lists", whole(b"]" * 50_000 + b"a" * 49_999)
    yield "nested dicts", whole(b"}" + short("a") + (b"}" + short("a")) * 30_000 + b"N" + b"s" * 30_001)
    yield "billion laughs of lists", whole(b"]" + b"q\x000]h\x00ah\x00a" * 60)
    yield "billion laughs of tuples", whole(b")" + b"2\x86" * 200)
    yield "billion laughs of dicts", whole(b"N" + b"".join(b"q\x000}" + short("a") + b"h\x00s" + short("b") + b"h\x00s" for _ in range(100)))
    yield "laughs of texts", whole(b"X" + struct.pack("<I", 3000) + b"a" * 3000 + b"2\x86" * 18)
    yield "list in itself", whole(b"]2a")
    yield "dict in itself", whole(b"}q\x00" + short("a") + b"h\x00s")
    meta = short("type") + short("class") + short("class_name") + short("G") + short("state") + b"h\x00"
    persistent = named("torch_utils.persistence._reconstruct_persistent_obj")
    yield "network in itself", whole(b"}q\x00" + persistent + b"}(" + meta + b"u\x85Rq\x010" + short("a") + b"h\x01s0h\x01")
    yield "450,000 lists", whole(b"]" + (b"(" + b"]" * 90_000 + b"e") * 5)
    yield "marks", whole(b"(" * 900_000)
    yield "stack", whole(b"N" * 900_000)
    yield "opcodes", whole(b"N0" * 300_000)
    yield (
        "call after call of one list",
        whole(named("collections.OrderedDict") + b"q\x000](" + b"NN\x86" * 30_000 + b"eq\x010](" + b"h\x00h\x01\x85R" * 30_000 + b"e"),
    )
    yield "set after set of one list", whole(named("builtins.set") + b"q\x000](" + b"N" * 30_000 + b"e\x85q\x010](" + b"h\x00h\x01R" * 30_000 + b"e")
    wide = b"}(" + b"".join(number(index) + b"N" for index in range(30_000)) + b"u"
    yield "BUILD after BUILD of one dict", whole(wide + b"q\x010" + named("argparse.Namespace") + b")\x81" + b"h\x01b" * 100_000)
    yield (
        "bytes of one text again and again",
        whole(
            named("_codecs.encode")
            + b"q\x000X"
            + struct.pack("<I", 10**6)
            + b"a" * 10**6
            + short("latin1")
            + b"\x86q\x010]("
            + b"h\x00h\x01R" * 30_000
            + b"e"
        ),
    )
    yield (
        "paths of one text",
        whole(named("pathlib.PosixPath") + b"q\x000X" + struct.pack("<I", 4000) + b"a" * 4000 + b"\x85q\x010](" + b"h\x00h\x01R" * 90_000 + b"e"),
    )
    yield "devices of one text", whole(named("torch.device") + b"q\x000V" + b"a" * 10**6 + b"\n\x85q\x010](" + b"h\x00h\x01R" * 90_000 + b"e")
    yield "25,000 tensors", whole(nested(storage_file()) + b"q\x000](" + b"".join(tensor(0, (4,), (1,), b"h\x00") for _ in range(25_000)) + b"e")
    yield "expanded tensor", whole(tensor(0, (2**20, 2**20), (0, 0)))
    yield (
        "many expanded tensors",
        whole(nested(storage_file()) + b"q\x000](" + b"".join(tensor(0, (2**22,), (0,), b"h\x00") for _ in range(2000)) + b"e"),
    )
    yield "expanded tensors of one draft", whole(tensor(0, (2**22,), (0,)) + b"q\x000](" + b"h\x00" * 50_000 + b"e")


def shared(times: int = 10_000, width: int = 10_000) -> Iterator[tuple[str, bytes]]:
    """Much work asked for by one large value that is named again and again; each name costs a few bytes."""
    texts = b"(" + short("") * width + b"t"
    yield "paths of many empty parts", whole(named("pathlib.PosixPath") + b"q\x000" + texts + b"q\x010](" + b"h\x00h\x01R" * times + b"e")
    yield "sets of one tuple", whole(named("builtins.frozenset") + b"q\x000" + texts + b"\x85q\x010](" + b"h\x00h\x01R" * times + b"e")
    pairs = b"](" + (b"(" + short("a") + b"Nt") * width + b"e"
    yield "dictionaries of one list", whole(named("dnnlib.util.EasyDict") + b"q\x000" + pairs + b"\x85q\x010](" + b"h\x00h\x01R" * times + b"e")
    variables = b"}(" + b"".join(short(f"v{index}") + b"N" for index in range(width)) + b"u"
    network = named("dnnlib.tflib.network.Network") + b"q\x000" + variables + b"q\x010"
    yield "TensorFlow networks of one dictionary", whole(network + b"](" + b"h\x00)\x81h\x01b" * times + b"e")
    meta = b"".join(short(name) + value for name, value in (("type", short("class")), ("class_name", short("G")), ("state", variables)))
    persistent = named("torch_utils.persistence._reconstruct_persistent_obj") + b"q\x000}(" + meta + b"u\x85q\x010"
    yield "NVIDIA's networks of one dictionary", whole(persistent + b"](" + b"h\x00h\x01R" * times + b"e")
    yield "large names of classes", script(b"V__torch__." + b"a" * 10**5 + b"\nq\x000](" + (b"h\x00" + short("M") + b"\x93") * times + b"e")
    yield "a class of the longest name", script(b"V__torch__." + b"a" * 450 + b"\nq\x000](" + (b"h\x00" + short("M") + b"\x93)\x81") * times + b"e")
    doubled = b"q\x000}" + short("a") + b"h\x00s" + short("b") + b"h\x00s"
    yield "doubled dictionaries", whole(b"}" + doubled * 30)


def own(kind: str, config: dict[str, Any], extra: dict[str, Any] | None = None) -> bytes:
    """A file in our own format without tensors."""
    entry = json.dumps({"format": 1, "kind": kind, "config": config, "extra": extra or {}})
    text = json.dumps({"__metadata__": {"sgvg": entry}}).encode()
    return struct.pack("<Q", len(text)) + text


def settings() -> Iterator[tuple[str, bytes]]:
    """Files in our own format, of some hundred bytes, whose settings ask for networks of gigabytes or numbers beyond all sizes."""
    tower = {"clip_model": "ViT-B-32", "clip_weights": "", "embed_dim": 4096, "widths": [2048] * 8}
    block = {"num_group": 64, "w_dim": 2048, "hidden": 2048, "num_layers": 16}
    mel = {"mel": {}}
    yield "walker", own("walker", {"num_ws": 64, "w_dim": 2048, "hidden": 4096, "num_layers": 16})
    yield "walker within the limits", own("walker", {"num_ws": 16, "w_dim": 512, "hidden": 2048, "num_layers": 4})
    yield "sound encoder", own("sound_encoder", {"num_ws": 64, "widths": [2048] * 4, "depths": [64] * 4, "pyramid_width": 2048}, mel)
    yield "sound encoder within the limits", own("sound_encoder", {}, mel)
    yield "sound encoder of odd widths", own("sound_encoder", {"widths": [12, 12, 12, 12]}, mel)
    yield "joint space", own("joint_space", {"image_width": 256, "image_layers": [64] * 4, "text_width": 2048, "text_layers": 64})
    yield "joint space within the limits", own("joint_space", {"image_width": 64, "image_layers": [3, 4, 6, 3], "text_width": 512})
    yield "sound tower", own("sound_tower", tower)
    yield "judge", own("judge", {"widths": [1024] * 8})
    yield "judge of odd widths", own("judge", {"widths": [9]})
    yield "generator", own("generator", {"img_resolution": 1024, "channels": [512] * 9, "mapping_layers": 16})
    yield "generator of many labels", own("generator", {"img_resolution": 8, "channels": [4, 4], "c_dim": 10_000, "embed_features": 2048})
    yield "StyleGAN3 generator", own("generator3", {"img_resolution": 256, "channels": [512] * 14})
    yield "discriminator", own("discriminator", {"img_resolution": 1024, "channels": [512] * 9})
    yield "released sound encoder", own("released_sound_encoder", {})
    yield "released walker", own("released_walker", {"coarse": block, "mid": block, "fine": block})
    yield "image encoder", own("image_encoder", {})
    odd = {"of 400 digits": 10**400, "of 4,000 digits": 10**4000, "below all": -(10**400), "a list": [[]] * 9, "a text": "\x1b[2J\n"}
    for name, value in odd.items():
        yield f"number {name}", own("generator", {"img_resolution": 8, "channels": [4, 4], "mapping_lr_multiplier": value})
    yield "unknown settings with a terminal's characters", own("walker", {"\x1b[2J\nnone": 1})
    yield "kind with a terminal's characters", own("\x1b[2J\nnone", {})


def false_sizes() -> Iterator[tuple[str, bytes]]:
    """Tensors and arrays that aren't where and what they say."""
    yield "tensor beyond its storage", whole(tensor(0, (5,), (1,)))
    yield "offset beyond", whole(tensor(4, (1,), (1,)))
    yield "stride beyond", whole(tensor(0, (2, 2), (3, 1)))
    yield "negative offset", whole(tensor(-1, (1,), (1,)))
    yield "negative stride", whole(tensor(3, (2,), (-1,)))
    yield "negative size", whole(tensor(0, (-4,), (1,)))
    yield "huge size", whole(tensor(0, (2**62,), (1,)))
    yield "size that overflows", whole(tensor(0, (2**32, 2**32), (1, 1)))
    yield "empty with huge sizes", whole(tensor(0, (0, 2**47, 2**47), (1, 1, 1)))
    yield "sizes without strides", whole(tensor(0, (2, 2), (1,)))
    yield "seventeen axes", whole(tensor(0, (1,) * 17, (1,) * 17))
    yield "bool as a size", whole(named("torch._utils._rebuild_tensor_v2") + b"(" + nested(storage_file()) + b"K\x00\x88\x85\x88\x85\x89NtR")
    yield "tensor of a text", whole(tensor(0, (1,), (1,), short("abc")))
    yield "parameter of a text", whole(named("torch._utils._rebuild_parameter") + short("abc") + b"\x89N\x87R")
    yield "storage without bytes", legacy(b"(" + short("storage") + named("torch.FloatStorage") + short("0") + short("cpu") + number(4) + b"NtQ")
    keys = b"](" + short("0") + b"e."
    storage = b"(" + short("storage") + named("torch.FloatStorage") + short("0") + short("cpu") + number(4) + b"NtQ"
    yield "storage cut off", legacy(storage, keys, struct.pack("<q", 4) + b"\0" * 15)
    yield "storage of another size", legacy(storage, keys, struct.pack("<q", 5) + b"\0" * 20)
    yield "storage of a negative size", legacy(storage, keys, struct.pack("<q", -4) + b"\0" * 16)
    yield "storage of 2^47 numbers", legacy(storage.replace(number(4), number(2**47)), keys, struct.pack("<q", 2**47))
    yield "array of objects", whole(array(dtype("O8"), (1,), b"\0" * 8))
    yield (
        "array of objects in a list",
        whole(array(named("numpy.dtype") + short("O8") + b"\x89\x88\x87R", (1,), b"", b"]" + named("os.system") + b"a")),
    )
    yield "array of records", whole(array(dtype("V8", b"(K\x03" + short("|") + b"N" + short("a") + b"\x85}K\x08K\x01K\x10tb"), (1,), b"\0" * 8))
    yield "array of a wrong size", whole(array(dtype(), (3,), b"\0" * 8))
    yield "array of huge sizes", whole(array(dtype(), (2**47, 2**47), b"\0" * 8))
    yield "empty array of huge sizes", whole(array(dtype(), (0, 2**47, 2**47), b""))
    yield (
        "array with a type of fields",
        whole(array(dtype("f4", b"(K\x03" + short("<") + b"N" + short("a") + b"\x85}J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"), (2,), b"\0" * 8)),
    )
    yield "array without a state", whole(named("numpy.core.multiarray._reconstruct") + named("numpy.ndarray") + numbers((0,)) + blob(b"b") + b"\x87R")
    yield "array built twice", whole(array(dtype(), (1,), b"\0" * 4) + b"(K\x01" + numbers((1,)) + dtype() + b"\x89" + blob(b"\0" * 4) + b"tb")
    yield (
        "array of a matrix class",
        whole(named("numpy.core.multiarray._reconstruct") + named("collections.OrderedDict") + numbers((0,)) + blob(b"b") + b"\x87R"),
    )
    yield "number of eight bytes in four", whole(named("numpy.core.multiarray.scalar") + dtype("f8") + blob(b"\0" * 4) + b"\x86R")


def broken_pickles() -> Iterator[tuple[str, bytes]]:
    """Every byte as an opcode, where nothing, a mark or values stand on the stack; and other things out of place."""
    for code in range(256):
        for name, before in {"nothing": b"", "a mark": b"(", "values": b"}](NN"}.items():
            yield f"opcode 0x{code:02x} after {name}", b"\x80\x04" + before + bytes([code]) + b"\xff\xfe\n\x00" * 3
    yield "protocol 9", whole(b"N", 9)
    yield "no end", b"\x80\x04]"
    yield "two values at the end", whole(b"NN")
    yield "odd items", whole(b"}(Nu")
    yield "items of a tuple", whole(b")Na")
    yield "text that isn't UTF-8", whole(b"\x8c\x02\xff\xfe")
    yield "global of numbers", whole(b"K\x01K\x02\x93")
    yield "global that isn't UTF-8", whole(b"c\xff\n\xfe\n")
    yield "global with an endless name", whole(b"c" + b"a" * 100_000 + b"\nb\n")
    yield "Python 2 text by name", b"(S'\\N{DASH}'\nt."
    yield "escape that isn't one", b"(S'\\xzz'\nt."


def archives() -> Iterator[tuple[str, bytes]]:
    """Zips that lie."""
    sound = torch_zip(tensor(0, (4,), (1,), zip_storage("0", 4)), _0=b"\0" * 16)
    yield "storage that isn't there", torch_zip(tensor(0, (4,), (1,), zip_storage("../../0", 4)), _0=b"\0" * 16)
    yield "storage of another size in a zip", torch_zip(tensor(0, (4,), (1,), zip_storage("0", 2**40)), _0=b"\0" * 16)
    yield "storage of two types", torch_zip(b"](" + zip_storage("0", 4) + zip_storage("0", 4, "torch.IntStorage") + b"e", _0=b"\0" * 16)
    yield "big-endian", zipped({"a/data.pkl": whole(b"N"), "a/byteorder": b"big"})
    yield "zip of a checkpoint", zipped({"model.pth": sound})
    yield "zip of pictures", zipped({"a.png": b"\x89PNG"})
    yield "two folders", zipped({"a/data.pkl": whole(b"N"), "b/data.pkl": whole(b"N")})
    yield "empty zip", zipped({})
    bomb = {"a/data.pkl": whole(zip_storage("0", 20 * 2**20), 2), "a/data/0": bytes(80 * 2**20)}
    yield "deflate bomb", zipped(bomb, zipfile.ZIP_DEFLATED)
    yield "deflate bomb of a pickle", zipped({"a/data.pkl": whole(b"N0" * 40_000_000)}, zipfile.ZIP_DEFLATED)
    at = sound.rindex(b"PK\x05\x06")
    first = sound.index(b"PK\x01\x02")
    yield "entry twice", zipped({"a/data.pkl": whole(b"N"), "a/data/0": b"0", "a/data/1": b"1"}).replace(b"a/data/1", b"a/data/0")
    yield "without its end", sound[:at]
    yield "half of it", sound[: len(sound) // 2]
    yield "more entries than there are", sound[: at + 8] + b"\xff\xff\xff\xff" + sound[at + 12 :]
    yield "directory elsewhere", sound[: at + 16] + b"\xff\xff\xff\x00" + sound[at + 20 :]
    yield "sizes of 2^32 - 2", sound[: first + 20] + b"\xfe\xff\xff\xff" * 2 + sound[first + 28 :]
    yield "zip64 without its sizes", sound[: first + 20] + b"\xff\xff\xff\xff" * 2 + sound[first + 28 :]
    yield "encrypted", sound[: first + 8] + b"\x01" + sound[first + 9 :]
    yield "method 14", sound[: first + 10] + b"\x0e" + sound[first + 11 :]
    yield "entry elsewhere", sound[: first + 42] + b"\x10\x00\x00\x00" + sound[first + 46 :]
    yield "overlapping entries", _overlapping()
    yield "another name in its place", sound.replace(b"a/data.pkl", b"b/data.pkl", 1)
    yield "zip64 locator to nowhere", sound[:at] + b"PK\x06\x07" + struct.pack("<LQL", 0, 2**63, 1) + sound[at:]
    yield "deflated bytes that aren't", _garbled()


def _overlapping() -> bytes:
    """Many entries on the same bytes, as in the densest zip bombs: each entry's own header is the same one."""
    sound = zipped({"a/data.pkl": whole(b"N"), "a/data/0": b"\0" * 1000})
    at, first = sound.rindex(b"PK\x05\x06"), sound.index(b"PK\x01\x02")
    directory = sound[first:at]
    again = directory[directory.rindex(b"PK\x01\x02") :]
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 3, 3, len(directory) + len(again), first, 0)
    return sound[:first] + directory + again.replace(b"a/data/0", b"a/data/1") + end


def _garbled() -> bytes:
    data = bytearray(zipped({"a/data.pkl": whole(b"N0" * 1000 + b"N")}, zipfile.ZIP_DEFLATED))
    data[45:55] = b"\xff" * 10
    return bytes(data)


def script(body: bytes, **data: bytes) -> bytes:
    """A TorchScript archive of the given data pickle; its code would write the canary file."""
    entries = {"a/data.pkl": whole(body, 2), "a/code/__torch__.py": SOURCE.encode(), "a/constants.pkl": whole(b")")}
    return zipped(entries | {f"a/data/{key[1:]}": value for key, value in data.items()})


def script_module(attributes: bytes, name: str = "__torch__.M") -> bytes:
    """A module of a TorchScript archive with the given keys and values."""
    return named(name) + b")\x81}(" + attributes + b"ub"


def names() -> Iterator[tuple[str, bytes]]:
    """Networks whose names would grow far beyond the file: keys are stored once, names of tensors are made of all that lead to them."""

    def module(parameters: bytes, modules: bytes) -> bytes:
        state = b"}(" + short("_parameters") + parameters + short("_buffers") + b"}" + short("_modules") + modules + b"u"
        meta = b"}(" + short("type") + short("class") + short("class_name") + short("G") + short("state") + state + b"u"
        return named("torch_utils.persistence._reconstruct_persistent_obj") + meta + b"\x85R"

    long = b"X" + struct.pack("<I", 4000) + b"a" * 4000
    leaf = module(b"}" + short("weight") + tensor(0, (4,), (1,)) + b"s", b"}")
    yield "one long name", whole(b"}" + short("G_ema") + module(b"}" + long + tensor(0, (4,), (1,)) + b"s", b"}") + b"s")
    deep = long + b"q\x000" + leaf + b"q\x010"
    for _ in range(15):  # each holds the one before under a long name
        deep += module(b"}", b"}h\x00h\x01s") + b"q\x010"
    yield "names in names", whole(deep + b"}" + short("G_ema") + b"h\x01s")
    many = b"}(" + b"".join(short(f"{index:03}") + b"h\x01" for index in range(200)) + b"u"
    yield "many names in names", whole(deep + b"}" + short("G_ema") + module(b"}", b"}h\x00" + module(b"}", many) + b"s") + b"s")


def unprintable() -> Iterator[tuple[str, bytes]]:
    """Names that messages would show: with line breaks, and with what makes a terminal do things."""
    for what, name in {"escape": "\x1b[2Jw", "line break": "a\nerror: none", "bell": "\x07", "right to left": "\u202ew"}.items():
        yield f"key with {what}", whole(b"}" + short(name) + b"K\x01s")
        meta = b"}(" + short("type") + short("class") + short("class_name") + short(name) + short("state") + b"}u"
        yield f"class with {what}", whole(named("torch_utils.persistence._reconstruct_persistent_obj") + meta + b"\x85R")
        yield f"module with {what}", script(short(f"__torch__.{name}") + short("M") + b"\x93)\x81}b")
        text = json.dumps({name: {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}).encode()
        yield f"safetensors with {what}", struct.pack("<Q", len(text)) + text + b"\0" * 4
        file = io.BytesIO()
        np.savez(file, **{name: np.ones(1, np.float32)})
        yield f"npz with {what}", file.getvalue()


def scripts() -> Iterator[tuple[str, bytes]]:
    """TorchScript archives: programs, of which nothing but the table of weights may be read."""
    run = named("os.system") + short(SHELL) + b"\x85R"
    yield "call", script(script_module(short("a") + run))
    yield "class that is called", script(named("__torch__.M") + short(SHELL) + b"\x85R")
    yield "class made with arguments", script(named("__torch__.M") + short(SHELL) + b"\x85\x81")
    yield "class as data", script(script_module(short("a") + named("__torch__.M")))
    yield "class of another package", script(script_module(short("a") + b"N", "__torch__x.os"))
    yield "class outside of an archive", torch_zip(script_module(short("a") + b"N"))
    yield "class in a pickle", whole(script_module(short("a") + b"N"))
    yield "state that is a list", script(named("__torch__.M") + b")\x81](" + short("a") + b"eb")
    yield "attribute without a name", script(script_module(b"K\x01N"))
    yield "state twice", script(script_module(short("a") + b"N") + b"}b")
    yield "module in itself", script(named("__torch__.M") + b")\x81q\x00}(" + short("a") + b"h\x00ub")
    yield "list of something else", script(named("torch.jit._pickle.build_intlist") + short("a") + b"\x85R")
    yield "type of something else", script(named("torch.jit._pickle.restore_type_tag") + named("__torch__.M") + short("List[int]") + b"\x86R")
    yield "tensor by number", script(named("torch.jit._pickle.build_tensor_from_id") + b"K\x00\x85R")
    yield "storage that isn't there", script(script_module(short("a") + tensor(0, (4,), (1,), zip_storage("../code/__torch__.py", 4))))
    yield "storage beyond its end", script(script_module(short("a") + tensor(1, (4,), (1,), zip_storage("0", 4))), _0=b"\0" * 16)
    yield "no module", script(b"](" + short("a") + b"e")
    yield "endless names", script(script_module(short("a") + b"N", "__torch__." + "a" * 600))
    deep = b"".join(named("__torch__.M") + b")\x81}(X" + struct.pack("<I", 4000) + b"a" * 4000 for _ in range(50)) + b"N" + b"ub" * 50
    yield "endless names of tensors", script(deep)
    yield "billion laughs of modules", script(b"N" + b"".join(
        b"q\x000" + script_module(short("a") + b"h\x00" + short("b") + b"h\x00") for _ in range(60)))
    yield "two tables", zipped({"a/data.pkl": whole(b"N"), "b/data.pkl": whole(b"N"), "a/code/__torch__.py": SOURCE.encode()})
    yield "of an old torch", zipped({"a/model.json": b"{}", "a/code/a.py": SOURCE.encode(), "a/tensors/0": b"\0" * 16})


def headers() -> Iterator[tuple[str, bytes]]:
    """Safetensors and numpy files whose headers lie."""

    def tensors(header: Any, data: bytes = b"\0" * 8) -> bytes:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    good = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    for shape in ([2**40, 2**40], [-2], [2.0], ["2"], [[2]], [True, True], None, [3], [0] * 9, [2**63], {"a": 2}):
        yield f"safetensors of shape {shape}", tensors({"a": good | {"shape": shape}})
    for offsets in ([8, 0], [0, 2**62], [-8, 0], [0], [0.0, 8.0], None, [4, 12]):
        yield f"safetensors at {offsets}", tensors({"a": good | {"data_offsets": offsets}})
    for kind in ("F99", ["F32"], None, "C64", 32):
        yield f"safetensors of type {kind}", tensors({"a": good | {"dtype": kind}})
    yield "safetensors on the same bytes", tensors({"a": good, "b": good})
    yield "safetensors with a hole", tensors({"a": good}, b"\0" * 16)
    yield "safetensors cut off", tensors({"a": good}, b"\0" * 7)
    yield "safetensors nested deeply", tensors(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    yield "safetensors of a million lists", tensors(b'{"a":[' + b"[]," * 1_000_000 + b"[]]}")
    yield "safetensors twice the same name", tensors(b'{"a":1,"a":1}')
    yield "safetensors of NaN", tensors(b'{"a":NaN}')
    yield "safetensors that aren't UTF-8", tensors(b'{"\xff":1}')
    yield "safetensors with a header of 2^62 bytes", struct.pack("<Q", 2**62) + b"{}"
    yield "safetensors of a number", tensors(b"{1}")
    numpy = b"\x93NUMPY\x01\x00"

    def npy(header: str, data: bytes = b"\0" * 8) -> bytes:
        return numpy + struct.pack("<H", len(header)) + header.encode() + data

    yield "npy of objects", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", pickle.dumps([1]))
    yield "npy of objects with a size", npy("{'descr': '|O8', 'fortran_order': False, 'shape': (1,), }")
    yield "npy of code", npy("{'descr': __import__('os').system('" + SHELL + "'), 'fortran_order': False, 'shape': (1,), }")
    yield "npy of huge shape", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1099511627776), }")
    yield "npy of endless shape", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",), }")
    yield "npy of many axes", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 200 + "), }", b"\0" * 4)
    yield "npy of records", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }")
    yield "npy of nested brackets", npy("(" * 9000)
    yield "npy with a header of 2^32 - 1 bytes", b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b"\0" * 20
    yield "npy of version 9", b"\x93NUMPY\x09\x00\x00\x00" + b"\0" * 20
    yield "npy cut off", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }")
    yield "npz of objects", zipped({"a.npy": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", pickle.dumps([1]))})


def strangers() -> Iterator[tuple[str, bytes]]:
    """Files that hold no weights at all."""
    yield "empty", b""
    yield "one byte", b"\x80"
    yield "zeros", bytes(10_000)
    yield "web page", b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"
    yield "git-LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n"
    yield "JSON", b'{"error": "not found"}'
    yield "PNG", b"\x89PNG\r\n\x1a\n" + bytes(100)
    yield "JPEG", b"\xff\xd8\xff\xe0" + bytes(100)
    yield "MP4", b"\0\0\0\x20ftypisom" + bytes(100)
    yield "gzip", b"\x1f\x8b\x08" + zlib.compress(bytes(100))
    yield "text", b"hello, this is not a checkpoint\n" * 10
    yield "script", b"#!/bin/sh\n" + SHELL.encode()


def hostile() -> dict[str, bytes]:
    """Every file that must be refused, by name."""
    found: dict[str, bytes] = {}
    for group in (calls, bombs, shared, false_sizes, broken_pickles, archives, names, unprintable, scripts, headers, strangers):
        for name, data in group():
            found[f"{group.__name__}: {name}"] = data
    return found


def heavy() -> dict[str, bytes]:
    """Files at the edge of what is read: as much work and memory as so many bytes can ask for."""
    return {"99,000 dicts": whole(b"]" + b"}\x94a" * 99_000), "450,000 items": whole(b"]" + (b"(" + b"N" * 90_000 + b"e") * 5)}


# ------------------------------------------------------------------------------------------------------------------------- sound files


class _Call:
    """Pickles as a call of a global by name."""

    def __init__(self, path: str, *args: Any) -> None:
        self.path, self.args = path, args


class _Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Writes calls of globals that needn't exist."""

    def save(self, value: Any, save_persistent_id: bool = True) -> None:
        if not isinstance(value, _Call):
            super().save(value, save_persistent_id)
            return
        self.write(named(value.path))
        self.save(value.args)
        self.write(b"R")


def pickled(value: Any, protocol: int = 4) -> bytes:
    """A pickle in which every `_Call` is a call of the global that it names."""
    file = io.BytesIO()
    _Pickler(file, protocol).dump(value)
    return file.getvalue()


def network(source: str = SOURCE) -> _Call:
    """A network as NVIDIA's code pickles it; its source code would write the canary."""
    numbers = torch.Generator().manual_seed(3)

    def persistent(name: str, parameters: dict[str, Any], modules: dict[str, Any], **more: Any) -> _Call:
        buffers = {"w_avg": torch.randn(2, generator=numbers)}
        state = {"training": False, "_parameters": parameters, "_buffers": buffers, "_non_persistent_buffers_set": set(), "_modules": modules, **more}
        meta = {"type": "class", "version": 6, "module_src": source, "class_name": name, "state": state}
        return _Call("torch_utils.persistence._reconstruct_persistent_obj", meta)

    inner = persistent("Layer", {"weight": torch.nn.Parameter(torch.randn(2, 3, generator=numbers)), "bias": None}, {})
    return persistent(
        "Generator", {}, OrderedDict(fc0=inner, fc1=None), z_dim=2, _init_args=(), _init_kwargs=_Call("dnnlib.util.EasyDict", [["z_dim", 2]])
    )


def values() -> dict[str, Any]:
    """Something of everything that is read."""
    numbers = torch.Generator().manual_seed(2)
    weight = torch.randn(3, 4, generator=numbers)
    return {
        "state": OrderedDict(weight=weight, half=weight.half(), turned=weight.t(), row=weight[1], flags=torch.tensor([True, False])),
        "array": np.arange(6, dtype=np.float32).reshape(2, 3),
        "scalar": np.float64(0.5),
        "args": Namespace(size=256, name="é"),
        "plain": [1, -2, 10**20, 0.5, None, True, "text", b"bytes", (1, 2), {"a": {1: 2}}, {3}],
    }


def sound() -> dict[str, bytes]:
    """Small sound files of every kind, by name."""
    found: dict[str, bytes] = {}
    for protocol in range(6):
        found[f"pickle {protocol}"] = pickle.dumps(values(), protocol)
    found["NVIDIA"] = pickled({"G_ema": network(), "D": None, "training_set_kwargs": {"path": "a.zip"}})
    for name, is_zip in {"torch zip": True, "torch legacy": False}.items():
        file = io.BytesIO()
        torch.save(values(), file, _use_new_zipfile_serialization=is_zip)
        found[name] = file.getvalue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated; such files stay
        file = io.BytesIO()
        torch.jit.save(torch.jit.trace(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).eval(), torch.zeros(1, 2)), file)
        found["TorchScript"] = file.getvalue()
    for name, write in {
        "npy": np.save,
        "npz": lambda file, array: np.savez(file, w=array),
        "packed npz": lambda file, array: np.savez_compressed(file, w=array),
    }.items():
        file = io.BytesIO()
        write(file, values()["array"])
        found[name] = file.getvalue()
    found["safetensors"] = safetensors.torch.save({"a": values()["state"]["weight"], "b": torch.zeros(0, 2)}, {"about": "text"})
    return found
