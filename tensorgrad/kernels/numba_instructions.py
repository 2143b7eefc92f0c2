"""Vector instructions, spelt out for compiled code.

LLVM finds most of them by itself. Not so a sum that stays in a register from its first
term to its last, or the transpose of a square: those are built here, in its language.
"""

import contextlib
import inspect

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, type_callable

WIDE = bool(binding.get_host_cpu_features().get("avx512f"))
BYTES = 64 if WIDE else 32  # of a vector
_WORD = ir.IntType(32)


def instructions_of(function):
    """The decorated function builds what this one does, where compiled code calls it.

    It gets a `Code` and the arguments: arrays as `Array`, tuples as tuples.
    """

    def returns_nothing(*kinds):
        return types.void(*kinds)

    def register(build):
        def lower(context, builder, signature, args):
            code = Code(context, builder, _element(signature.args))
            build(code, *map(code.argument, signature.args, args))
            return context.get_dummy_value()

        type_callable(function)(lambda context: returns_nothing)
        lower_builtin(function, types.VarArg(types.Any))(lower)
        return build

    returns_nothing.pysig = inspect.signature(function)
    return register


def _element(kinds):
    return next(kind.dtype for kind in kinds if isinstance(kind, types.Array))


class Code:
    """A function that numba is building, at the place where it has come to."""

    def __init__(self, context, builder, element):
        self.context, self.builder = context, builder
        self.element = context.get_value_type(element)
        self.size = element.bitwidth // 8
        self.lanes = BYTES // self.size
        self.vector = ir.VectorType(self.element, self.lanes)

    def argument(self, kind, value):
        if isinstance(kind, types.Array):
            array = self.context.make_array(kind)(self.context, self.builder, value)
            return Array(self.builder, array)
        if isinstance(kind, types.BaseTuple):
            return cgutils.unpack_tuple(self.builder, value)
        return value

    # --- integers

    def number(self, value):
        return cgutils.intp_t(value)

    def sum(self, x, y):
        return self.builder.add(x, self.number(y) if isinstance(y, int) else y)

    def less(self, x, y):
        return self.builder.icmp_signed("<", x, y)

    @contextlib.contextmanager
    def each(self, start, stop, step=1):
        """What is built inside runs for i = start, start + step, ... below stop."""
        step = self.number(step)
        with cgutils.for_range_slice(self.builder, start, stop, step) as (i, _):
            yield i

    # --- vectors

    def variable(self, start=0.0):
        """Memory for a vector that begins as that; LLVM keeps it in a register."""
        place = cgutils.alloca_once(self.builder, self.vector)
        self.builder.store(self.vector([start] * self.lanes), place)
        return place

    def load(self, address, i=0):
        """The i-th vector from there on."""
        return self.builder.load(self._pointer(address, i), align=self.size)

    def store(self, vector, address, i=0):
        self.builder.store(vector, self._pointer(address, i), align=self.size)

    def load_some(self, address, count, i=0):
        """The i-th vector from there on, with zeros from the element `count` on."""
        zeros, mask = self.vector([0.0] * self.lanes), self._first(count)
        args = self._pointer(address, i), _WORD(self.size), mask, zeros
        return self._call(f"llvm.masked.load.{self._name}.p0", self.vector, *args)

    def store_some(self, vector, address, count):
        """The first `count` elements."""
        args = self._pointer(address), _WORD(self.size), self._first(count)
        name = f"llvm.masked.store.{self._name}.p0"
        self._call(name, ir.VoidType(), vector, *args)

    def spread(self, address, i=0):
        """A vector whose elements are all the i-th element from there on."""
        place = self.builder.gep(address, [self.number(i * self.size)])
        place = self.builder.bitcast(place, self.element.as_pointer())
        return self.repeat(self.builder.load(place, align=self.size))

    def repeat(self, value, kind=None):
        kind = kind or self.vector
        first = self.builder.insert_element(kind(ir.Undefined), value, _WORD(0))
        return self._shuffle(first, first, [0] * self.lanes)

    def multiply_add(self, x, y, z):
        """x * y + z, rounded once."""
        return self._call(f"llvm.fma.{self._name}", self.vector, x, y, z)

    def transposed(self, square):
        """As many vectors as each has elements: of all the first, the second, ..."""
        square, side, places = list(square), 1, range(self.lanes)
        while side < self.lanes:
            # blocks of that side change places across the diagonal
            upper = [self.lanes + (j ^ side) if j & side else j for j in places]
            lower = [self.lanes + j if j & side else j | side for j in places]
            for i in places:
                if not i & side:
                    pair = square[i], square[i | side]
                    square[i] = self._shuffle(*pair, upper)
                    square[i | side] = self._shuffle(*pair, lower)
            side *= 2
        return square

    # --- the cache

    def will_write(self, address, i=0):
        """Ask for the i-th vector from there on, so that it is in the cache by then."""
        self._prefetch(address, i, write=1, near=3)

    def will_read(self, address, i=0):
        """The same, into the second cache."""
        self._prefetch(address, i, write=0, near=2)

    def _prefetch(self, address, i, write, near):
        place, data = self._pointer(address, i), 1
        numbers = map(_WORD, (write, near, data))
        self._call("llvm.prefetch.p0", ir.VoidType(), place, *numbers)

    # --- LLVM's names for all that

    @property
    def _name(self):
        return f"v{self.lanes}f{8 * self.size}"

    def _pointer(self, address, i=0):
        place = self.builder.gep(address, [self.number(i * BYTES)])
        return self.builder.bitcast(place, self.vector.as_pointer())

    def _first(self, count):
        """Which elements of a vector are its first `count`."""
        kind = ir.VectorType(cgutils.intp_t, self.lanes)
        return self.less(kind(list(range(self.lanes))), self.repeat(count, kind))

    def _shuffle(self, x, y, places):
        """Elements of x and, counted on from its last, of y."""
        mask = ir.VectorType(_WORD, len(places))(places)
        return self.builder.shuffle_vector(x, y, mask)

    def _call(self, name, result, *args):
        kind = ir.FunctionType(result, [arg.type for arg in args])
        module = self.builder.module
        function = cgutils.get_or_insert_function(module, kind, name)
        return self.builder.call(function, args)


class Array:
    """An array of compiled code."""

    def __init__(self, builder, array):
        self.builder = builder
        # A pointer, not a number: LLVM, which optimizes helpers twice, can take sums of
        # numbers for addresses counted from null, and what lies there for undefined.
        self.start = builder.bitcast(array.data, cgutils.voidptr_t)
        self.shape = cgutils.unpack_tuple(builder, array.shape)
        self.strides = cgutils.unpack_tuple(builder, array.strides)

    def at(self, *indices):
        """The address of an element; of trailing axes left out, the first."""
        address = self.start
        for axis, i in enumerate(indices):
            address = self.after(address, axis, i)
        return address

    def after(self, address, axis, i=None):
        """The address of the element one place further along that axis, or i places."""
        step = self.strides[axis]
        if i is not None:
            step = self.builder.mul(i, step)
        return self.builder.gep(address, [step])
