"""Files of torch.save, in both of its formats, read without torch.load: the pickle by our machine, the tensors' bytes by place.

The format since torch 1.6 is a zip of stored entries: `NAME/data.pkl`, and one `NAME/data/KEY` for each storage. The one before is five
pickles (a magic number, a version, the machine's sizes, the data, the storages' keys), then for each key a count and the raw bytes. That
one is also found inside plain pickles, a storage at a time, behind `torch.storage._load_from_bytes`.
"""

from typing import Any

from ..errors import CheckpointError
from .allowed import MAX_NUMBER, Allowed
from .lazy_values import Blob, Storage, StorageType
from .pickle_machine import Machine
from .pickle_reader import PickleReader, Spent
from .source import Cursor, Source
from .zip_directory import ZipDirectory

MAGIC = 0x1950A86A20F9469CFC6C
"""First value of a torch file before the zip format."""
VERSION = 1001
MAX_KEY = 200


def read_pickle(source: Source) -> Any:
    """The value of a plain pickle (plain and lazy values), with torch storages inside it. Raises CheckpointError."""
    return Machine(Cursor(source), Spent(source.size), nested=_nested_storage).run()


def read_zip(archive: ZipDirectory, scripted: bool = False) -> Any:
    """The value of a torch zip; `scripted` if it's a TorchScript archive, of which nothing but this pickle is read. Raises CheckpointError."""
    name = next(name for name in archive.entries if name == "data.pkl" or name.endswith("/data.pkl"))
    folder = name.removesuffix("data.pkl")
    order = f"{folder}byteorder"
    if order in archive.entries and archive.open(order).read(0, min(16, archive.entries[order].size)) != b"little":
        raise CheckpointError(f"{archive.source.where}: written on a big-endian machine, which isn't read; save it again on another machine")
    storages: dict[str, Storage] = {}

    def persistent(machine: PickleReader, named: Any) -> Storage:
        kind, key, count = _named_storage(machine, named, 5)
        entry = archive.entries.get(f"{folder}data/{key}")
        if entry is None:
            machine.refuse(f"a tensor whose bytes ({key[:80]!r}) aren't in the file")
        if entry.size != count * kind.itemsize:
            machine.refuse(f"a storage of {count} numbers of {kind.itemsize} bytes with {entry.size} bytes")
        if key not in storages:
            data = archive.open(entry.name)
            storages[key] = Storage(kind, entry.size, Blob(data, 0, data.size))
        return _typed(machine, storages[key], kind)

    pickle = archive.open(name)
    return Machine(Cursor(pickle), Spent(pickle.size), persistent, scripted=scripted).run()


def read_legacy(source: Source, spent: Spent | None = None) -> Any:
    """The value of a torch file before the zip format; `spent` is given where it is inside another (None: it isn't). Raises CheckpointError."""
    cursor, spent = Cursor(source), spent or Spent(source.size)
    _check_preamble(cursor, spent)
    storages: dict[str, Storage] = {}

    def persistent(machine: PickleReader, named: Any) -> Storage:
        kind, key, count = _named_storage(machine, named, 6)
        num_bytes = count * kind.itemsize
        if num_bytes > source.size:
            machine.refuse(f"a storage of {num_bytes} bytes in a file of {source.size}")
        stored = storages.setdefault(key, Storage(kind, num_bytes))
        if stored.num_bytes != num_bytes:
            machine.refuse(f"a storage of two sizes ({stored.num_bytes} and {num_bytes} bytes)")
        return _typed(machine, stored, kind)

    value = Machine(cursor, spent, persistent).run()
    _place_storages(cursor, spent, storages)
    return value


def _nested_storage(machine: PickleReader, blob: Blob) -> Storage:
    """The storage of a torch file that is inside a pickle."""
    found = read_legacy(blob.source.part(blob.offset, blob.size, f"{machine.where}: a tensor in it"), machine.spent)
    if not isinstance(found, Storage):
        machine.refuse("nested bytes that aren't one tensor's storage")
    return found


def _check_preamble(cursor: Cursor, spent: Spent) -> None:
    """Magic number, version and the writing machine's byte order."""
    where = cursor.source.where
    if Machine(cursor, spent).run() != MAGIC:
        raise CheckpointError(f"{where}: not a torch file (its first value isn't torch's mark); get it again")
    version, system = Machine(cursor, spent).run(), Machine(cursor, spent).run()
    if version != VERSION:
        raise CheckpointError(f"{where}: a torch file of another version than {VERSION}; save it again with a newer torch")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise CheckpointError(f"{where}: written on a big-endian machine, which isn't read; save it again on another machine")


def _named_storage(machine: PickleReader, named: Any, most: int) -> tuple[Any, str, int]:
    """Number type, key and count of ("storage", type, key, device, count[, view]); the device is left aside, all is read to the CPU."""
    if type(named) is not tuple or not 5 <= len(named) <= most or named[0] != "storage":
        machine.refuse("a persistent id that isn't a tensor's storage")
    kind, key, count = named[1], named[2], named[4]
    if not isinstance(kind, Allowed) or not isinstance(kind.value, StorageType) or not isinstance(key, str) or len(key) > MAX_KEY:
        machine.refuse("a storage without a known number type and key")
    if type(count) is not int or not 0 <= count < MAX_NUMBER:
        machine.refuse("a storage of an impossible size")
    if len(named) == 6 and named[5] is not None:
        machine.refuse("a view of a storage, as torch wrote before version 0.4")
    return kind.value.dtype, key, count


def _typed(machine: PickleReader, stored: Storage, dtype: Any) -> Storage:
    """One key has one number type."""
    if stored.dtype != dtype:
        machine.refuse(f"a storage of two number types ({stored.dtype} and {dtype})")
    return stored


def _place_storages(cursor: Cursor, spent: Spent, storages: dict[str, Storage]) -> None:
    """Read the list of keys and find each one's bytes behind it."""
    where = cursor.source.where
    keys = Machine(cursor, spent).run()
    if not isinstance(keys, list) or len(keys) != len(storages) or not all(isinstance(key, str) and key in storages for key in keys):
        raise CheckpointError(f"{where}: its list of storages isn't that of its tensors; the file is damaged, get it again")
    for key in keys:
        stored = storages[key]
        count = int.from_bytes(cursor.take(8), "little", signed=True)
        if count * stored.dtype.itemsize != stored.num_bytes:
            raise CheckpointError(f"{where}: a storage has {count} numbers, expected {stored.num_bytes // stored.dtype.itemsize}; get the file again")
        stored.place = Blob(cursor.source, cursor.skip(stored.num_bytes), stored.num_bytes)
    if len(set(keys)) != len(keys):
        raise CheckpointError(f"{where}: its list of storages names one twice; the file is damaged, get it again")
