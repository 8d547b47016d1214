"""Runs the examples of a guide, in order, against a server.

A guide says in a comment which organization its examples need::

    <!-- examples: sandbox 2026-01-01T00:00:00Z -->     or     <!-- examples: live -->

``bash`` and ``python`` blocks are run; what they ``export`` or define is there for the next one of the same page. Every
answer must be a success; ``status=422`` after the language names the one that a ``bash`` block shows on purpose. A
``json`` or ``text`` block that follows is what the example prints: JSON may leave keys out, ids are masked, and ``…``
stands for anything. Blocks of other languages (``console``) are for reading.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
_MARKER = re.compile(r"^<!-- examples: (live|sandbox)(?: (\S+))? -->$", re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_STATUS = re.compile(r"^HTTP (\d{3})$", re.MULTILINE)
# curl as the reader has it; here it also says how each request ended.
_SHELL = """set -euo pipefail
curl() { command curl --max-time 60 --write-out '%{stderr}HTTP %{http_code}\\n' "$@"; }
"""


@dataclass
class Block:
    """One fenced block: its language, what follows it, its text and its line."""

    language: str
    note: str
    text: str
    line: int


@dataclass
class Example:
    """A block that is run, and the block that shows what it prints."""

    code: Block
    output: Block | None = None

    @property
    def status(self) -> int | None:
        """The status that the example shows on purpose, ``None`` for success."""
        found = re.search(r"status=(\d{3})", self.code.note)
        return int(found.group(1)) if found else None


@dataclass
class Guide:
    """A page with examples."""

    path: Path
    kind: str
    clock: str | None
    examples: list[Example] = field(default_factory=list)


def guides() -> list[Guide]:
    """Every page below ``docs`` that says what its examples need."""
    found = (read_guide(path) for path in sorted(DOCS.rglob("*.md")))
    return [guide for guide in found if guide is not None]


def read_guide(path: Path) -> Guide | None:
    text = path.read_text(encoding="utf-8")
    marker = _MARKER.search(text)
    if marker is None:
        return None
    guide = Guide(path, marker.group(1), marker.group(2))
    shown: Example | None = None
    for match in _BLOCK.finditer(text):
        block = Block(match.group(1), match.group(2), match.group(3), text.count("\n", 0, match.start()) + 2)
        if block.language in ("bash", "python"):
            shown = Example(block)
            guide.examples.append(shown)
        elif block.language in ("json", "text") and shown is not None and shown.output is None:
            shown.output = block
        else:
            shown = None
    return guide


class Reader:
    """Somebody who copies the blocks of one page, one after the other."""

    def __init__(self, url: str, api_key: str, folder: Path) -> None:
        self.environment = {**os.environ, "BILLWRIGHT_URL": url, "BILLWRIGHT_API_KEY": api_key}
        self.names: dict[str, Any] = {"__name__": "__example__"}
        self.folder = folder

    def run(self, example: Example) -> str:
        """What the example prints; raises when it does not succeed."""
        return self._bash(example) if example.code.language == "bash" else self._python(example)

    def _bash(self, example: Example) -> str:
        with tempfile.NamedTemporaryFile() as kept:
            done = subprocess.run(
                ["bash", "-c", f"{_SHELL}{example.code.text}\nenv -0 > {kept.name}"],
                env=self.environment,
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=90,
            )
            answers = [int(status) for status in _STATUS.findall(done.stderr)]
            said = f"line {example.code.line}: {answers}\n{done.stdout}\n{done.stderr}"
            assert done.returncode == 0, said
            if example.status is not None:
                assert answers == [example.status], said
            assert example.status is not None or all(200 <= status < 300 for status in answers), said
            lines = Path(kept.name).read_text().split("\0")
        self.environment.update(
            line.split("=", 1) for line in lines if "=" in line and not line.startswith("BASH_FUNC")
        )
        return done.stdout

    def _python(self, example: Example) -> str:
        printed = io.StringIO()
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            with contextlib.redirect_stdout(printed), contextlib.chdir(self.folder):
                exec(compile("\n" * example.code.line + example.code.text, "example", "exec"), self.names)
        finally:
            os.environ.clear()
            os.environ.update(before)
        return printed.getvalue()


def difference(shown: Block, printed: str) -> str | None:
    """How what an example printed differs from what the page shows; ``None`` if it does not."""
    if shown.language == "text":
        pattern = ".*?".join(re.escape(part) for part in shown.text.strip().split("…"))
        return None if re.fullmatch(pattern, printed.strip(), re.DOTALL) else f"printed:\n{printed}"
    wanted, given = json.loads(shown.text), json.loads(printed)
    where = _differs(wanted, given, "")
    return f"{where}\nprinted:\n{json.dumps(given, indent=2, ensure_ascii=False)}" if where else None


def _differs(wanted: Any, given: Any, path: str) -> str | None:
    if isinstance(wanted, dict) and isinstance(given, dict):
        for key, value in wanted.items():
            if key not in given:
                return f"{path}.{key} is missing"
            found = _differs(value, given[key], f"{path}.{key}")
            if found:
                return found
        return None
    if isinstance(wanted, list) and isinstance(given, list):
        if len(wanted) != len(given):
            return f"{path} has {len(given)} items, not {len(wanted)}"
        pairs = enumerate(zip(wanted, given, strict=True))
        return next((found for n, (one, other) in pairs if (found := _differs(one, other, f"{path}[{n}]"))), None)
    if isinstance(wanted, str) and isinstance(given, str):
        pattern = ".*".join(re.escape(_ID.sub("ID", part)) for part in wanted.split("…"))
        return (
            None if re.fullmatch(pattern, _ID.sub("ID", given), re.DOTALL) else f"{path} is {given!r}, not {wanted!r}"
        )
    same = wanted == given and type(wanted) is type(given)
    return None if same else f"{path} is {given!r}, not {wanted!r}"
