"""``billwright up`` and ``billwright serve``: what the supervisor is given to run."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from billwright.migrations.runner import upgrade
from billwright.server.embedded import EmbeddedServers
from billwright.server.settings import Settings, stack_environment
from billwright.server.stack import DataFolder, StackError, StackInfo, write_private
from billwright.server.supervisor import Child, Interrupted, Say, Supervisor, metrics_folder, program, wait_until_ready


@dataclass(frozen=True)
class UpOptions:
    """What ``billwright up`` was asked for."""

    host: str
    port: int
    folder: DataFolder
    demo: bool
    stream_logs: bool = False


def up(options: UpOptions, say: Say) -> None:
    """Run everything until SIGINT or SIGTERM; raises ``StackError`` or ``SettingsError`` when it cannot start."""
    folder = options.folder
    external = _external_servers()
    # A taken port leaves no new folder behind.
    early = None if folder.path.exists() else _listen(options.host, options.port)
    folder.create()
    folder.lock()
    with Supervisor(say) as supervisor:
        try:
            opened = early or _listen(options.host, options.port)
            url = f"http://{_shown(options.host)}:{opened.getsockname()[1]}"
            say(f"Data: {folder.path}")
            if not external:
                supervisor.servers = EmbeddedServers(folder)
                info = supervisor.servers.start()
                for note in supervisor.servers.notes:
                    say(f"Note: {note}")
            else:
                info = StackInfo(os.environ["DATABASE_URL"], os.environ["REDIS_URL"], os.getpid())
            folder.write_info(StackInfo(info.database_url, info.redis_url, info.pid, url))
            environment = stack_environment(folder)
            settings = Settings.from_environment(environment)
            say("Migrating the database")
            upgrade(settings.database_url)
            credentials = _demo(folder, environment, say) if options.demo else None
            _start_children(supervisor, folder, settings, opened, environment, stream_logs=options.stream_logs)
            if not wait_until_ready(supervisor, options.host, opened.getsockname()[1]):
                raise StackError(f"the API did not become ready; see {folder.logs}")
            say(f"URL: {url}")
            if credentials:
                say(f"Login: {credentials['login_email']} / {credentials['login_password']}")
                say(f"API key: {credentials['api_key']}")
            else:
                say(f"Create an organization: billwright org create NAME --data-dir {folder.path}")
            say("Ready. Ctrl-C stops everything.")
            supervisor.watch()
        except Interrupted:
            say("Stopping")
        finally:
            supervisor.stop()
            folder.forget_info()
            folder.unlock()
    say("Stopped")


def serve(host: str, port: int, settings: Settings, environment: Mapping[str, str], say: Say) -> None:
    """Run several API processes on one address until SIGINT or SIGTERM."""
    opened = _listen(host, port)
    with tempfile.TemporaryDirectory(prefix="billwright-metrics-") as scratch, Supervisor(say) as supervisor:
        shared = {
            **environment,
            **settings.environment(),
            "PROMETHEUS_MULTIPROC_DIR": metrics_folder(Path(scratch) / "metrics"),
        }
        try:
            for number in range(settings.web_workers):
                command = program("serve", "--fd", str(opened.fileno()))
                supervisor.add(Child(f"API process {number + 1}", command, shared, (opened.fileno(),)))
            supervisor.watch()
        except Interrupted:
            pass
        finally:
            supervisor.stop()


def _start_children(
    supervisor: Supervisor,
    folder: DataFolder,
    settings: Settings,
    opened: socket.socket,
    environment: Mapping[str, str],
    *,
    stream_logs: bool,
) -> None:
    shared = {
        **environment,
        **settings.environment(),
        "PROMETHEUS_MULTIPROC_DIR": metrics_folder(folder.path / "metrics"),
    }

    def child(name: str, file: str, command: list[str], fds: tuple[int, ...] = ()) -> None:
        if stream_logs:
            supervisor.add(Child(name, command, shared, fds))
            return
        # Logs rotate inside the process; what it prints beside them (a crash of the interpreter) goes to *.out.
        output = folder.logs / f"{file}.out"
        output.unlink(missing_ok=True)
        own = {**shared, "LOG_FILE": settings.log_file or str(folder.logs / f"{file}.log")}
        supervisor.add(Child(name, command, own, fds, output))

    for number in range(1, settings.web_workers + 1):
        child(
            f"API process {number}",
            f"api-{number}",
            program("serve", "--fd", str(opened.fileno())),
            (opened.fileno(),),
        )
    child("worker", "worker", program("worker"))


def _demo(folder: DataFolder, environment: Mapping[str, str], say: Say) -> dict[str, str]:
    """Login and API key of the demo organization, made at the first start and kept in ``demo.json`` (mode 0600)."""
    kept = folder.path / "demo.json"
    if kept.exists():
        return json.loads(kept.read_text())
    say("Creating a demo organization and billing it")
    done = subprocess.run(program("demo", "--json"), env=dict(environment), capture_output=True, text=True)
    if done.returncode != 0:
        raise StackError(f"the demo organization could not be created: {done.stderr.strip()[-1000:]}")
    credentials: dict[str, str] = json.loads(done.stdout.strip().splitlines()[-1])
    write_private(kept, json.dumps(credentials, indent=2))
    return credentials


def _external_servers() -> bool:
    given = [name for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)]
    if len(given) == 1:
        missing = "REDIS_URL" if given == ["DATABASE_URL"] else "DATABASE_URL"
        raise StackError(f"{given[0]} is set but {missing} is not: set both, or neither for embedded servers")
    return bool(given)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
        opened.listen(2048)
    except (OSError, OverflowError) as failure:
        opened.close()
        why = getattr(failure, "strerror", None) or str(failure)
        raise StackError(f"cannot listen on {host} port {port}: {why}; choose another with --port") from None
    return opened


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):  # noqa: S104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
