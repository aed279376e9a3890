"""A small machine for the opcodes of pickles that reads them as DATA. For the reviewer:

- Nothing is imported, called, built or looked up by a name of the file. A global is an entry of `allowed.ALLOWED` or it's refused, and
  what REDUCE, NEWOBJ and BUILD do with an entry is a function of ours.
- Opcodes that a file of weights has no use for (INST, OBJ, NEWOBJ_EX, EXT*, PERSID, out-of-band buffers) are refused by name, as are unknown ones.
- Every declared size is held against the bytes that are left before anything of that size is made; long bytes and texts aren't read at
  all, only their place is kept (`lazy_values.Blob`), so that a refused file costs next to nothing.
- Opcodes, stack, marks, tensors and what we make ourselves of memoised values are counted and capped, together for all pickles of a
  file, so that no few bytes can ask for the same work again and again. Nothing here recurses, and no value is ever shown by its repr.
- Only texts, bytes and small whole numbers may be keys: keys of other kinds could be made to collide (a whole number's hash is the number
  itself modulo 2^61 - 1) or, nested deeply, overflow the interpreter's own stack. The memo's numbers are small for the same reason.
- Keys and names of classes are printable, because messages show them: none brings line breaks or a terminal's control characters along.

The opcodes are those of Python's pickletools (protocols 0 to 5).
"""

import codecs
import re
import struct
from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import CheckpointError
from .allowed import ALLOWED, SCRIPT_PREFIX, Allowed, build_array, build_dtype, script_class
from .lazy_values import (
    MAX_TENSORS,
    Attributes,
    Blob,
    LazyArray,
    LazyDtype,
    LazyObject,
    LazyTensor,
    Storage,
)
from .source import Cursor, Source

MAX_OPCODES = 500_000
"""Ten times what a training checkpoint with all its networks and optimisers has."""
MAX_STACK = 100_000
MAX_MARKS = 1_000
MAX_NUMBER_BYTES = 256
MAX_NUMBER_CHARACTERS = 100
MAX_MEMO = 2**32
MAX_KEY_CHARACTERS = 4096
MAX_NAME_CHARACTERS = 500
SHORT_TEXT = 4096
"""Texts up to this many bytes are read at once, longer ones when they turn out to be wanted."""
READ = "Read are tensors, arrays, numbers, texts, lists and dictionaries, and NVIDIA's networks"

_ADVICE = "Get the file from where it was made, or save its state dict alone"
_LAYERS = ("torch.nn.modules.", "torch.nn.utils.", "timm.", "pg_modules.", "feature_networks.")
"""Modules of layers that NVIDIA's own networks have none of."""
_OF_RELATIVES = (
    "A StyleGAN-XL, Projected GAN or FastGAN network (whose files hold such layers) isn't served in any form: choose a StyleGAN2 or StyleGAN3 "
    "generator. Of another network, save its state dict alone"
)

_NO_GLOBALS = "a file of weights has no use for it"
REFUSED_OPCODES = {
    b"i": ("INST", "it would make an object of a class that the file names"),
    b"o": ("OBJ", "it would make an object of a class that the file names"),
    b"\x92": ("NEWOBJ_EX", "it would make an object of a class that the file names"),
    b"\x82": ("EXT1", _NO_GLOBALS),
    b"\x83": ("EXT2", _NO_GLOBALS),
    b"\x84": ("EXT4", _NO_GLOBALS),
    b"P": ("PERSID", _NO_GLOBALS),
    b"\x97": ("NEXT_BUFFER", "its bytes would lie outside the file"),
    b"\x98": ("READONLY_BUFFER", "its bytes would lie outside the file"),
}


_LETTERS = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "u8": "Q", "u4": "I", "u2": "H", "u1": "B", "b1": "?"}
"""How struct calls numpy's number types."""
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[\\'\"nrt]|)")
_ESCAPED = {b"\\": b"\\", b"'": b"'", b'"': b'"', b"n": b"\n", b"r": b"\r", b"t": b"\t"}


class Mark:
    """The one value that MARK puts on the stack."""


MARK = Mark()


class Spent:
    """What was counted so far, over all pickles of one file of `size` bytes."""

    def __init__(self, size: int) -> None:
        self.opcodes = self.tensors = 0
        self.budget = 2 * size + 2**16


class Machine:
    """Reads one pickle from a cursor; `spent` is shared by all the pickles of a file.

    `persistent` is given the id of a BINPERSID and returns what it stands for (torch's files name storages so); without it the opcode
    is refused. `nested` is given the bytes of a torch file inside the pickle and returns its one storage. `scripted` is for TorchScript
    archives: there, and only there, classes under ``__torch__`` (those of the archive's own code, which isn't read) are names of modules.
    """

    def __init__(
        self,
        cursor: Cursor,
        spent: Spent,
        persistent: Callable[["Machine", Any], Any] | None = None,
        nested: Callable[["Machine", Blob], Storage] | None = None,
        scripted: bool = False,
    ) -> None:
        self.cursor, self.spent, self._persistent, self._nested, self._scripted = cursor, spent, persistent, nested, scripted
        self.where = cursor.source.where
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._done = False
        self._action: Callable[[Machine], None] | None = None
        self._position = cursor.position
        self._storages: dict[tuple[Source, int, int], Storage] = {}
        self._keys: set[str] = set()
        self._classes: dict[tuple[str, str], Allowed] = {}

    # -- what the table's functions use

    def refuse(self, what: str, advice: str = _ADVICE) -> NoReturn:
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
            self.refuse(f"a key of a dictionary that is {_kind(value)} (keys are {wanted})")
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
        """Bytes, also those that stand in a text one for one: how Python 2, and protocols 0 to 2, write them."""
        if isinstance(value, Blob) and value.encoding in (None, "latin1"):
            return value
        if not isinstance(value, (Blob, str)):
            self.refuse(f"{_kind(value)} where bytes are expected")
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

    # -- the loop

    def run(self) -> Any:
        """The value that the pickle stands for, made of plain Python values and drafts; the cursor stands behind its STOP."""
        actions, take = ACTIONS, self.cursor.take
        spent = self.spent
        while not self._done:
            spent.opcodes += 1
            if spent.opcodes > MAX_OPCODES:
                self.refuse(f"a file of more than {MAX_OPCODES} opcodes")
            self._position = self.cursor.position
            code = take(1)
            action = actions.get(code)
            if action is None:
                self._refuse_opcode(code)
            self._action = action
            action(self)
        return self._stack[0]

    def _refuse_opcode(self, code: bytes) -> NoReturn:
        name, reason = REFUSED_OPCODES.get(code, (f"0x{code.hex()}", "there is no such opcode: the file is damaged or not a pickle"))
        self._action = None
        self.refuse(f"the opcode {name}: {reason}")

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

    # -- frame and end

    def _proto(self) -> None:
        version = self._number(1)
        if version > 5:
            self.refuse(f"a pickle of protocol {version} (known are 0 to 5)")

    def _frame(self) -> None:
        size = self._number(8)
        if size > self.cursor.left:
            self.cursor.source.cut_off(self.cursor.position + size)

    def _stop(self) -> None:
        if len(self._stack) != 1 or self._marks:
            self.refuse(f"a pickle that ends with {len(self._stack)} values on the stack")
        self._done = True

    # -- constants and numbers

    def _none(self) -> None:
        self._push(None)

    def _newtrue(self) -> None:
        self._push(True)

    def _newfalse(self) -> None:
        self._push(False)

    def _binint(self) -> None:
        self._push(int.from_bytes(self.cursor.take(4), "little", signed=True))

    def _binint1(self) -> None:
        self._push(self._number(1))

    def _binint2(self) -> None:
        self._push(self._number(2))

    def _long1(self) -> None:
        self._long_of(self._number(1))

    def _long4(self) -> None:
        self._long_of(self._number(4))

    def _long_of(self, size: int) -> None:
        if size > MAX_NUMBER_BYTES:
            self.refuse(f"a whole number of {size} bytes (at most {MAX_NUMBER_BYTES} are read)")
        self._push(int.from_bytes(self.cursor.take(size), "little", signed=True))

    def _binfloat(self) -> None:
        self._push(struct.unpack(">d", self.cursor.take(8))[0])

    def _int(self) -> None:
        line = self.cursor.line()
        self._push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else self._of_line(line, int))

    def _long(self) -> None:
        self._push(self._of_line(self.cursor.line().removesuffix(b"L"), int))

    def _float(self) -> None:
        self._push(self._of_line(self.cursor.line(), float))

    def _of_line(self, line: bytes, kind: Callable[[str], Any]) -> Any:
        if len(line) > MAX_NUMBER_CHARACTERS:
            self.refuse(f"a number of {len(line)} characters (at most {MAX_NUMBER_CHARACTERS} are read)")
        try:
            return kind(line.decode("ascii"))
        except ValueError:
            self.refuse(f"{line[:40]!r} where a number is expected")

    # -- texts and bytes

    def _string(self) -> None:
        line = self.cursor.line()
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
            self.refuse("a text without quotes")
        self._push(self._unescape(line[1:-1]))

    def _unicode(self) -> None:
        line = self.cursor.line()
        try:
            self._push(codecs.raw_unicode_escape_decode(line)[0])  # by function: a codec's name would be imported
        except UnicodeDecodeError:
            self.refuse("a text whose escapes aren't readable")

    def _unescape(self, line: bytes) -> str:
        """Undo the escapes that Python 2's repr writes. Each stands for one byte, so the text is latin1 whatever it meant."""
        try:
            return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1]) or bytes([int(found[1][1:], 16)]), line).decode("latin1")
        except (TypeError, ValueError):
            self.refuse("a text whose escapes aren't readable")

    def _binstring(self) -> None:
        self._push(self._text_or_blob(self._number(4), "latin1"))

    def _short_binstring(self) -> None:
        self._push(self._text_or_blob(self._number(1), "latin1"))

    def _binunicode(self) -> None:
        self._push(self._text_or_blob(self._number(4), "utf-8"))

    def _short_binunicode(self) -> None:
        self._push(self._text_or_blob(self._number(1), "utf-8"))

    def _binunicode8(self) -> None:
        self._push(self._text_or_blob(self._number(8), "utf-8"))

    def _binbytes(self) -> None:
        self._blob(self._number(4))

    def _short_binbytes(self) -> None:
        self._blob(self._number(1))

    def _binbytes8(self) -> None:
        self._blob(self._number(8))

    def _bytearray8(self) -> None:
        self._blob(self._number(8))

    def _blob(self, size: int) -> None:
        self._push(Blob(self.cursor.source, self.cursor.skip(size), size))

    # -- containers

    def _mark(self) -> None:
        if len(self._marks) >= MAX_MARKS:
            self.refuse(f"a pickle nested deeper than {MAX_MARKS}")
        self._marks.append(len(self._stack))
        self._push(MARK)

    def _pop_opcode(self) -> None:
        if self._stack and self._stack[-1] is MARK:
            self._pop_to_mark()
        else:
            self._pop()

    def _pop_mark(self) -> None:
        self._pop_to_mark()

    def _dup(self) -> None:
        self._push(self._top())

    def _empty_tuple(self) -> None:
        self._push(())

    def _tuple1(self) -> None:
        self._push((self._pop(),))

    def _tuple2(self) -> None:
        second, first = self._pop(), self._pop()
        self._push((first, second))

    def _tuple3(self) -> None:
        third, second, first = self._pop(), self._pop(), self._pop()
        self._push((first, second, third))

    def _tuple(self) -> None:
        self._push(tuple(self._pop_to_mark()))

    def _empty_list(self) -> None:
        self._push([])

    def _list(self) -> None:
        self._push(self._pop_to_mark())

    def _append(self) -> None:
        value = self._pop()
        self._items().append(value)

    def _appends(self) -> None:
        values = self._pop_to_mark()
        self._items().extend(values)

    def _items(self) -> list[Any]:
        top = self._top()
        if type(top) is not list:
            self.refuse(f"items added to {_kind(top)}")
        return top

    def _empty_set(self) -> None:
        self._push([])  # a set becomes a list: nothing is hashed

    def _additems(self) -> None:
        self._appends()

    def _frozenset(self) -> None:
        self._push(self._pop_to_mark())

    def _empty_dict(self) -> None:
        self._push({})

    def _dict(self) -> None:
        pairs = self._pop_to_mark()
        self._push({})
        self._set(pairs)

    def _setitem(self) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def _setitems(self) -> None:
        self._set(self._pop_to_mark())

    def _set(self, pairs: list[Any]) -> None:
        top = self._top()
        if type(top) is not dict or len(pairs) % 2:
            self.refuse(f"keys set in {_kind(top)}")
        for index in range(0, len(pairs), 2):
            top[self.key(pairs[index])] = pairs[index + 1]

    # -- memo

    def _remember(self, index: int) -> None:
        if not 0 <= index < MAX_MEMO:
            self.refuse("an entry of the memo with an impossible number")
        self._memo[index] = self._top()

    def _recall(self, index: int) -> None:
        if index not in self._memo:
            self.refuse("an entry of the memo that was never written")
        self._push(self._memo[index])

    def _put(self) -> None:
        self._remember(self._of_line(self.cursor.line(), int))

    def _binput(self) -> None:
        self._remember(self._number(1))

    def _long_binput(self) -> None:
        self._remember(self._number(4))

    def _memoize(self) -> None:
        self._remember(len(self._memo))

    def _get(self) -> None:
        self._recall(self._of_line(self.cursor.line(), int))

    def _binget(self) -> None:
        self._recall(self._number(1))

    def _long_binget(self) -> None:
        self._recall(self._number(4))

    # -- globals and what they may do

    def _global(self) -> None:
        module, name = self.cursor.line(), self.cursor.line()
        self._find(self._decode(module, "utf-8"), self._decode(name, "utf-8"))

    def _stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            self.refuse("a global whose name isn't a text")
        self._find(module, name)

    def _find(self, module: str, name: str) -> None:
        if len(module) + len(name) > MAX_NAME_CHARACTERS:
            self.refuse("a global with an endless name")
        found = ALLOWED.get((module, name)) or self._classes.get((module, name))
        if found is None and self._scripted and f"{module}.".startswith(SCRIPT_PREFIX) and f"{module}{name}".isprintable():
            found = self._classes[module, name] = script_class(module, name)
        if found is None:
            self.refuse(f"the global {f'{module}.{name}'[:200]!r}", _OF_RELATIVES if module.startswith(_LAYERS) else _ADVICE)
        self._push(found)

    def _reduce(self) -> None:
        args, function = self._pop(), self._pop()
        if not isinstance(function, Allowed) or function.call is None:
            self.refuse(f"a call of {function.name if isinstance(function, Allowed) else _kind(function)}")
        if type(args) is not tuple:
            self.refuse(f"a call of {function.name} with {_kind(args)} for arguments")
        self._push(function.call(self, args))

    def _newobj(self) -> None:
        args, kind = self._pop(), self._pop()
        if not isinstance(kind, Allowed):
            self.refuse(f"an object of {_kind(kind)}")
        if kind.new is None or args != ():
            self.refuse(f"a new object of {kind.name}")
        self._push(kind.new(self))

    def _build(self) -> None:
        state = self._pop()
        made = self._top()
        if isinstance(made, LazyDtype):
            build_dtype(self, made, state)
        elif isinstance(made, LazyArray):
            build_array(self, made, state)
        elif isinstance(made, LazyObject) and made.module and made.state is None:
            made.state = state
            if type(state) is dict:
                state.pop("build_module_src", None)  # Python source that TensorFlow-era loaders execute; as unread as "module_src"
        elif isinstance(made, Attributes) and type(state) is dict:
            self.spend_items(len(state))
            made.values.update(state)
        elif type(made) is dict and isinstance(state, dict):
            pass  # attributes of a state dict (its `_metadata`) and of an EasyDict (its items once more)
        else:
            self.refuse(f"a state set on {_kind(made)}")

    def _binpersid(self) -> None:
        name = self._pop()
        if self._persistent is None:
            self.refuse("the opcode BINPERSID: outside of torch's own files it names something outside of the file")
        self._push(self._persistent(self, name))


def _kind(value: Any) -> str:
    """What a value is, for errors."""
    if isinstance(value, Allowed):
        return value.name
    return {LazyTensor: "a tensor", LazyArray: "a numpy array", Blob: "bytes", Attributes: "a namespace", LazyObject: "a network"}.get(
        type(value), f"a {type(value).__name__}"
    )


_Action = Callable[[Machine], None]
ACTIONS: dict[bytes, _Action] = {
    b"\x80": Machine._proto, b"\x95": Machine._frame, b".": Machine._stop,
    b"N": Machine._none, b"\x88": Machine._newtrue, b"\x89": Machine._newfalse,
    b"J": Machine._binint, b"K": Machine._binint1, b"M": Machine._binint2, b"\x8a": Machine._long1, b"\x8b": Machine._long4, b"G": Machine._binfloat,
    b"I": Machine._int, b"L": Machine._long, b"F": Machine._float,
    b"S": Machine._string, b"V": Machine._unicode, b"T": Machine._binstring, b"U": Machine._short_binstring,
    b"X": Machine._binunicode, b"\x8c": Machine._short_binunicode, b"\x8d": Machine._binunicode8,
    b"B": Machine._binbytes, b"C": Machine._short_binbytes, b"\x8e": Machine._binbytes8, b"\x96": Machine._bytearray8,
    b"(": Machine._mark, b"0": Machine._pop_opcode, b"1": Machine._pop_mark, b"2": Machine._dup,
    b")": Machine._empty_tuple, b"\x85": Machine._tuple1, b"\x86": Machine._tuple2, b"\x87": Machine._tuple3, b"t": Machine._tuple,
    b"]": Machine._empty_list, b"l": Machine._list, b"a": Machine._append, b"e": Machine._appends,
    b"\x8f": Machine._empty_set, b"\x90": Machine._additems, b"\x91": Machine._frozenset,
    b"}": Machine._empty_dict, b"d": Machine._dict, b"s": Machine._setitem, b"u": Machine._setitems,
    b"p": Machine._put, b"q": Machine._binput, b"r": Machine._long_binput, b"\x94": Machine._memoize,
    b"g": Machine._get, b"h": Machine._binget, b"j": Machine._long_binget,
    b"c": Machine._global, b"\x93": Machine._stack_global, b"R": Machine._reduce, b"\x81": Machine._newobj, b"b": Machine._build,
    b"Q": Machine._binpersid,
}  # fmt: skip
"""Every opcode that is read."""
