"""The globals that a pickle may name, each with the reason why it's there and with what WE do when the file calls it.

This table is the whole of what a file can cause. A name in a file is never imported and never looked up anywhere but here; what the
table holds for a name is a function of this module that makes plain data, or a lazy value, of what is on the machine's stack.
Nothing here opens files, imports by name, gets attributes by name or calls what a file brings.
"""

import math
from collections.abc import Callable
from typing import Any

import torch

from .lazy_values import (
    Attributes,
    Blob,
    LazyArray,
    LazyDtype,
    LazyObject,
    LazyTensor,
    Storage,
    StorageType,
)
from .pickle_reader import Allowed, PickleReader

MAX_AXES = 16
MAX_NUMBER = 2**48
"""Sizes, strides and offsets beyond this are nobody's."""
MAX_FOREIGN_NAME = 200
MAX_PATH = 4096


STORAGE_TYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
}
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
        torch.uint16, torch.uint32, torch.uint64,
    )
}  # fmt: skip
NUMPY_DTYPES = {
    "f8": torch.float64,
    "f4": torch.float32,
    "f2": torch.float16,
    "i8": torch.int64,
    "i4": torch.int32,
    "i2": torch.int16,
    "i1": torch.int8,
    "u8": torch.uint64,
    "u4": torch.uint32,
    "u2": torch.uint16,
    "u1": torch.uint8,
    "b1": torch.bool,
}


# ------------------------------------------------------------------------------------------------------------------ plain containers


def _dict_of(machine: PickleReader, args: tuple[Any, ...]) -> dict[Any, Any]:
    """OrderedDict() or OrderedDict([[key, value], ...]), as Python 2 and 3 write it; likewise the EasyDicts."""
    made: dict[Any, Any] = {}
    if not args:
        return made
    if len(args) != 1 or not isinstance(args[0], (list, dict)):
        machine.refuse("a dictionary of something else than pairs")
    machine.spend_items(len(args[0]))  # before the work: the same list may be named again and again
    pairs = args[0].items() if isinstance(args[0], dict) else args[0]
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            machine.refuse("a dictionary of something else than pairs")
        made[machine.key(pair[0])] = pair[1]
    return made


def _items_of(machine: PickleReader, args: tuple[Any, ...]) -> list[Any]:
    """set([...]) and frozenset([...]) become lists: nothing is hashed."""
    if len(args) > 1 or (args and not isinstance(args[0], (list, tuple))):
        machine.refuse("a set of something else than a list")
    if not args:
        return []
    machine.spend_items(len(args[0]))  # before the work: the same list may be named again and again
    return list(args[0])


def _reconstructor(machine: PickleReader, args: tuple[Any, ...]) -> Any:
    """copyreg._reconstructor(class, base, state): how protocols 0 and 1 make an object."""
    if len(args) != 3 or not isinstance(args[0], Allowed) or args[0].new is None or not isinstance(args[1], Allowed):
        machine.refuse("copyreg._reconstructor of something else than a known class")
    made = args[0].new(machine)
    if args[1].name in ("builtins.dict", "__builtin__.dict") and isinstance(made, dict) and isinstance(args[2], dict):
        machine.spend_items(len(args[2]))
        made.update(args[2])
    elif args[2] is not None:
        return machine.refuse("copyreg._reconstructor with a state of a kind that isn't read")
    return made


def _encode(machine: PickleReader, args: tuple[Any, ...]) -> Blob:
    """_codecs.encode(text, "latin1"): how protocols 0 to 2 write bytes."""
    if len(args) != 2 or args[1] not in ("latin1", "latin-1"):
        machine.refuse("_codecs.encode with another codec than latin1")
    return machine.latin1(args[0])


def _path(machine: PickleReader, args: tuple[Any, ...]) -> str:
    """A path's parts as one text; no path object is made."""
    machine.spend_items(len(args))  # before the work: the same parts may be named again and again
    if not all(isinstance(part, str) for part in args) or sum(map(len, args)) > MAX_PATH:
        machine.refuse(f"a path of something else than texts of up to {MAX_PATH} characters")
    machine.spend(sum(map(len, args)))
    return "/".join(args).replace("//", "/")


# ----------------------------------------------------------------------------------------------------------------------------- torch


def counts(machine: PickleReader, values: Any, what: str) -> tuple[int, ...]:
    """A tuple of whole numbers >= 0, as sizes and strides must be.

    `values` is what the file has in that place, and `what` names it in errors; `machine` is the one that reads the file. Raises CheckpointError.
    """
    if not isinstance(values, (tuple, list)) or len(values) > MAX_AXES or not all(type(value) is int and 0 <= value < MAX_NUMBER for value in values):
        machine.refuse(f"a {what} that isn't up to {MAX_AXES} whole numbers from 0 to 2^48")
    if math.prod(value or 1 for value in values) >= 2**62 and what != "tensor's stride":
        machine.refuse(f"a {what} that no memory could hold")
    return tuple(values)


def _tensor(machine: PickleReader, dtype: torch.dtype | None, storage: Any, offset: Any, shape: Any, stride: Any) -> LazyTensor:
    """A view of a storage, held against the storage's bounds before it's believed."""
    if not isinstance(storage, Storage):
        machine.refuse("a tensor without a storage")
    dtype = dtype or storage.dtype
    (offset,) = counts(machine, (offset,), "tensor's offset")
    shape, stride = counts(machine, shape, "tensor's shape"), counts(machine, stride, "tensor's stride")
    if len(shape) != len(stride):
        machine.refuse(f"a tensor with {len(shape)} sizes and {len(stride)} strides")
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True)) if math.prod(shape) else offset - 1
    wanted = (last + 1) * dtype.itemsize
    if wanted > storage.num_bytes:
        machine.refuse(f"a tensor of shape {list(shape)} that reaches to byte {wanted} of a storage of {storage.num_bytes} bytes")
    machine.count_tensor()
    return LazyTensor(storage, dtype, offset, shape, stride)


def _rebuild_tensor(machine: PickleReader, args: tuple[Any, ...]) -> LazyTensor:
    """(storage, offset, size, stride[, requires_grad, hooks[, metadata]]); hooks and metadata are left aside."""
    if not 4 <= len(args) <= 7:
        machine.refuse(f"a tensor of {len(args)} arguments, expected 4 to 7")
    return _tensor(machine, None, *args[:4])


def _rebuild_tensor_v3(machine: PickleReader, args: tuple[Any, ...]) -> LazyTensor:
    """(storage, offset, size, stride, requires_grad, hooks, dtype[, metadata])."""
    if not 7 <= len(args) <= 8 or not isinstance(args[6], Allowed) or args[6].name.removeprefix("torch.") not in DTYPES:
        machine.refuse("a tensor without a known number type")
    return _tensor(machine, DTYPES[args[6].name.removeprefix("torch.")], *args[:4])


def _rebuild_parameter(machine: PickleReader, args: tuple[Any, ...]) -> LazyTensor:
    """(tensor, requires_grad, hooks): the tensor."""
    if len(args) != 3 or not isinstance(args[0], LazyTensor):
        machine.refuse("a parameter of something else than a tensor")
    return args[0]


def _load_from_bytes(machine: PickleReader, args: tuple[Any, ...]) -> Storage:
    """(bytes of a torch file of one storage): torch would load them by an unrestricted unpickler; we read them as data."""
    if len(args) != 1:
        machine.refuse("torch.storage._load_from_bytes of something else than bytes")
    return machine.nested_storage(machine.latin1(args[0]))


def _size(machine: PickleReader, args: tuple[Any, ...]) -> tuple[int, ...]:
    return counts(machine, args[0] if len(args) == 1 else args, "torch.Size")


def _device(machine: PickleReader, args: tuple[Any, ...]) -> str:
    """torch.device("cuda", 0) as the text "cuda:0"."""
    if not 1 <= len(args) <= 2 or not all(len(arg) < 40 if isinstance(arg, str) else isinstance(arg, int) and 0 <= arg < 1000 for arg in args):
        machine.refuse("a torch.device of something else than a name and a number")
    return ":".join(str(arg) for arg in args)


# ----------------------------------------------------------------------------------------------------------------------------- numpy


def _array(machine: PickleReader, args: tuple[Any, ...]) -> LazyArray:
    """_reconstruct(ndarray, (0,), b"b"): an array that BUILD fills."""
    if len(args) != 3 or not isinstance(args[0], Allowed) or args[0].name != "numpy.ndarray":
        machine.refuse("a numpy array of a class other than numpy.ndarray")
    return LazyArray()


def _dtype(machine: PickleReader, args: tuple[Any, ...]) -> LazyDtype:
    """dtype("f4", False, True)."""
    code = args[0] if args else None
    if isinstance(code, str) and code[:1] in ("O", "|"):
        machine.refuse("a numpy array of Python objects (only numbers are read)")
    if not isinstance(code, str) or code not in NUMPY_DTYPES:
        machine.refuse(f"the numpy number type {code[:40] if isinstance(code, str) else '?'!r} (read are {', '.join(NUMPY_DTYPES)})")
    return LazyDtype(code)


def build_dtype(machine: PickleReader, made: LazyDtype, state: Any) -> None:
    """State of a dtype: (version, byte order, no sub-array, no names, no fields, ...).

    `machine` reads the file, `made` is the dtype so far, and `state` is as the file has it. Raises CheckpointError for any other dtype.
    """
    if type(state) is not tuple or not 5 <= len(state) <= 9 or not isinstance(state[1], str) or state[2:5] != (None, None, None):
        machine.refuse("a numpy number type with fields or sub-arrays")
    if state[1] not in ("<", ">", "|", "="):
        machine.refuse(f"the numpy byte order {state[1][:10]!r}")
    made.order = state[1]


def build_array(machine: PickleReader, made: LazyArray, state: Any) -> None:
    """State of an array: (version, shape, dtype, fortran order, bytes).

    `machine` reads the file, `made` is the array so far, and `state` is as the file has it. Raises CheckpointError where it isn't that.
    """
    if made.dtype is not None or not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], LazyDtype):
        machine.refuse("a numpy array with a state of a kind that isn't read")
    fill_array(machine, made, state[1], dtype=state[2], fortran=bool(state[3]), data=state[4])


def fill_array(machine: PickleReader, made: LazyArray, shape: Any, dtype: LazyDtype, fortran: bool, data: Any) -> None:
    """Shape and number type against the bytes that are there.

    `machine` reads the file and `made` is the array that is filled. `shape` and `data` (bytes) are as the file has them; `fortran` says that the
    first axis varies fastest. Raises CheckpointError where they don't fit.
    """
    shape, blob = counts(machine, shape, "numpy array's shape"), machine.latin1(data)
    wanted = math.prod(shape) * NUMPY_DTYPES[dtype.code].itemsize
    if blob.size != wanted:
        machine.refuse(f"a numpy array of shape {list(shape)} ({wanted} bytes) with {blob.size} bytes")
    machine.count_tensor()
    made.shape, made.dtype, made.fortran, made.data = shape, dtype, fortran, blob


def _frombuffer(machine: PickleReader, args: tuple[Any, ...]) -> LazyArray:
    """_frombuffer(bytes, dtype, shape, order): how protocol 5 writes arrays."""
    if len(args) != 4 or not isinstance(args[1], LazyDtype) or args[3] not in ("C", "F"):
        machine.refuse("a numpy array with arguments of a kind that isn't read")
    made = LazyArray()
    fill_array(machine, made, args[2], dtype=args[1], fortran=args[3] == "F", data=args[0])
    return made


def _scalar(machine: PickleReader, args: tuple[Any, ...]) -> int | float | bool:
    """scalar(dtype, bytes): one number; it becomes a Python number."""
    if len(args) != 2 or not isinstance(args[0], LazyDtype):
        machine.refuse("a numpy number of a kind that isn't read")
    made = LazyArray()
    fill_array(machine, made, (), dtype=args[0], fortran=False, data=args[1])
    return machine.number(made)


# -------------------------------------------------------------------------------------------------------------------- foreign objects


def _persistent(machine: PickleReader, args: tuple[Any, ...]) -> LazyObject:
    """(meta): NVIDIA's networks. Their own loader EXECUTES meta["module_src"]; here it isn't even read."""
    meta = args[0] if len(args) == 1 else None
    name = meta.get("class_name") if isinstance(meta, dict) else None
    if not isinstance(meta, dict) or meta.get("type") != "class" or not isinstance(name, str) or "state" not in meta:
        return machine.refuse("a persistent object without type, class_name and state")
    if len(name) > MAX_FOREIGN_NAME or not name.isprintable():
        machine.refuse(f"a network whose class has no printable name of up to {MAX_FOREIGN_NAME} characters")
    return LazyObject("", name, meta["state"])


def _foreign(module: str, name: str) -> Callable[[PickleReader], LazyObject]:
    return lambda machine: LazyObject(module, name)


SCRIPT_PREFIX = "__torch__."
"""The classes of a TorchScript archive have this name; their code is another file of the archive and isn't read."""


def script_class(module: str, name: str) -> Allowed:
    """A module's class in a TorchScript archive: nothing but a name, whose objects are their attributes."""
    return Allowed(f"{module}.{name}", "a module of a TorchScript archive; its attributes are kept, its code isn't read", new=_foreign(module, name))


def _script_list(machine: PickleReader, args: tuple[Any, ...]) -> list[Any]:
    """build_intlist(list) and its likes: the list."""
    if len(args) != 1 or type(args[0]) is not list:
        machine.refuse("a TorchScript list of something else than a list")
    return args[0]


def _type_tag(machine: PickleReader, args: tuple[Any, ...]) -> Any:
    """restore_type_tag(list or dictionary, its type as a text): the first."""
    if len(args) != 2 or type(args[0]) not in (list, dict) or not isinstance(args[1], str):
        machine.refuse("a TorchScript type of something else than a list or a dictionary")
    return args[0]


# ------------------------------------------------------------------------------------------------------------------------- the table


def _table() -> dict[tuple[str, str], Allowed]:
    table: dict[tuple[str, str], Allowed] = {}

    def allow(modules: str, names: str, reason: str, **does: Any) -> None:
        for module in modules.split():
            for name in names.split():
                table[module, name] = Allowed(f"{module}.{name}", reason, **does)

    def new_dict(machine: PickleReader) -> dict[Any, Any]:
        return {}

    allow("collections", "OrderedDict", "every state dict is one; becomes a dict", call=_dict_of, new=new_dict)
    allow("dnnlib.util easydict", "EasyDict", "settings in NVIDIA's files; becomes a dict", call=_dict_of, new=new_dict)
    allow("argparse", "Namespace", "settings in training checkpoints; becomes a dict", new=lambda machine: Attributes())
    allow("builtins __builtin__", "set frozenset", "names of buffers in every pickled module; becomes a list", call=_items_of)
    allow("builtins __builtin__", "object dict", "bases named by copyreg._reconstructor; not made by themselves")
    allow("copyreg copy_reg", "_reconstructor", "how protocols 0 and 1 write the classes above and below", call=_reconstructor)
    allow("_codecs", "encode", "how protocols 0 to 2 write bytes; latin1 only", call=_encode)
    paths = "PosixPath WindowsPath PurePosixPath PureWindowsPath Path PurePath"
    allow("pathlib pathlib._local", paths, "settings of ReStyle files; becomes a text", call=_path)
    for name, dtype in STORAGE_TYPES.items():
        modules = "torch torch.cuda torch.storage" if name == "UntypedStorage" else "torch torch.cuda"
        allow(modules, name, "says the number type of a tensor's bytes", value=StorageType(dtype))
    for name in DTYPES:
        allow("torch", name, "a number type; becomes a text", value=f"torch.{name}")
    allow("torch._utils", "_rebuild_tensor _rebuild_tensor_v2", "every tensor; built by us from raw bytes", call=_rebuild_tensor)
    allow("torch._utils", "_rebuild_tensor_v3", "tensors of number types without a storage class", call=_rebuild_tensor_v3)
    allow("torch._utils", "_rebuild_parameter", "every parameter of a pickled module; becomes its tensor", call=_rebuild_parameter)
    allow("torch.storage", "_load_from_bytes", "how a plain pickle holds a tensor's bytes; read by us, never by torch.load", call=_load_from_bytes)
    allow("torch", "Size", "shapes; becomes a tuple", call=_size)
    allow("torch", "device", "settings of pSp and ReStyle files; becomes a text", call=_device)
    numpy = "numpy.core.multiarray numpy._core.multiarray"
    allow(numpy, "_reconstruct", "every numpy array; built by us from raw bytes", call=_array)
    allow(numpy, "scalar", "single numbers; becomes a Python number", call=_scalar)
    allow("numpy.core.numeric numpy._core.numeric", "_frombuffer", "numpy arrays in protocol 5", call=_frombuffer)
    allow("numpy", "ndarray", "named as the class of a numpy array; not made by itself")
    allow("numpy", "dtype", "number type of a numpy array; plain numbers only", call=_dtype)
    allow("torch_utils.persistence", "_reconstruct_persistent_obj", "NVIDIA's networks; their state is kept, their source dropped", call=_persistent)
    lists = "build_intlist build_doublelist build_boollist build_tensorlist"
    allow("torch.jit._pickle", lists, "lists among the attributes of a TorchScript module", call=_script_list)
    allow("torch.jit._pickle", "restore_type_tag", "types of lists and dictionaries in TorchScript; dropped", call=_type_tag)
    reason = "networks of the TensorFlow era; their state is kept, their source dropped"
    allow("dnnlib.tflib.network", "Network", reason, new=_foreign("dnnlib.tflib.network", "Network"))
    allow("tfutil", "Network", reason, new=_foreign("tfutil", "Network"))
    return table


ALLOWED = _table()
"""(module, name) -> what it may do."""
