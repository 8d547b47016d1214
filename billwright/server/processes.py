"""Child processes that cannot outlive us: death signals, orderly stops, leftovers of a ``kill -9``."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class SystemUser:
    """The unprivileged account that a server runs as when we are root (PostgreSQL refuses to run as root)."""

    name: str
    uid: int
    gid: int


def unprivileged_user(name: str = "billwright") -> SystemUser | None:
    """``None`` when we are not root; otherwise the account ``name``, made if missing (``nobody`` where that fails)."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        try:
            subprocess.run(command, capture_output=True, check=False, timeout=30)
            entry = pwd.getpwnam(name)
        except (OSError, KeyError, subprocess.TimeoutExpired):
            entry = pwd.getpwnam("nobody")
    return SystemUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _before_exec(death_signal: int, parent: int) -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    libc = _LIBC

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:  # the parent died between fork and prctl
            os._exit(1)

    return prepare


def spawn(
    command: Sequence[str | os.PathLike[str]],
    *,
    user: SystemUser | None = None,
    death_signal: int = signal.SIGTERM,
    own_group: bool = False,
    output: IO[Any] | int | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a child that the kernel ends with ``death_signal`` when we die, however we die (Linux).

    Call it from the main thread: the death signal is bound to the thread that forks.
    """
    return subprocess.Popen(
        [os.fspath(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        cwd=cwd,
        env=dict(env) if env is not None else None,
        pass_fds=tuple(pass_fds),
        process_group=0 if own_group else None,
        preexec_fn=_before_exec(death_signal, os.getpid()),
        user=None if user is None else user.uid,
        group=None if user is None else user.gid,
        extra_groups=None if user is None else [],
    )


def end(process: subprocess.Popen[bytes], *steps: tuple[int, float]) -> None:
    """Send each signal and wait its seconds; ``SIGKILL`` at the last if the process is still there."""
    for number, seconds in steps:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return
    process.kill()
    process.wait(10)


def processes_in(folder: Path) -> list[psutil.Process]:
    """Processes whose working folder is ``folder``: PostgreSQL and Valkey (and their children) work in theirs."""
    found: list[psutil.Process] = []
    wanted = str(folder.resolve())
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.cwd() == wanted:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def end_leftovers(folder: Path, names: Sequence[str], first: int, patience: float = 20.0) -> None:
    """End what an earlier, killed run left working in ``folder``; returns when nothing of it runs any more.

    Only processes whose executable is named in ``names`` are touched, so a shell standing in the folder is safe.
    """

    def running() -> list[psutil.Process]:
        ours: list[psutil.Process] = []
        for process in processes_in(folder):
            try:
                if Path(process.exe()).name in names or process.name() in names:
                    ours.append(process)
            except psutil.Error:
                continue
        return ours

    for number, seconds in ((first, patience), (signal.SIGKILL, 10.0)):
        leftovers = running()
        for process in leftovers:
            try:
                process.send_signal(number)
            except psutil.Error:
                continue
        deadline = time.monotonic() + seconds
        while leftovers and time.monotonic() < deadline:
            time.sleep(0.05)
            leftovers = running()
        if not leftovers:
            return
    raise RuntimeError(f"processes of an earlier run still work in {folder} and cannot be ended")


def how_ended(code: int) -> str:
    """A return code in words."""
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
