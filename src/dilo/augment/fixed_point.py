"""Products of 16 bits for compiled kernels on levels: twice the lanes of float32.

Written in Python, a product of small integers has 64 bits, which leaves a vector few
lanes. Dense float32 arithmetic, and the widest vectors that compilers then choose,
make many processors lower their clock for milliseconds besides: what follows, such as
decoding the next image, takes up to a sixth longer.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

Words = NDArray[np.uint16]

WIDTH = 16
ONE = 1 << WIDTH  # a weight of 1

_WORD, _COUNT = ir.IntType(WIDTH), ir.IntType(32)
_SIGNATURE = types.uint16(types.uint16, types.uint16)
Emit = Callable[[Any, Any, Any, Any], Any]


def _high_half(context: Any, a: Any, b: Any) -> tuple[Any, Emit]:
    """Multiply two uint16, and give the upper 16 of the 32 bits: a * b // ONE."""

    def emit(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # A product with all its bits behind the point: compilers know it for the one
        # instruction it is, which they do not always see in a shifted product.
        multiply = builder.module.declare_intrinsic(
            "llvm.umul.fix", (_WORD,), ir.FunctionType(_WORD, [_WORD, _WORD, _COUNT])
        )
        return builder.call(multiply, [*arguments, ir.Constant(_COUNT, WIDTH)])

    return _SIGNATURE, emit


def _plus(context: Any, a: Any, b: Any) -> tuple[Any, Emit]:
    """Add two uint16 to a uint16, modulo ONE."""

    def emit(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.add(*arguments)

    return _SIGNATURE, emit


def _minus(context: Any, a: Any, b: Any) -> tuple[Any, Emit]:
    """Subtract two uint16 to a uint16, modulo ONE."""

    def emit(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.sub(*arguments)

    return _SIGNATURE, emit


def _above(context: Any, a: Any, b: Any) -> tuple[Any, Emit]:
    """Say by how much a uint16 exceeds another; 0 if it does not."""

    def emit(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        subtract = builder.module.declare_intrinsic(
            "llvm.usub.sat", (_WORD,), ir.FunctionType(_WORD, [_WORD, _WORD])
        )
        return builder.call(subtract, arguments)

    return _SIGNATURE, emit


# Of (uint16, uint16), in compiled functions alone.
high_half: Any = intrinsic(_high_half)
plus: Any = intrinsic(_plus)
minus: Any = intrinsic(_minus)
above: Any = intrinsic(_above)
