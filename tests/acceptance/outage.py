"""A Sluice on a server of its own, behind a proxy that breaks connections; and requests of every kind, timed."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import psycopg

from chaos.proxy import FaultProxy
from config.embedded import database_url, socket_folder
from tests.support import http
from tests.support.database import TestServer
from tests.support.instance import RunningSluice, new_data_dir

DATABASE = "sluice"


@dataclass(frozen=True)
class Site:
    """What an outage test works with."""

    sluice: RunningSluice
    server: TestServer
    proxy: FaultProxy
    admin_url: str


@contextmanager
def site_behind_proxy(**env: str) -> Iterator[Site]:
    """Start a server, a proxy in front of it, and a Sluice that knows the proxy only."""
    folder = new_data_dir()
    server = TestServer(folder, {})
    try:
        server.start()
        admin_url = database_url(folder, "postgres")
        with psycopg.connect(admin_url, autocommit=True) as link:
            link.execute(f"CREATE DATABASE {DATABASE}")
        with FaultProxy(str(socket_folder(folder) / ".s.PGSQL.5432")) as proxy:
            url = f"postgres://sluice@{proxy.host}:{proxy.port}/{DATABASE}"
            with RunningSluice(env={"DATABASE_URL": url, **env}) as sluice:
                yield Site(sluice, server, proxy, admin_url)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Request:
    """One kind of request."""

    name: str
    send: Callable[[], http.Answer]


def requests_of(sluice: RunningSluice, cookie: str) -> list[Request]:
    """Return a request of every kind that the product answers."""
    base, keys = sluice.base_url, sluice.keys
    page = {"Cookie": cookie}

    def api(path: str, **query: str) -> Request:
        return Request(path, lambda: http.get(base + path, key=keys["read_key"], **query))

    def shown(path: str) -> Request:
        return Request(path, lambda: http.request("GET", base + path, headers=page))

    def ingest(name: str, key: str) -> Request:
        event = {"type": "probe", "userId": "p"}
        return Request(name, lambda: http.post_json(f"{base}/api/events", event, key=key))

    replay = json.dumps({"ids": [1]}).encode()
    json_headers = {"Authorization": f"Bearer {keys['read_key']}", "Content-Type": "application/json"}
    return [
        ingest("ingest", keys["write_key"]),
        ingest("ingest, unknown key", "wk_" + "0" * 40),
        api("/api/metrics", metric="count", range="24h"),
        api("/api/sessions", range="24h"),
        api("/api/events"),
        api("/api/events/00000000-0000-4000-8000-000000000000"),
        api("/api/dlq"),
        Request(
            "/api/dlq/replay",
            lambda: http.request("POST", f"{base}/api/dlq/replay", body=replay, headers=json_headers),
        ),
        *map(shown, ("/", "/login", "/p/default/", "/p/default/pipeline", "/p/default/sessions")),
        *map(shown, ("/p/default/users", "/p/default/setup", "/admin/", "/admin/dlq/deadletter/")),
        *map(shown, ("/api/schema", "/health/live", "/health/ready", "/metrics", "/nothing")),
    ]


def log_in(sluice: RunningSluice) -> str:
    """Log the administrator in and return the cookies."""
    first = http.get(f"{sluice.base_url}/login")
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', first.body)
    assert token, first.body
    form = urlencode(
        {
            "csrfmiddlewaretoken": token[1].decode(),
            "username": sluice.keys["admin_user"],
            "password": sluice.keys["admin_password"],
        },
        quote_via=quote,
    )
    headers = {"Cookie": _cookies(first), "Content-Type": "application/x-www-form-urlencoded"}
    done = http.request("POST", f"{sluice.base_url}/login", body=form.encode(), headers=headers)
    assert done.status == 302, done.body
    return _cookies(done)


def _cookies(answer: http.Answer) -> str:
    found = re.findall(r"(\w+)=([^;,]+)(?:;|$)", answer.headers.get("set-cookie", ""))
    return "; ".join(f"{name}={value}" for name, value in found if name in ("csrftoken", "sessionid"))


@dataclass(frozen=True)
class Timing:
    """How long one request took, in seconds, and what came of it."""

    name: str
    status: int
    seconds: float


def time_all(requests: list[Request], rounds: int, clients: int = 4) -> list[Timing]:
    """Send every request `rounds` times over a few clients."""
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(_timed, requests * rounds))


def _timed(request: Request) -> Timing:
    started = time.monotonic()
    status = request.send().status
    return Timing(request.name, status, time.monotonic() - started)


def percentile(timings: list[Timing], share: float) -> float:
    """Return the seconds within which `share` of the requests were answered."""
    seconds = sorted(timing.seconds for timing in timings)
    return seconds[min(len(seconds) - 1, int(len(seconds) * share))]


def report(title: str, timings: list[Timing]) -> None:
    """Print what a fault cost, and the slowest kinds of request."""
    print(
        f"\n{title}: {len(timings)} requests, p50 {percentile(timings, 0.5):.3f} s, "
        f"p99 {percentile(timings, 0.99):.3f} s, longest {percentile(timings, 1):.3f} s"
    )
    for name in dict.fromkeys(timing.name for timing in timings):
        own = [timing for timing in timings if timing.name == name]
        statuses = sorted({timing.status for timing in own})
        print(f"  {name}: longest {percentile(own, 1):.3f} s, answers {statuses}")
