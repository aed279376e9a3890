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
import struct
from collections.abc import Callable
from typing import Any, NoReturn

from .allowed import ALLOWED, SCRIPT_PREFIX, build_array, build_dtype, script_class
from .lazy_values import Attributes, Blob, LazyArray, LazyDtype, LazyObject
from .pickle_reader import ADVICE, MARK, Allowed, PickleReader, kind_of

MAX_OPCODES = 500_000
"""Ten times what a training checkpoint with all its networks and optimisers has."""
MAX_MARKS = 1_000
MAX_NUMBER_BYTES = 256
MAX_MEMO = 2**32
MAX_NAME_CHARACTERS = 500
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


class Machine(PickleReader):
    """The loop and the opcodes: each method is one opcode and leaves what it means on the stack."""

    # -- the loop

    def run(self) -> Any:
        """The value that the pickle means, made of plain Python values and lazy ones; the cursor is behind its STOP."""
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
            self.refuse(f"items added to {kind_of(top)}")
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
            self.refuse(f"keys set in {kind_of(top)}")
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
            self.refuse(f"the global {f'{module}.{name}'[:200]!r}", _OF_RELATIVES if module.startswith(_LAYERS) else ADVICE)
        self._push(found)

    def _reduce(self) -> None:
        args, function = self._pop(), self._pop()
        if not isinstance(function, Allowed) or function.call is None:
            self.refuse(f"a call of {function.name if isinstance(function, Allowed) else kind_of(function)}")
        if type(args) is not tuple:
            self.refuse(f"a call of {function.name} with {kind_of(args)} for arguments")
        self._push(function.call(self, args))

    def _newobj(self) -> None:
        args, kind = self._pop(), self._pop()
        if not isinstance(kind, Allowed):
            self.refuse(f"an object of {kind_of(kind)}")
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
            self.refuse(f"a state set on {kind_of(made)}")

    def _binpersid(self) -> None:
        name = self._pop()
        if self._persistent is None:
            self.refuse("the opcode BINPERSID: outside of torch's own files it names something outside of the file")
        self._push(self._persistent(self, name))


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
