"""What a reader of pickles holds while it reads one: the stack, the counts and limits, and the one error of a refused file.

The opcodes are in `pickle_machine`, and what a file may name is in `allowed`; both use this. Every limit is kept here, in one place for
all of them, so that no few bytes can ask for the same work again and again.
"""

import dataclasses
import re
import struct
from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import CheckpointError
from .lazy_values import MAX_TENSORS, Attributes, Blob, LazyArray, LazyObject, LazyTensor, Storage
from .source import Cursor, Source

MAX_NUMBER_CHARACTERS = 100
MAX_STACK = 100_000
MAX_KEY_CHARACTERS = 4096
SHORT_TEXT = 4096
"""Texts up to this many bytes are read at once, longer ones when they turn out to be wanted."""
READ = "Read are tensors, arrays, numbers, texts, lists and dictionaries, and NVIDIA's networks"

ADVICE = "Get the file from where it was made, or save its state dict alone"
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[\\'\"nrt]|)")
_ESCAPED = {b"\\": b"\\", b"'": b"'", b'"': b'"', b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_LETTERS = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "u8": "Q", "u4": "I", "u2": "H", "u1": "B", "b1": "?"}
"""How struct calls numpy's number types."""


class Mark:
    """The one value that MARK puts on the stack."""


MARK = Mark()


class Spent:
    """What was counted so far, over all pickles of one file of `size` bytes."""

    def __init__(self, size: int) -> None:
        self.opcodes = self.tensors = 0
        self.budget = 2 * size + 2**16


@dataclasses.dataclass(frozen=True)
class Allowed:
    """A global of the table.

    `call` gets the machine and the arguments of a REDUCE (a tuple). `new` makes the empty object of a NEWOBJ and of copyreg's
    _reconstructor. `value` is what is put into the data where the global itself is meant, as for `torch.float32`.
    """

    name: str
    reason: str
    call: Callable[["PickleReader", tuple[Any, ...]], Any] | None = None
    new: Callable[["PickleReader"], Any] | None = None
    value: Any = None


class PickleReader:
    """Reads one pickle from a cursor; `spent` is shared by all the pickles of a file.

    `persistent` is given the id of a BINPERSID and returns what it stands for (torch's files name storages so); without it the opcode
    is refused. `nested` is given the bytes of a torch file inside the pickle and returns its one storage. `scripted` is for TorchScript
    archives: there, and only there, classes under ``__torch__`` (those of the archive's own code, which isn't read) are names of modules.
    """

    def __init__(
        self,
        cursor: Cursor,
        spent: Spent,
        persistent: Callable[["PickleReader", Any], Any] | None = None,
        nested: Callable[["PickleReader", Blob], Storage] | None = None,
        scripted: bool = False,
    ) -> None:
        self.cursor, self.spent, self._persistent, self._nested, self._scripted = cursor, spent, persistent, nested, scripted
        self.where = cursor.source.where
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._done = False
        self._action: Callable[..., None] | None = None
        self._position = cursor.position
        self._storages: dict[tuple[Source, int, int], Storage] = {}
        self._keys: set[str] = set()
        self._classes: dict[tuple[str, str], Allowed] = {}

    # -- what the functions of the table use too

    def refuse(self, what: str, advice: str = ADVICE) -> NoReturn:
        """Raise the one error of a refused pickle; `advice` is what to do about it."""
        opcode = self._action.__name__.strip("_").upper() if self._action else "unknown"
        raise CheckpointError(
            f"{self.where}: refused {what} (opcode {opcode} at byte {self._position}). {READ}; nothing in a file is ever run. {advice}"
        )

    def key(self, value: Any) -> Any:
        """`value` if it may be a key."""
        if isinstance(value, Blob) and value.encoding is None and value.size <= MAX_KEY_CHARACTERS:
            self.spend(value.size + 16)
            return value.read()
        is_text = isinstance(value, str) and (value in self._keys or (len(value) <= MAX_KEY_CHARACTERS and value.isprintable()))
        if is_text:
            self._keys.add(value)  # so that a text that is named again and again is looked through once
        if not is_text and value is not None and not (isinstance(value, int) and abs(value) < 2**60):
            wanted = f"printable texts of up to {MAX_KEY_CHARACTERS} characters or whole numbers"
            self.refuse(f"a key of a dictionary that is {kind_of(value)} (keys are {wanted})")
        return value

    def spend(self, num_bytes: int) -> None:
        """Count bytes that are made here rather than kept in the file."""
        self.spent.budget -= num_bytes
        if self.spent.budget < 0:
            self.refuse("a pickle that unfolds to much more than the file holds")

    def spend_items(self, count: int) -> None:
        """Count items that are copied here."""
        self.spend(16 * count)

    def count_tensor(self) -> None:
        """Count one more tensor."""
        self.spent.tensors += 1
        if self.spent.tensors > MAX_TENSORS:
            self.refuse(f"more than {MAX_TENSORS} tensors")

    def latin1(self, value: Any) -> Blob:
        """Bytes, also those that are written one for one in a text: how Python 2, and protocols 0 to 2, write them."""
        if isinstance(value, Blob) and value.encoding in (None, "latin1"):
            return value
        if not isinstance(value, (Blob, str)):
            self.refuse(f"{kind_of(value)} where bytes are expected")
        self.spend(value.size if isinstance(value, Blob) else len(value))
        if isinstance(value, Blob):
            value = self._decode(value.read(), value.encoding or "utf-8")
        try:
            data = value.encode("latin1")
        except UnicodeEncodeError:
            self.refuse("a text where bytes are expected")
        return Blob(Source.of_bytes(data, self.where), 0, len(data))

    def nested_storage(self, blob: Blob) -> Storage:
        """The storage of a torch file inside this pickle; the same bytes give the same storage."""
        if self._nested is None:
            self.refuse("torch.storage._load_from_bytes inside itself")
        key = (blob.source, blob.offset, blob.size)  # the source itself, which so lives on: the id of a freed one would be given to another
        if key not in self._storages:
            self.count_tensor()
            self._storages[key] = self._nested(self, blob)
        return self._storages[key]

    def number(self, made: LazyArray) -> int | float | bool:
        """The Python number of an array of one."""
        if made.dtype is None or made.data is None:
            self.refuse("a numpy number without a type")
        order = ">" if made.dtype.order == ">" else "<"
        number: int | float | bool = struct.unpack(order + _LETTERS[made.dtype.code], made.data.read())[0]
        return number

    # -- the stack and the bytes

    def _push(self, value: Any) -> None:
        if len(self._stack) >= MAX_STACK:
            self.refuse(f"a stack of more than {MAX_STACK} values")
        self._stack.append(value)

    def _pop(self) -> Any:
        if len(self._stack) <= (self._marks[-1] + 1 if self._marks else 0):
            self.refuse("a pickle that takes more from the stack than is there")
        return self._stack.pop()

    def _top(self) -> Any:
        if len(self._stack) <= (self._marks[-1] + 1 if self._marks else 0):
            self.refuse("a pickle that takes more from the stack than is there")
        return self._stack[-1]

    def _pop_to_mark(self) -> list[Any]:
        if not self._marks:
            self.refuse("a pickle that looks for a mark where none is")
        begin = self._marks.pop()
        items = self._stack[begin + 1 :]
        del self._stack[begin:]
        return items

    def _number(self, size: int) -> int:
        return int.from_bytes(self.cursor.take(size), "little")

    def _decode(self, data: bytes, encoding: str) -> str:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            self.refuse(f"a text that isn't {encoding}")

    def _text_or_blob(self, size: int, encoding: str) -> str | Blob:
        if size <= SHORT_TEXT:
            return self._decode(self.cursor.take(size), encoding)
        return Blob(self.cursor.source, self.cursor.skip(size), size, encoding)

    def _of_line(self, line: bytes, kind: Callable[[str], Any]) -> Any:
        if len(line) > MAX_NUMBER_CHARACTERS:
            self.refuse(f"a number of {len(line)} characters (at most {MAX_NUMBER_CHARACTERS} are read)")
        try:
            return kind(line.decode("ascii"))
        except ValueError:
            self.refuse(f"{line[:40]!r} where a number is expected")

    def _unescape(self, line: bytes) -> str:
        """Undo the escapes that Python 2's repr writes. Each stands for one byte, so the text is latin1 whatever it meant."""
        try:
            return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1]) or bytes([int(found[1][1:], 16)]), line).decode("latin1")
        except (TypeError, ValueError):
            self.refuse("a text whose escapes aren't readable")


def kind_of(value: Any) -> str:
    """What a value is, for errors, in words."""
    if isinstance(value, Allowed):
        return value.name
    return {LazyTensor: "a tensor", LazyArray: "a numpy array", Blob: "bytes", Attributes: "a namespace", LazyObject: "a network"}.get(
        type(value), f"a {type(value).__name__}"
    )
