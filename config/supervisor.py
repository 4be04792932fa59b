"""Runs the parts of `make run` side by side, built on honcho's processes and printer.

honcho's own manager stops everything when one part ends and keeps a whole interpreter per part; this one restarts
the part with back-off and needs a thread per part. It imports no Django: it is started by `manage.py up` as
`python -m config.supervisor PLAN`, in place of that process, and stays small.
"""

from __future__ import annotations

import functools
import json
import os
import queue
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from honcho.colour import get_colours
from honcho.printer import Message, Printer
from honcho.process import Popen, Process

from config.lib import lifeline

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
#: A part that ran this long (seconds) is healthy: its next crash starts again with the first delay.
HEALTHY_AFTER = 30.0
_TICK = 0.5
_WEB_PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Spec:
    """One part: its command, the signal that asks it to finish, and the seconds it gets for that."""

    name: str
    command: list[str]
    stop_signal: int = signal.SIGTERM
    grace: float = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. `database` comes up first and goes down last; `prepare` runs once in between and prints the
    welcome, which is shown when `ready_url` answers. `stages` start from the last to the first and stop from the
    first to the last.
    """

    database: Spec | None
    prepare: list[str]
    stages: list[list[Spec]]
    ready_url: str

    def dump(self) -> str:
        """Return the plan as one word of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Plan:
        """Return what `dump` wrote."""
        raw = json.loads(text)
        database = Spec(**raw["database"]) if raw["database"] else None
        stages = [[Spec(**spec) for spec in stage] for stage in raw["stages"]]
        return cls(database, raw["prepare"], stages, raw["ready_url"])


class Backoff:
    """How long to wait before a part is started again: 0.5 s, doubling to 30 s."""

    def __init__(self) -> None:
        self._delay = FIRST_DELAY

    def after(self, ran_seconds: float) -> float:
        """Return the delay (seconds) after a run of `ran_seconds`."""
        if ran_seconds >= HEALTHY_AFTER:
            self._delay = FIRST_DELAY
        delay, self._delay = self._delay, min(LONGEST_DELAY, self._delay * 2)
        return delay


class Part:
    """A part and its current process, in a session of its own: Ctrl-C reaches the supervisor alone."""

    def __init__(self, spec: Spec, colour: str) -> None:
        self.spec = spec
        self.running = False
        self.restart_at: float | None = None
        self._backoff = Backoff()
        self._colour = colour
        self._started = 0.0
        self._process: Process | None = None

    def start(self, messages: Switch) -> None:
        """Start the process; its lines and its end arrive at `messages`."""
        self.running, self.restart_at, self._started = True, None, time.monotonic()
        command = "exec " + shlex.join(self.spec.command)
        # Threads that each keep a heap of their own cost memory and win nothing here.
        environment = {"MALLOC_ARENA_MAX": "2"} | os.environ | {"SLUICE_PART": self.spec.name}
        self._process = Process(command, name=self.spec.name, colour=self._colour, env=environment)
        # SIGINT, the database's clean shutdown, would be lost on the others: they are safe to kill.
        sign = signal.SIGINT if self.spec.stop_signal == signal.SIGINT else signal.SIGKILL
        self._process._child_ctor = functools.partial(Popen, preexec_fn=functools.partial(lifeline.tie, sign))
        threading.Thread(target=self._run, args=(self._process, messages), daemon=True).start()

    def _run(self, process: Process, messages: Switch) -> None:
        try:
            process.run(messages)
        except OSError as error:
            messages.put(_message("line", f"cannot be started: {error}", self.spec.name, self._colour))
            messages.put(_message("stop", {"returncode": 127}, self.spec.name))

    def ended(self, *, again: bool) -> float | None:
        """Note the end of the process; with `again`, return the seconds until its restart."""
        self.running = False
        self.signal(signal.SIGKILL)
        if not again:
            return None
        delay = self._backoff.after(time.monotonic() - self._started)
        self.restart_at = time.monotonic() + delay
        return delay

    def signal(self, sign: int) -> None:
        """Send `sign` to the process, SIGKILL to everything that it started as well."""
        child = self._process._child if self._process else None
        if child is None:
            return
        try:
            os.killpg(child.pid, sign) if sign == signal.SIGKILL else child.send_signal(sign)
        except (ProcessLookupError, PermissionError):
            pass

    def sweep(self) -> None:
        """Kill what a dead leader left: it holds the pipe, and with it the news of the leader's end."""
        child = self._process._child if self._process else None
        if self.running and child is not None and child.poll() is not None:
            self.signal(signal.SIGKILL)


class PartPrinter(Printer):
    """honcho's printer, which puts time and name in front of a part's lines; the welcome has no name and stays bare."""

    def write(self, message: Message) -> None:
        """Print one message."""
        if message.name is None:
            print(message.data, file=self.output, flush=True)
        else:
            super().write(message)


class Console(threading.Thread):
    """Prints in a thread of its own: a reader who stops reading must not stop the parts, or SIGTERM."""

    def __init__(self, printer: Printer) -> None:
        super().__init__(daemon=True)
        self._printer = printer
        self._messages: queue.Queue[Message | None] = queue.Queue(maxsize=10_000)

    def write(self, message: Message) -> None:
        """Print soon; when 10,000 lines wait, the line is dropped."""
        try:
            self._messages.put_nowait(message)
        except queue.Full:
            pass

    def run(self) -> None:
        """Print until closed."""
        for message in iter(self._messages.get, None):
            try:
                self._printer.write(message)
            except (OSError, ValueError):
                pass

    def close(self) -> None:
        """Print what waits, for two seconds at most."""
        try:
            self._messages.put(None, timeout=2)
        except queue.Full:
            return
        self.join(timeout=2)


class Switch:
    """Where parts put their messages: lines go straight to the console, news to the supervisor.

    The news must not wait behind a flood of lines, nor may the flood fill the memory.
    """

    def __init__(self, console: Console, news: queue.SimpleQueue[Message]) -> None:
        self._console = console
        self._news = news

    def put(self, message: Message) -> None:
        """Pass a message on."""
        if message.type == "line":
            self._console.write(message)
        else:
            self._news.put(message)


class Supervisor:
    """Starts, watches, restarts and stops the parts of one plan."""

    def __init__(self, plan: Plan, printer: Printer | None = None) -> None:
        self._plan = plan
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._parts = {
            spec.name: Part(spec, colour) for spec, colour in zip(_specs(plan), get_colours(), strict=False)
        }
        width = max(map(len, self._parts), default=0)
        self._console = Console(printer or PartPrinter(sys.stdout, width=width))
        self._switch = Switch(self._console, self._messages)
        self._preparation: subprocess.Popen[str] | None = None
        self._prepared: int | None = None
        self._welcome = ""
        self._stopping = False

    def run(self) -> int:
        """Run until SIGTERM or SIGINT and return the exit code: 0, or 1 when the preparation failed."""
        self._console.start()
        for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # nohup's choice to ignore a hang-up stands.
            if signal.getsignal(sign) is not signal.SIG_IGN:
                signal.signal(sign, self._stop_soon)
        if self._plan.database:
            self._parts[self._plan.database.name].start(self._switch)
        self._prepare()
        while not self._stopping:
            self._turn()
        code = self._prepared or 0
        self._stop_all()
        self._console.close()
        return code

    def _stop_soon(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        # Wakes the loop; a SimpleQueue may be written to from a signal handler.
        self._messages.put(_message("wake", None))

    def _turn(self, longest: float = _TICK) -> None:
        """Handle one message, or what is due."""
        due = [part.restart_at - time.monotonic() for part in self._parts.values() if part.restart_at]
        try:
            self._handle(self._messages.get(timeout=max(0.001, min([longest, *due]))))
        except queue.Empty:
            pass
        for part in self._parts.values():
            part.sweep()
            if part.restart_at and part.restart_at <= time.monotonic() and not self._stopping:
                part.start(self._switch)

    def _handle(self, message: Message) -> None:
        match message.type:
            case "start":
                self._say(message.name, f"started (pid {message.data['pid']})")
            case "stop":
                self._on_end(self._parts[message.name], message.data["returncode"])
            case "prepared":
                self._on_prepared(message.data)
            case "ready":
                self._console.write(_message("line", self._welcome))

    def _on_end(self, part: Part, code: int) -> None:
        delay = part.ended(again=not self._stopping)
        later = "" if delay is None else f"; again in {delay:g} s"
        self._say(part.spec.name, f"ended ({_reason(code)}){later}")

    def _prepare(self) -> None:
        def work() -> None:
            self._preparation = subprocess.Popen(
                self._plan.prepare, stdout=subprocess.PIPE, text=True, start_new_session=True,
                preexec_fn=lifeline.tie,
            )  # fmt: skip
            self._welcome = self._preparation.communicate()[0]
            self._messages.put(_message("prepared", self._preparation.returncode))

        threading.Thread(target=work, daemon=True).start()

    def _on_prepared(self, code: int) -> None:
        self._prepared = 1 if code else 0
        if code or self._stopping:
            self._stopping = True
            return
        for stage in reversed(self._plan.stages):
            for spec in stage:
                self._parts[spec.name].start(self._switch)
        threading.Thread(target=self._await_web, daemon=True).start()

    def _await_web(self) -> None:
        """Tell that the whole is ready when it is, or after a minute, when the logs say why it is not."""
        until = time.monotonic() + _WEB_PATIENCE
        while time.monotonic() < until and not _answers(self._plan.ready_url):
            time.sleep(0.2)
        self._messages.put(_message("ready", None))

    def _stop_all(self) -> None:
        """Stop stage after stage, the database last."""
        if self._preparation and self._preparation.poll() is None:
            self._preparation.terminate()
        for stage in self._plan.stages:
            self._stop([self._parts[spec.name] for spec in stage])
        if self._plan.database:
            self._stop([self._parts[self._plan.database.name]])

    def _stop(self, parts: list[Part]) -> None:
        """Ask the parts of a stage to finish, wait for them, and kill those that take longer than their grace."""
        for part in parts:
            part.restart_at = None
            part.signal(part.spec.stop_signal)
        self._wait(parts, max((part.spec.grace for part in parts), default=0))
        for part in parts:
            if part.running:
                self._say(part.spec.name, "did not stop in time; killed")
                part.signal(signal.SIGKILL)
        self._wait(parts, 5.0)

    def _wait(self, parts: list[Part], seconds: float) -> None:
        until = time.monotonic() + seconds
        while any(part.running for part in parts) and time.monotonic() < until:
            self._turn(0.05)

    def _say(self, name: str, text: str) -> None:
        self._console.write(_message("line", f"{name} {text}", "sluice"))


def _specs(plan: Plan) -> Iterator[Spec]:
    yield from [plan.database] if plan.database else []
    for stage in plan.stages:
        yield from stage


def _message(kind: str, data: Any, name: str | None = None, colour: str | None = None) -> Message:
    return Message(type=kind, data=data, time=datetime.now(), name=name, colour=colour)


def _reason(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _answers(url: str) -> bool:
    """Tell whether `url` is answered, by anything but 503, which is "not yet". An HTTP client costs 6 MB to import."""
    parts = urlsplit(url)
    request = f"GET {parts.path} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode()
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=2) as link:
            link.sendall(request)
            return link.recv(12)[9:] not in (b"", b"503")
    except OSError:
        return False


def main(arguments: Iterable[str]) -> int:
    """Run the plan of the command line."""
    (text,) = arguments
    return Supervisor(Plan.load(text)).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
