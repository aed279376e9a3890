"""Pickles made to do harm, by name: calls, bombs, false sizes, broken ones."""

import io
import json
import struct
from collections.abc import Iterator

import numpy as np
from hostile_pieces import (
    CALLABLES,
    SHELL,
    SOURCE,
    array,
    blob,
    dtype,
    legacy,
    named,
    nested,
    number,
    numbers,
    script,
    short,
    stack_named,
    storage_file,
    tensor,
    torch_zip,
    whole,
)


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
