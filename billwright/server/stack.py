"""The data folder of an embedded stack: who holds it, where its servers listen, which secrets it keeps.

::

    <data>/lock          held (flock) by the process that runs the stack; freed by the kernel when it dies
    <data>/stack.json    addresses of the running servers, mode 0600; the CLI attaches through it
    <data>/secrets.json  generated keys and passwords, mode 0600; losing ENCRYPTION_KEY loses encrypted values
    <data>/postgres      the database cluster          <data>/valkey  the append-only file of the queue
    <data>/logs          output of every process       <data>/files   generated documents
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import socket
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil


class StackError(Exception):
    """One clear sentence for the operator: why the embedded stack cannot start or be attached."""


@dataclass(frozen=True)
class StackInfo:
    """Contents of ``stack.json``."""

    database_url: str
    redis_url: str
    pid: int
    """Process that runs the servers; the file is stale when it is gone."""
    url: str | None = None
    """Base URL of the API and back office once they listen."""

    def environment(self) -> dict[str, str]:
        """The settings by which a process attaches to these servers."""
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}


@dataclass(frozen=True)
class Secrets:
    """Contents of ``secrets.json``. ``encryption_key`` is 32 bytes in URL-safe base64."""

    secret_key: str
    encryption_key: str
    database_password: str
    database_admin_password: str
    redis_password: str


class DataFolder:
    """Paths and small files of one data folder."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser().resolve()
        self.postgres = self.path / "postgres"
        self.valkey = self.path / "valkey"
        self.logs = self.path / "logs"
        self.files = self.path / "files"
        self._lock: int | None = None

    def create(self) -> None:
        """Make the folder. As root it may be traversed (the servers run under another account), never listed."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
            for private in (self.logs, self.files):
                private.mkdir(mode=0o700, exist_ok=True)
        except OSError as failure:
            raise StackError(f"cannot use the data folder {self.path}: {failure.strerror}") from None

    def lock(self) -> None:
        """Hold the folder until ``unlock`` or death; raises ``StackError`` if another process holds it."""
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
            os.close(handle)
            by = f" (process {holder})" if holder else ""
            raise StackError(
                f"the data folder {self.path} is in use by another `billwright up`{by}; "
                "stop that one first or choose another --data-dir"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._lock = handle

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def secrets(self) -> Secrets:
        """The kept secrets, generated at the first call."""
        target = self.path / "secrets.json"
        kept: dict[str, str] = json.loads(target.read_text()) if target.exists() else {}
        fresh = Secrets(
            secret_key=kept.get("secret_key") or secrets.token_urlsafe(48),
            encryption_key=kept.get("encryption_key") or base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            database_password=kept.get("database_password") or secrets.token_hex(16),
            database_admin_password=kept.get("database_admin_password") or secrets.token_hex(16),
            redis_password=kept.get("redis_password") or secrets.token_hex(16),
        )
        if asdict(fresh) != kept:
            write_private(target, json.dumps({**kept, **asdict(fresh)}, indent=2))
        return fresh

    def write_info(self, info: StackInfo) -> None:
        write_private(self.path / "stack.json", json.dumps(asdict(info), indent=2))

    def read_info(self) -> StackInfo | None:
        """What ``stack.json`` says, whether or not it still runs."""
        try:
            return StackInfo(**json.loads((self.path / "stack.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def forget_info(self) -> None:
        (self.path / "stack.json").unlink(missing_ok=True)

    def attach(self) -> StackInfo:
        """Addresses of the stack that runs on this folder; raises ``StackError`` when none does."""
        info = self.read_info()
        if info is None or not psutil.pid_exists(info.pid):
            raise StackError(f"no embedded stack runs on {self.path}; start one: billwright up --data-dir {self.path}")
        return info

    def port(self, name: str, *, taken: bool = False) -> int:
        """The remembered port of ``name`` on 127.0.0.1; another one when it is in use (``taken`` forces that)."""
        target = self.path / "ports.json"
        try:
            ports: dict[str, int] = json.loads(target.read_text())
        except (OSError, ValueError):
            ports = {}
        port = ports.get(name)
        if port is None or taken or not port_is_free(port):
            port = free_port()
            write_private(target, json.dumps({**ports, name: port}))
        return port


def write_private(target: Path, text: str) -> None:
    """Write atomically and durably with mode 0600."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(target)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
