"""Bytes to events: strict JSON, fast where it can be.

msgspec decodes what is plain. What it would get wrong or refuse although the policy accepts it (NUL and lone
surrogates, in escapes) goes through a slower strict decoder, which also finds keys that stand twice.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import msgspec

from events.errors import BadRequest, InvalidJson, TooLarge

_decoder = msgspec.json.Decoder()
#: Escapes that need the slow decoder: NUL, and any surrogate (a pair is fine, a lone one is not).
_ODD_ESCAPES = (b"\\u0000", b"\\ud", b"\\uD")
#: A key whose colon does not follow at once cannot be counted by `":`.
_LOOSE_KEYS = (b'" ', b'"\t', b'"\n', b'"\r', b"\\u")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The events of one request as decoded JSON values, and the request's `sentAt` if it has one.

    `odd` tells that strings may hold NUL or lone surrogates; `checked` that no key stands twice.
    """

    events: list[Any]
    body: bytes
    sent_at: Any = None
    odd: bool = False
    checked: bool = False
    lines: bool = False
    wrapper_keys: int = 0


def decode(body: bytes, *, lines: bool, max_events: int) -> Decoded:
    """Decode `body`: one event, an array, `{"batch": [..]}`, or NDJSON when `lines`. Raises InvalidJson, TooLarge."""
    odd = any(escape in body for escape in _ODD_ESCAPES)
    tree = strict(body, lines=lines) if odd else _fast(body, lines=lines)
    events, sent_at, wrapper_keys = _unwrap(tree)
    if len(events) > max_events:
        raise TooLarge(f"A request takes at most {max_events} events; this one has {len(events)}.")
    if not events:
        raise BadRequest("The request holds no event.")
    return Decoded(events, body, sent_at, odd=odd, checked=odd, lines=lines, wrapper_keys=wrapper_keys)


def check_repeated_keys(decoded: Decoded, keys: int) -> None:
    """Raise InvalidJson if a key stands twice in an object. `keys` is how many keys the decoded events have.

    A JSON text has one `":` for each key; where the decoded tree has as many keys, none was lost.
    """
    if decoded.checked:
        return
    body = decoded.body
    loose = any(mark in body for mark in _LOOSE_KEYS)
    if loose or body.count(b'":') != keys + decoded.wrapper_keys:
        strict(body, lines=decoded.lines)


def strict(body: bytes, *, lines: bool) -> Any:
    """Decode with the standard library, refusing what JSON or a later reader does. Lone surrogates pass."""
    if not lines:
        return _strict_document(body)
    return [_strict_document(line) for line in body.splitlines() if line.strip()]


def _fast(body: bytes, *, lines: bool) -> Any:
    try:
        return _decoder.decode_lines(body) if lines else _decoder.decode(body)
    except RecursionError:
        raise InvalidJson("The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise InvalidJson("The body is not UTF-8.") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidJson(f"The body is not valid JSON: {error}.") from None


def _strict_document(document: bytes) -> Any:
    try:
        text = document.decode("utf-8")
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except RecursionError:
        raise InvalidJson("The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise InvalidJson("The body is not UTF-8.") from None
    except ValueError as error:
        raise InvalidJson(f"The body is not valid JSON: {error}.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is out of range")
    return value


def _whole(digits: str) -> int:
    _finite(digits)
    return int(digits)


def _unwrap(tree: Any) -> tuple[list[Any], Any, int]:
    """Return the events, the request's sentAt, and how many keys the wrapping object has."""
    if isinstance(tree, list):
        return tree, None, 0
    if not isinstance(tree, dict):
        raise BadRequest("The body must be an event, an array of events, or an object with a `batch` array.")
    if "batch" not in tree:
        return [tree], None, 0
    batch = tree["batch"]
    if not isinstance(batch, list):
        raise BadRequest("`batch` must be an array of events.")
    return batch, tree.get("sentAt"), len(tree)
