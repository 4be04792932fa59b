"""Regular expressions of tenants: an engine that is linear in the text, and what one of them costs.

Linear is not quick: where the engine's table overflows, each letter of the text costs a step for each place that the
pattern can be at. So places are counted. Bytes would not do: a class of Unicode takes thousands and is one place.
"""

from __future__ import annotations

import re

import jsonschema_rs

from events.plan.errors import BadPlan

#: Bytes that a compiled pattern may take, and the table beside it that grows as it matches.
_LARGEST, _TABLE = 64 << 10, 64 << 10
_SIZES = (16 << 10, _LARGEST)
#: What a pattern is made of. What is not understood counts as several places, never as fewer than it has: a class ends
#: at the first bracket, and every letter after it counts.
_PIECE = re.compile(
    r"""(?P<open> \( (?: \?P?<[^>=!]*> | \?(?P<flags>[A-Za-z-]*):? )? )
      | (?P<close> \) )
      | (?P<times> \{ \s* (?P<least>\d*) \s* (?P<range>,?) \s* (?P<most>\d*) \s* \} )
      | (?P<sign> [?*+|] )
      | (?P<place> \\[pPxuU]\{[^}]*\} | \\. | \[ (?: \\. | [^\]\\] )* \] | . )""",
    re.VERBOSE | re.DOTALL,
)


def options(size: int = _LARGEST) -> jsonschema_rs.RegexOptions:
    """Return the engine: it knows neither look-around nor back-references, which is why it cannot hang."""
    return jsonschema_rs.RegexOptions(size_limit=size, dfa_size_limit=_TABLE)


def weight(pattern: str) -> int:
    """Return about how many bytes a pattern takes compiled: 0 for one that is refused anyway."""
    return next((size + _TABLE for size in _SIZES if _fits(pattern, size)), 0)


def places(pattern: str) -> int:
    """Return how many places a pattern has, its repetitions written out: at least as many as the engine may be at.

    Raises BadPlan for the flag `x`, under which spaces mean nothing.
    """
    outer: list[int] = []
    #: Of the group that is open: what is counted, and the last piece, which a repetition would repeat.
    total, last = 0, 0
    for piece in _PIECE.finditer(pattern):
        if piece["open"]:
            if "x" in (piece["flags"] or ""):
                raise BadPlan("A pattern may not have the flag `x`.", field="schema")
            outer.append(total + last)
            total, last = 0, 0
        elif piece["close"]:
            # A bracket too many is no pattern at all.
            last, total = total + last + 1, outer.pop() if outer else 0
        elif piece["times"]:
            last *= max(
                1, int(piece["least"] or 0) + (piece["range"] != "" and not piece["most"]), _most(piece)
            )
        else:
            total, last = (total + 1, last) if piece["sign"] else (total + last, 1)
    return sum(outer) + total + last


def _most(piece: re.Match[str]) -> int:
    return int(piece["most"] or 0)


def _fits(pattern: str, size: int) -> bool:
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, offline=True, pattern_options=options(size))
    except ValueError:
        return False
    return True
