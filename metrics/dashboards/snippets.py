"""The code that the setup page and an empty project offer, with the project's own write key in it."""

from __future__ import annotations

from dataclasses import dataclass

_BODY = '{"type": "signup", "userId": "user-1", "props": {"plan": "free"}}'

_CURL = """\
curl -X POST {url} \\
  -H 'Authorization: Bearer {key}' \\
  -H 'Content-Type: application/json' \\
  -d '{body}'"""

_PYTHON = """\
import json
from urllib.request import Request, urlopen

events = [{{"type": "signup", "userId": "user-1", "props": {{"plan": "free"}}}}]
request = Request(
    "{url}",
    data=json.dumps(events).encode(),
    headers={{"Authorization": "Bearer {key}", "Content-Type": "application/json"}},
)
with urlopen(request, timeout=5) as answer:
    print(json.load(answer))"""

_JAVASCRIPT = """\
await fetch("{url}", {{
  method: "POST",
  headers: {{ "Authorization": "Bearer {key}", "Content-Type": "application/json" }},
  body: JSON.stringify({{ type: "signup", userId: "user-1", props: {{ plan: "free" }} }}),
}});"""


@dataclass(frozen=True)
class Snippet:
    """One way to send an event."""

    name: str
    title: str
    code: str


def snippets(*, url: str, key: str) -> tuple[Snippet, ...]:
    """Return the snippets that send one event to `url` with the write key `key`, curl first."""
    return (
        Snippet("curl", "Shell", _CURL.format(url=url, key=key, body=_BODY)),
        Snippet("python", "Python", _PYTHON.format(url=url, key=key)),
        Snippet("javascript", "JavaScript", _JAVASCRIPT.format(url=url, key=key)),
    )


def read_snippet(*, url: str) -> Snippet:
    """Return a line that asks for the events of a week; the read key is not ours to show."""
    return Snippet("read", "Shell", f"curl '{url}' -H 'Authorization: Bearer READ_KEY'")
