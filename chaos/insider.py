"""The campaign's end of `chaos.inside`."""

from __future__ import annotations

import base64
import json
import select
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaos.waiting import TooLong

ROOT = Path(__file__).resolve().parent.parent


class Insider:
    """A helper process in an instance's environment, beside the proxy; one question at a time.

    A question has a deadline (seconds) beyond any that the functions themselves have.
    """

    deadline = 300.0

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as words:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chaos.inside"], cwd=ROOT, env=dict(environment), text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, start_new_session=True,
            )  # fmt: skip
        self._turn = threading.Lock()

    def ask(self, name: str, *arguments: Any) -> Any:
        """Call one of its functions and return the answer. RuntimeError with the function's error.

        TooLong after the deadline; the helper is then ended and answers nothing more.
        """
        with self._turn:
            assert self._process.stdin and self._process.stdout
            self._process.stdin.write(json.dumps([name, arguments]) + "\n")
            self._process.stdin.flush()
            # An answer is one line, so nothing of it waits in the reader's own buffer.
            if not select.select([self._process.stdout], [], [], self.deadline)[0]:
                self._process.kill()
                raise TooLong(f"the helper took more than {self.deadline:g} s for {name}")
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the helper ended while it was asked for {name}")
        well, answer = json.loads(line)
        if not well:
            raise RuntimeError(f"{name}: {answer}")
        return answer

    def append(self, project: int, lane: str, rows: list[bytes]) -> None:
        """Put COPY lines on the bus, past the gateway's rules."""
        self.ask("append", project, lane, len(rows), base64.b64encode(b"".join(rows)).decode())

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
