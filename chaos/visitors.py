"""Who asks while the database is away: senders of events, readers with a key, and a person who is signed in."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from uuid import uuid4

if TYPE_CHECKING:
    from chaos.instance import Instance

_SENDERS, _READERS = 4, 4
#: Seconds. A client waits long enough to see how late an answer is.
_PATIENCE = 30.0
_LONG = 0.9
_EVENT_ID = "018f4e9a-0000-7000-8000-000000000001"
INGEST = "POST /api/events"


@dataclass(slots=True)
class Timing:
    """The answers of one address during one outage: seconds and statuses; status 0 is a broken connection."""

    seconds: list[float] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)

    def note(self, seconds: float, status: int | None) -> None:
        """Add one answer; None is the status of one that is waited for still."""
        self.seconds.append(seconds)
        if status is not None:
            self.statuses.add(status)

    def at(self, share: float) -> float:
        """Return the time within which `share` of the answers came; 0 where there were none."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


@dataclass(frozen=True, slots=True)
class Page:
    """One address, and how it is asked."""

    name: str
    path: str
    headers: dict[str, str]


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._link = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> tuple[int, http.client.HTTPMessage | None]:
        """Return status (0 where no answer came) and headers."""
        try:
            self._link.request(method, path, body, headers)
            answer = self._link.getresponse()
            answer.read()
            return answer.status, answer.headers
        except (OSError, http.client.HTTPException):
            self._link.close()
            return 0, None


class Visitors:
    """Senders and readers, each asking one thing after the other, and what they note."""

    def __init__(self, instance: Instance) -> None:
        keys = json.loads((instance.data_dir / "dev-keys.json").read_text())
        self._port = instance.port
        self._sending = {"Authorization": f"Bearer {keys['write_key']}", "Content-Type": "application/json"}
        cookie = _sign_in(instance.port, keys["admin_user"], keys["admin_password"])
        self._pages = _pages(keys["read_key"], cookie)
        self._done = threading.Event()
        self._turn = threading.Lock()
        self._timings: dict[str, Timing] = defaultdict(Timing)
        #: Since when each of them waits, and for what.
        self._waiting: dict[int, tuple[str, float]] = {}
        jobs = [self._send] * _SENDERS + [self._read] * _READERS
        self._threads = [threading.Thread(target=job, args=(n,), daemon=True) for n, job in enumerate(jobs)]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def take(self) -> dict[str, Timing]:
        """Return what was noted since the last call, of every address. Who waits for long has waited so long."""
        with self._turn:
            taken, self._timings = self._timings, defaultdict(Timing)
            for name in (INGEST, *(page.name for page in self._pages)):
                # An address without an answer must be seen.
                taken.setdefault(name, Timing())
            now = time.monotonic()
            for name, since in self._waiting.values():
                if now - since > _LONG:
                    taken[name].note(now - since, None)
            # Begun before and answered after, the others belong to neither.
            self._waiting = {}
        return dict(taken)

    def _send(self, number: int) -> None:
        client = Client(self._port)
        while not self._done.wait(0.02):
            events = [{"eventId": str(uuid4()), "type": "latency", "userId": f"u{number}"} for _ in range(20)]
            body = json.dumps(events).encode()
            with self._noting(number, INGEST) as answer:
                answer.append(client.ask("POST", "/api/events", self._sending, body)[0])

    def _read(self, number: int) -> None:
        client = Client(self._port)
        # Each starts elsewhere: all of them at one address would wait for each other.
        at = number * len(self._pages) // _READERS
        while not self._done.wait(0.01):
            page = self._pages[at := (at + 1) % len(self._pages)]
            with self._noting(number, page.name) as answer:
                answer.append(client.ask("GET", page.path, page.headers)[0])

    @contextmanager
    def _noting(self, number: int, name: str) -> Iterator[list[int]]:
        """Time what happens inside, which puts its status into the list."""
        started = time.monotonic()
        with self._turn:
            self._waiting[number] = (name, started)
        status: list[int] = []
        yield status
        with self._turn:
            if self._waiting.pop(number, None):
                self._timings[name].note(time.monotonic() - started, status[0])


def _pages(read_key: str, cookie: str) -> list[Page]:
    key, person = {"Authorization": f"Bearer {read_key}"}, {"Cookie": cookie}
    by_key = ["/api/metrics?metric=count&range=24h", "/api/metrics?metric=users&range=24h", "/api/sessions",
              "/api/events", f"/api/events/{_EVENT_ID}", "/api/dlq"]  # fmt: skip
    by_person = ["/", "/p/default/", "/p/default/sessions", "/p/default/users?id=u0", "/p/default/users/u0",
                 "/p/default/pipeline", "/p/default/setup", "/admin/", "/admin/events/project/"]  # fmt: skip
    by_anybody = ["/login", "/api/schema", "/api/docs", "/metrics", "/health/live", "/health/ready"]
    asked = [(by_key, key), (by_person, person), (by_anybody, dict[str, str]())]
    return [
        Page(f"GET {path.partition('?')[0]}", path, headers) for paths, headers in asked for path in paths
    ]


def _sign_in(port: int, user: str, password: str) -> str:
    """Return the cookies of a signed-in person."""
    client = Client(port)
    token = _cookies(client.ask("GET", "/login", {})[1])["csrftoken"]
    body = urlencode({"username": user, "password": password, "csrfmiddlewaretoken": token}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"csrftoken={token}"}
    signed = _cookies(client.ask("POST", "/login", headers, body)[1])
    return f"csrftoken={token}; sessionid={signed['sessionid']}"


def _cookies(headers: http.client.HTTPMessage | None) -> dict[str, str]:
    set_cookies = headers.get_all("Set-Cookie", []) if headers else []
    return dict(one.partition(";")[0].split("=", 1) for one in set_cookies)
