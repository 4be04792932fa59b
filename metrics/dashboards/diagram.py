"""A flow diagram: nodes in columns, and links between them as wide as there are sessions. Lengths are pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from metrics.dashboards import figures
from metrics.insights.paths import PathLink, PathNode

_NODE_WIDTH, _TOP = 9, 30
#: All columns together are so wide; one is neither narrower nor wider than these.
_WIDTH, _NARROW, _WIDE = 980, 190, 300
#: The tallest column's sessions are so high together; a node takes no less room than its two lines of text.
_SCALE, _SLOT, _GAP = 300.0, 32.0, 12.0
_LONGEST = 20
_MISSING = "not set"


@dataclass(frozen=True)
class Node:
    """A node: where its bar is, its texts, and the whole name for those that are cut."""

    x: str
    y: str
    height: str
    text_x: str
    name_y: str
    count_y: str
    name: str
    whole_name: str
    count: str
    ended: str


@dataclass(frozen=True)
class Ribbon:
    """A link: its path, how wide it is, and what it says."""

    path: str
    width: str
    source: str
    target: str
    count: str


@dataclass(frozen=True)
class Column:
    """The heading of a step."""

    x: str
    name: str


@dataclass(frozen=True)
class Diagram:
    """What the template draws."""

    width: int
    height: int
    columns: tuple[Column, ...]
    nodes: tuple[Node, ...]
    ribbons: tuple[Ribbon, ...]


@dataclass
class _Box:
    """A node while the links are laid: `left` and `right` are where the next link begins on either side."""

    x: float
    y: float
    height: float
    left: float
    right: float


_Boxes = dict[tuple[int, str | None], _Box]


def diagram_of(steps: Sequence[Sequence[PathNode]], links: Sequence[PathLink], *, backwards: bool) -> Diagram:
    """Return the diagram of steps by their distance from the anchor; time goes from left to right."""
    used = [list(nodes) for nodes in steps if nodes]
    most = max((sum(node.count for node in nodes) for nodes in used), default=0) or 1
    scale, last = _SCALE / most, len(used) - 1
    wide = max(_NARROW, min(_WIDE, _WIDTH // max(1, len(used))))
    boxes: _Boxes = {}
    nodes: list[Node] = []
    bottom = 0.0
    for step, column in enumerate(used):
        x, y = float((last - step if backwards else step) * wide), float(_TOP)
        for node in column:
            height = max(2.0, node.count * scale)
            boxes.setdefault((step, node.node), _Box(x, y, height, y, y))
            nodes.append(_node(node, x, y, height))
            y += max(height, _SLOT) + _GAP
        bottom = max(bottom, y)
    ribbons = tuple(_ribbons(links, boxes, scale, backwards))
    return Diagram(
        max(1, len(used)) * wide, round(bottom), _columns(len(used), wide, backwards), tuple(nodes), ribbons
    )


def _columns(count: int, wide: int, backwards: bool) -> tuple[Column, ...]:
    def name(step: int) -> str:
        if step == 0:
            return "Event"
        return f"{step} {'step' if step == 1 else 'steps'} {'before' if backwards else 'after'}"

    return tuple(
        Column(_px((count - 1 - step if backwards else step) * wide), name(step)) for step in range(count)
    )


def _node(node: PathNode, x: float, y: float, height: float) -> Node:
    name = _name(node.node)
    return Node(
        x=_px(x),
        y=_px(y),
        height=_px(height),
        text_x=_px(x + _NODE_WIDTH + 7),
        name_y=_px(y + 12),
        count_y=_px(y + 28),
        name=name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…",
        whole_name=name,
        count=figures.short(node.count),
        ended=figures.full(node.ended) if node.ended else "",
    )


def _ribbons(links: Sequence[PathLink], boxes: _Boxes, scale: float, backwards: bool) -> Iterator[Ribbon]:
    """Yield the links in their order, each below the one before it at both of its ends."""
    for link in links:
        near, far = link.step - 1, link.step
        places = (
            ((far, link.source), (near, link.target))
            if backwards
            else ((near, link.source), (far, link.target))
        )
        source, target = (boxes.get(place) for place in places)
        if source is None or target is None:
            continue
        width = max(1.0, link.count * scale)
        start, end = source.right + width / 2, target.left + width / 2
        source.right += width
        target.left += width
        left, right = source.x + _NODE_WIDTH, target.x
        middle = (left + right) / 2
        path = f"M{_px(left)} {_px(start)}C{_px(middle)} {_px(start)} {_px(middle)} {_px(end)} {_px(right)} {_px(end)}"
        yield Ribbon(path, _px(width), _name(link.source), _name(link.target), figures.full(link.count))


def _name(node: str | None) -> str:
    return _MISSING if node is None else node


def _px(length: float) -> str:
    return f"{length:.1f}".removesuffix(".0")
