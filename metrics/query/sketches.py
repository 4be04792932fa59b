"""Turns sketches into numbers: a quantile from the bins of a DDSketch, a count from the registers of a HyperLogLog."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator

from metrics.definitions.registers import RANKS as _RANKS
from metrics.definitions.registers import REGISTERS as _REGISTERS
from metrics.definitions.spec import BIN_OFFSET, LOG_GAMMA

#: A bin holds the numbers from gamma ** (i - 1) to gamma ** i: its middle is at most this wrong, as a share of them.
RELATIVE_ERROR = 0.01
#: What the end of a bin is multiplied with to get its middle, as a logarithm.
_TO_MIDDLE = math.log(2 / (math.exp(LOG_GAMMA) + 1))
_LOG_LARGEST = math.log(sys.float_info.max)
#: The standard error of an estimate, as a share of it.
STANDARD_ERROR = 1.04 / math.sqrt(_REGISTERS)


def value_of_bin(number: int) -> float:
    """Return the number that stands for a bin: at most RELATIVE_ERROR away from each that is in it."""
    if number == 0:
        return 0.0
    # By logarithms: the power itself may be beyond what a float holds where the number is not.
    logarithm = (abs(number) - BIN_OFFSET) * LOG_GAMMA + _TO_MIDDLE
    size = math.exp(logarithm) if logarithm < _LOG_LARGEST else sys.float_info.max
    return math.copysign(size, number)


def between(low: int, high: int, share: float) -> float:
    """Return the number `share` of the way from one bin to another: as exact percentiles lie between neighbours."""
    first, second = value_of_bin(low), value_of_bin(high)
    return first * (1 - share) + second * share


def estimate(registers: bytes) -> int:
    """Return how many different hashes there were, from registers of a byte each."""
    return cardinality(_ranks(registers))


def _ranks(registers: bytes) -> Iterator[tuple[int, int]]:
    """Yield each rank but 0 and how many registers have it. High ones are rare: who has seen all registers stops."""
    rank, left = 1, len(registers) - registers.count(0)
    while left:
        count = registers.count(rank)
        yield rank, count
        rank, left = rank + 1, left - count


def cardinality(ranks: Iterable[Iterable[int]]) -> int:
    """Return how many different hashes there were, from pairs of a rank and how many registers have it as greatest.

    Ertl's improved raw estimator ("New cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm
    6): it needs no constants from experiments, and is as good for few as for many.
    """
    registers = [0] * (_RANKS + 1)
    for rank, count in ranks:
        registers[rank] = count
    registers[0] = _REGISTERS - sum(registers)
    z = _REGISTERS * _tau(1 - registers[_RANKS] / _REGISTERS)
    for count in reversed(registers[1:_RANKS]):
        z = 0.5 * (z + count)
    z += _REGISTERS * _sigma(registers[0] / _REGISTERS)
    return round(_REGISTERS**2 / (2 * math.log(2) * z))


def _sigma(x: float) -> float:
    """Return x + the sum of x ** (2 ** k) * 2 ** (k - 1) for k from 1: the part of registers that are empty."""
    if x == 1:
        return math.inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x, before = x * x, z
        z, y = z + x * y, y * 2
    return z


def _tau(x: float) -> float:
    """Return the part of registers that are full."""
    if x in (0, 1):
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x, before, y = math.sqrt(x), z, y * 0.5
        z -= (1 - x) ** 2 * y
    return z / 3
