"""Weigh lines of levels, and those on both sides of them: half of a separable blur.

In fixed point: a sum of two levels, with the bits behind their point, fits 16 bits.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dilo.augment.fixed_point import ONE, Words, high_half, plus
from dilo.kernel_cache import njit


def margin(reach: int) -> int:
    """Say how far the kernels look: three levels, or some sixes."""
    return 3 if reach <= 3 else -(-reach // 6) * 6


@njit(nogil=True)
def fixed_weights(half: NDArray[np.float32], reach: int) -> Words:
    """Round weights to 16 bits, so that they sum to 1, and add zeros: (reach + 1,).

    A weight of 1 itself becomes the largest there is.
    """
    weights = np.zeros(reach + 1, np.uint16)
    rest = np.int64(ONE)
    for i in range(1, len(half)):
        weights[i] = np.uint16(np.rint(half[i] * np.float64(ONE)))
        rest -= 2 * np.int64(weights[i])
    weights[0] = np.uint16(rest if rest < ONE else ONE - 1)
    return weights


def weigher(bits: int) -> Any:
    """Compile a kernel for levels that want so many bits behind the point."""
    shift = np.uint16(bits)

    @njit(nogil=True, error_model="numpy", inline="never")
    def weigh_three(
        levels: NDArray[Any],
        start: np.uint64,
        step: np.uint64,
        weights: Words,
        mixed: Words,
    ) -> None:
        """Weigh each level and three on both sides."""
        w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
        left1, right1 = start - step, start + step
        left2, right2 = left1 - step, right1 + step
        left3, right3 = left2 - step, right2 + step
        for i in range(np.uint64(len(mixed))):
            zero = np.uint16(levels[start + i]) << shift
            one = plus(levels[left1 + i], levels[right1 + i]) << shift
            two = plus(levels[left2 + i], levels[right2 + i]) << shift
            three = plus(levels[left3 + i], levels[right3 + i]) << shift
            mixed[i] = plus(
                plus(high_half(zero, w0), high_half(one, w1)),
                plus(high_half(two, w2), high_half(three, w3)),
            )

    @njit(nogil=True, error_model="numpy", inline="never")
    def weigh_six(
        levels: NDArray[Any],
        start: np.uint64,
        step: np.uint64,
        near: np.uint64,
        weights: Words,
        mixed: Words,
    ) -> None:
        """Weigh each level, and on both sides six from `near` steps away on."""
        w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
        w4, w5, w6 = weights[4], weights[5], weights[6]
        left1, right1 = start - near * step, start + near * step
        left2, right2 = left1 - step, right1 + step
        left3, right3 = left2 - step, right2 + step
        left4, right4 = left3 - step, right3 + step
        left5, right5 = left4 - step, right4 + step
        left6, right6 = left5 - step, right5 + step
        for i in range(np.uint64(len(mixed))):
            zero = np.uint16(levels[start + i]) << shift
            one = plus(levels[left1 + i], levels[right1 + i]) << shift
            two = plus(levels[left2 + i], levels[right2 + i]) << shift
            three = plus(levels[left3 + i], levels[right3 + i]) << shift
            four = plus(levels[left4 + i], levels[right4 + i]) << shift
            five = plus(levels[left5 + i], levels[right5 + i]) << shift
            six = plus(levels[left6 + i], levels[right6 + i]) << shift
            low = plus(high_half(zero, w0), high_half(one, w1))
            low = plus(low, plus(high_half(two, w2), high_half(three, w3)))
            high = plus(high_half(four, w4), high_half(five, w5))
            mixed[i] = plus(low, plus(high, high_half(six, w6)))

    @njit(nogil=True, error_model="numpy")
    def weigh(
        levels: NDArray[Any],
        start: np.uint64,
        step: np.uint64,
        weights: Words,
        mixed: Words,
    ) -> None:
        """Weigh each level and those on both sides, `step` apart."""
        if len(weights) <= 4:
            weigh_three(levels, start, step, weights, mixed)
            return
        weigh_six(levels, start, step, np.uint64(1), weights, mixed)
        if len(weights) == 7:
            return
        more = np.empty(len(mixed), np.uint16)
        six = weights[:7].copy()
        six[0] = 0
        for near in range(7, len(weights), 6):
            six[1:] = weights[near : near + 6]
            weigh_six(levels, start, step, np.uint64(near), six, more)
            for i in range(np.uint64(len(mixed))):
                mixed[i] = plus(mixed[i], more[i])

    return weigh
