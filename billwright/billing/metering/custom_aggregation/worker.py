"""The second wall: a process that folds batches and can do nothing else (spec 01 §9.2).

Started by ``pool`` as ``python -I -S -B worker.py`` with an empty environment. It loads the language package next
to it by path, gives up privileges, files and memory, and only then reads its first request.
"""

from __future__ import annotations

import importlib.util
import math
import os
import resource
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

CPU_SECONDS = 5
"""CPU time of one batch."""
LIFETIME_CPU_SECONDS = 600
"""CPU time after which the kernel ends the worker, even one that could lift its own batch limit."""
MEMORY_BYTES = 256 * 1024 * 1024
RECURSION_LIMIT = 5_000
"""Room for 16 own functions of the deepest allowed syntax."""
NOBODY = 65534


def _load_language() -> ModuleType:
    """The language's server, under a package name of its own: nothing else of the product is importable."""
    folder = Path(__file__).parent / "language"
    spec = importlib.util.spec_from_file_location(
        "language", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert isinstance(spec, ModuleSpec)
    sys.modules["language"] = importlib.util.module_from_spec(spec)
    return importlib.import_module("language.serving")


def _confine() -> None:
    """No new files or sockets, no children, no written bytes, 256 MB; an unprivileged user where we are root."""
    if os.geteuid() == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        except OSError:
            pass  # a container without these capabilities: the limits below still hold
    for limit, amount in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 3),
    ):
        resource.setrlimit(limit, (amount, amount))


def _allow_cpu() -> None:
    """Move the soft limit to ``CPU_SECONDS`` from now; reaching it ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (min(soft, LIFETIME_CPU_SECONDS), LIFETIME_CPU_SECONDS))


def main() -> None:
    """Serve until the input ends."""
    serve = _load_language().serve
    # The parser wants this one for names that are not ASCII, when no file can be opened any more.
    importlib.import_module("unicodedata")
    sys.setrecursionlimit(RECURSION_LIMIT)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    _confine()
    for line in source:
        _allow_cpu()
        sink.write(serve(line))
        sink.flush()


if __name__ == "__main__":
    main()
