"""What harmful files are put together from: opcodes of pickles, storages, archives. Whatever would run something would write the canary file."""

import io
import json
import pickle
import struct
import zipfile
from typing import Any

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


def own(kind: str, config: dict[str, Any], extra: dict[str, Any] | None = None) -> bytes:
    """A file in our own format without tensors."""
    entry = json.dumps({"format": 1, "kind": kind, "config": config, "extra": extra or {}})
    text = json.dumps({"__metadata__": {"sgvg": entry}}).encode()
    return struct.pack("<Q", len(text)) + text


def script(body: bytes, **data: bytes) -> bytes:
    """A TorchScript archive of the given data pickle; its code would write the canary file."""
    entries = {"a/data.pkl": whole(body, 2), "a/code/__torch__.py": SOURCE.encode(), "a/constants.pkl": whole(b")")}
    return zipped(entries | {f"a/data/{key[1:]}": value for key, value in data.items()})


def script_module(attributes: bytes, name: str = "__torch__.M") -> bytes:
    """A module of a TorchScript archive with the given keys and values."""
    return named(name) + b")\x81}(" + attributes + b"ub"
