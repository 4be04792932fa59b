"""A small HTTP client that keeps its connection: what a well-behaved SDK of a few lines would be."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlencode

#: A client waits this long for an answer (seconds); then it does not know what became of its events.
PATIENCE = 10.0


class Client:
    """One keep-alive connection to one port of this host. Not safe to share between threads."""

    def __init__(self, port: int, key: str) -> None:
        self._key = key
        self._link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def post(self, body: bytes) -> int:
        """Send events and return the status; 0 where no answer came and nothing is known."""
        return self._request("POST", "/api/events", body)[0]

    def get(self, path: str, **query: Any) -> tuple[int, Any]:
        """Return status and JSON of a question; (0, None) where no answer came."""
        status, body = self._request("GET", f"{path}?{urlencode(query)}", None)
        return status, json.loads(body) if status == 200 else None

    def close(self) -> None:
        """Hang up."""
        self._link.close()

    def _request(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            self._link.request(method, path, body, headers)
            answer = self._link.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self._link.close()
            return 0, b""
