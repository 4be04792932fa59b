"""Asks whether a version that is pinned in a file has a known vulnerability: `audit.py FILE [pip-audit's options]`.

Exit code 1 for a vulnerability. Where the advisory service cannot be reached, or does not know the packages, nothing
was found out: that is said, and is no failure.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

#: How pip-audit, requests and urllib3 call a network that does not work.
_UNREACHABLE = re.compile(
    r"ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|HTTPError|ServiceError"
)


def main(pins: str, *options: str) -> int:
    """Run pip-audit, say what came of it, and return the exit code."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--requirement", pins]
    quiet = ["--format", "json", "--progress-spinner", "off", "--timeout", "5"]
    done = subprocess.run([*command, *quiet, *options], capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return _failed(done.stderr)
    return _tell(pins, report["dependencies"])


def _failed(errors: str) -> int:
    last = (errors.strip().splitlines() or ["pip-audit said nothing"])[-1]
    if _UNREACHABLE.search(errors):
        print(f"audit: NOT DONE, the advisory service cannot be reached: {last[:200]}")
        return 0
    print(f"audit: pip-audit failed: {last}", file=sys.stderr)
    return 1


def _tell(pins: str, packages: list[dict[str, Any]]) -> int:
    found = list(_vulnerabilities(packages))
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    for line in found:
        print(f"audit: {line}", file=sys.stderr)
    if skipped:
        print(
            f"audit: NOT DONE for {len(skipped)} of {len(packages)} packages, which the service does not know"
        )
    if not found and len(skipped) < len(packages):
        print(f"audit: no known vulnerability in {len(packages) - len(skipped)} packages of {pins}")
    return 1 if found else 0


def _vulnerabilities(packages: list[dict[str, Any]]) -> Iterator[str]:
    for package in packages:
        for one in package.get("vulns", ()):
            fixed = ", ".join(one.get("fix_versions", ())) or "no version yet"
            yield f"{package['name']} {package['version']}: {one['id']}, fixed in {fixed}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
