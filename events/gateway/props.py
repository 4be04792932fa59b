"""Checks an event's properties against the limits and encodes them once."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from events.errors import Rejected
from events.gateway.limits import Limits
from events.reasons import Reason

_encode = msgspec.json.Encoder().encode
#: float64 ends at 309 digits; only a text with so long a run can hold a larger whole number.
_LONG_NUMBER = re.compile(rb"\d{309}")
_LARGEST = 1.7976931348623157e308


def encode_props(props: Any, limits: Limits) -> bytes:
    """Return `props` as compact JSON. Raises Rejected where a limit is broken."""
    if props is None:
        return b"{}"
    if not isinstance(props, dict):
        raise Rejected(Reason.WRONG_TYPE, "props", "`props` must be an object.")
    try:
        encoded = _encode(props)
    except RecursionError:
        raise Rejected(Reason.TOO_DEEP, "props", f"`props` is nested deeper than {limits.depth}.") from None
    if len(encoded) > limits.event_bytes:
        raise Rejected(Reason.EVENT_TOO_LARGE, "props", f"`props` has more than {limits.event_bytes} bytes.")
    if _suspicious(encoded, limits):
        _inspect(props, limits)
    return encoded


def _suspicious(encoded: bytes, limits: Limits) -> bool:
    """Tell cheaply whether a limit may be broken: every figure here is an upper bound of the true one."""
    return (
        len(encoded) > limits.key_bytes
        and (
            encoded.count(b"{") + encoded.count(b"[") > limits.depth
            or encoded.count(b'":') > limits.keys
            or _long_key(encoded, limits.key_bytes)
            or _LONG_NUMBER.search(encoded) is not None
        )
    ) or encoded.count(b"{") + encoded.count(b"[") > limits.depth


def _long_key(encoded: bytes, key_bytes: int) -> bool:
    """Tell whether some `":` lies more than `key_bytes` behind the one before it."""
    return any(len(part) > key_bytes for part in encoded.split(b'":'))


def _inspect(props: dict[str, Any], limits: Limits) -> None:
    """Walk `props` without recursion and raise Rejected at the first broken limit."""
    keys = 0
    todo: list[tuple[Any, int]] = [(props, 1)]
    while todo:
        value, depth = todo.pop()
        if isinstance(value, int | float):
            _check_number(value)
            continue
        if not isinstance(value, dict | list):
            continue
        if depth > limits.depth:
            raise Rejected(Reason.TOO_DEEP, "props", f"`props` is nested deeper than {limits.depth}.")
        if isinstance(value, dict):
            keys += len(value)
            _check_keys(value, keys, limits)
            todo += [(child, depth + 1) for child in value.values()]
        else:
            todo += [(child, depth + 1) for child in value]


def _check_keys(value: dict[str, Any], total: int, limits: Limits) -> None:
    if total > limits.keys:
        raise Rejected(Reason.TOO_MANY_KEYS, "props", f"`props` has more than {limits.keys} keys.")
    for key in value:
        if len(key.encode()) > limits.key_bytes:
            raise Rejected(
                Reason.KEY_TOO_LONG, "props", f"A key of `props` has more than {limits.key_bytes} bytes."
            )


def _check_number(value: float) -> None:
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise Rejected(
            Reason.NUMBER_OUT_OF_RANGE, "props", "A number of `props` is outside the range of float64."
        )
