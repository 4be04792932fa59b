"""A small HTTP client of the standard library: no cookies, no redirects, no surprises."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (names in lower case) and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


def request(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    timeout: float = 10.0,
) -> Answer:
    """Send one request over a connection of its own."""
    parts = urlsplit(url)
    link = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        link.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, headers or {})
        answer = link.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        link.close()


def post_json(
    url: str, value: Any, *, key: str, timeout: float = 10.0, headers: dict[str, str] | None = None
) -> Answer:
    """POST `value` as JSON with a key."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"} | (headers or {})
    return request("POST", url, body=json.dumps(value).encode(), headers=headers, timeout=timeout)


def get(url: str, *, key: str = "", timeout: float = 10.0, **query: Any) -> Answer:
    """GET `url`; a list among the query's values is repeated."""
    full = f"{url}?{urlencode(query, doseq=True)}" if query else url
    return request("GET", full, headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=timeout)
