"""The ``billwright`` command. Errors are one clear line on standard error; exit code 1, or 2 for wrong usage."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import socket
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn
from uuid import UUID

import typer
from rich.console import Console

from billwright import __version__
from billwright.billing.kernel.clock import parse_instant
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.ids import parse_id
from billwright.server.collector import leave_the_loading_alone
from billwright.server.settings import Settings, SettingsError, stack_environment
from billwright.server.stack import DataFolder, StackError
from billwright.server.supervisor import default_data_folder

app = typer.Typer(
    help="Metering and usage-based billing.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
org = typer.Typer(help="Organizations.", no_args_is_help=True)
usage = typer.Typer(help="Usage rollups, which are derived from events.", no_args_is_help=True)
app.add_typer(org, name="org")
app.add_typer(usage, name="usage")

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Attach to the embedded stack that runs on this folder.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


class CommandError(Exception):
    """One sentence for the operator; exit code 1."""


def _say(line: str) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(line)
    console.file.flush()


def _an_id(value: str | None) -> str | None:
    if value is not None and parse_id(value) is None:
        raise typer.BadParameter("is not an id (UUID)")
    return value


def _an_instant(value: str | None) -> str | None:
    if value is not None and parse_instant(value) is None:
        raise typer.BadParameter("is not an instant, such as 2026-01-01T00:00:00Z")
    return value


@app.command()
def up(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Where everything is kept; default .billwright")
    ] = None,
    no_demo: Annotated[bool, typer.Option("--no-demo", help="Without the demo organization.")] = False,
    logs: Annotated[bool, typer.Option("--logs", help="Logs to the terminal instead of the data folder.")] = False,
) -> None:
    """Run everything: database, queue, API, back office, worker. Ctrl-C stops it."""
    from billwright.server.up import UpOptions
    from billwright.server.up import up as run

    folder = DataFolder(data_dir) if data_dir else default_data_folder()
    run(UpOptions(host, port, folder, demo=not no_demo, stream_logs=logs), _say)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    data_dir: DataDir = None,
    fd: Annotated[int | None, typer.Option(hidden=True, help="Inherited listening socket.")] = None,
) -> None:
    """Run the API and the back office (WEB_WORKERS processes)."""
    environment = _environment(data_dir)
    settings = Settings.from_environment(environment)
    if fd is not None:
        leave_the_loading_alone()
        from billwright.server.web import serve_on

        serve_on(socket.socket(fileno=fd), settings)
        return
    from billwright.server.up import serve as run

    run(host, port, settings, environment, _say)


@app.command()
def worker(data_dir: DataDir = None) -> None:
    """Run background jobs and the scheduler."""
    settings = Settings.from_environment(_environment(data_dir))
    from billwright.server.logging import configure_logging

    configure_logging(settings)
    leave_the_loading_alone()
    importlib.import_module("billwright.jobs.worker").run(settings)


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to this version."""
    from billwright.migrations import runner

    url = _environment(data_dir).get("DATABASE_URL")
    if not url:
        raise SettingsError("DATABASE_URL is not set")
    runner.upgrade(url)
    _say(f"The database is at revision {runner.current(url)}")


@org.command("create")
def org_create(
    name: Annotated[str, typer.Argument(help="The organization's name.")],
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Its clock stands still until it is advanced.")] = False,
    clock: Annotated[
        str | None, typer.Option(callback=_an_instant, help="A sandbox's first instant, ISO 8601 (UTC).")
    ] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Create an organization with an API key and a login."""
    if clock is not None and not sandbox:
        raise typer.BadParameter("--clock needs --sandbox: a live organization follows the system's clock")
    if not name.strip():
        raise typer.BadParameter("the name is empty")
    from billwright.server.organizations import create_organization

    settings = Settings.from_environment(_environment(data_dir))
    created = _run(create_organization(settings, name, sandbox=sandbox, clock=parse_instant(clock or "")))
    if as_json:
        print(json.dumps(created), flush=True)
        return
    for label, key in (("Organization", "organization_id"), ("API key", "api_key")):
        _say(f"{label}: {created[key]}")
    _say(f"Login: {created['login_email']} / {created['login_password']}")


@app.command(hidden=True)
def demo(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Create the demo organization."""
    from billwright.server.organizations import create_demo

    settings = Settings.from_environment(_environment(data_dir))
    created = _run(create_demo(settings))
    if as_json:
        print(json.dumps(created), flush=True)
        return
    for key, value in created.items():
        _say(f"{key}: {value}")


@usage.command("rebuild")
def usage_rebuild(
    organization: Annotated[str | None, typer.Option(callback=_an_id, help="Only this organization (id).")] = None,
    data_dir: DataDir = None,
) -> None:
    """Compute all usage rollups anew from the stored events."""
    from billwright.server.rollups import rebuild

    settings = Settings.from_environment(_environment(data_dir))
    rolled = _run(rebuild(settings, UUID(organization) if organization else None))
    _say(f"Rolled {rolled} quarter hours of usage anew")


@usage.command("verify")
def usage_verify(
    sample: Annotated[float, typer.Option(min=0.000001, max=1.0, help="Share of the keys to compare.")] = 1.0,
    data_dir: DataDir = None,
) -> None:
    """Compare the rollups with a full recount; exit code 1 on a difference."""
    from billwright.server.rollups import verify

    differences = _run(verify(Settings.from_environment(_environment(data_dir)), sample))
    for difference in differences:
        _say(difference)
    if differences:
        raise CommandError(f"{len(differences)} rollups differ from a recount: billwright usage rebuild")
    _say("Rollups equal a recount of the stored events")


@app.command()
def audit(
    organization: Annotated[
        str | None, typer.Option("--org", callback=_an_id, help="Only this organization (id).")
    ] = None,
    since: Annotated[
        str | None, typer.Option(callback=_an_instant, help="Only what was made since, such as 2026-01-31 (UTC).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document; each finding is a line of it.")] = False,
    rollups: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the usage rollups to recount.")] = 0.05,
    data_dir: DataDir = None,
) -> None:
    """Check that the books are in order; reads only. Exit code 1 on findings."""
    from billwright.server.auditing import run_audit

    settings = Settings.from_environment(_environment(data_dir))
    wanted = {
        "organization_id": UUID(organization) if organization else None,
        "since": parse_instant(since) if since else None,
    }
    try:
        found = _run(run_audit(settings, **wanted, as_json=as_json, rollup_sample=rollups))
    except NotFound:
        raise CommandError("there is no such organization") from None
    if found:
        sys.exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> NoReturn:
    """Entry point of the ``billwright`` command."""
    try:
        app(standalone_mode=False)
        sys.exit(0)
    except Exception as failure:
        sys.exit(_explain(failure))
    except KeyboardInterrupt:
        sys.exit(130)


def _explain(failure: Exception) -> int:
    """Write the one line; ``BILLWRIGHT_DEBUG=1`` shows where it came from."""
    if os.environ.get("BILLWRIGHT_DEBUG"):
        raise failure
    exit_code = getattr(failure, "exit_code", None)
    if isinstance(exit_code, int):
        show = getattr(failure, "show", None)
        if show is not None:
            show()
        return exit_code
    if isinstance(failure, ValidationFailed) and isinstance(failure.details, dict):
        text = "; ".join(f"{field}: {', '.join(codes)}" for field, codes in failure.details.items())
    elif isinstance(failure, SettingsError | StackError | CommandError):
        text = "; ".join(str(failure).splitlines()) if isinstance(failure, SettingsError) else str(failure)
    else:
        text = f"{type(failure).__name__}: {_first_line(failure)}"
    if isinstance(failure, SettingsError) and "DATABASE_URL is not set" in text and "--data-dir" not in sys.argv:
        text += "; --data-dir DIR takes the servers of a running `billwright up` (its folder is .billwright by default)"
    print(f"billwright: {text}", file=sys.stderr)
    return 1


def _first_line(failure: Exception) -> str:
    lines = str(failure).strip().splitlines()
    return lines[0] if lines else "no further information"


def _environment(data_dir: Path | None) -> dict[str, str]:
    if data_dir is None:
        return dict(os.environ)
    return stack_environment(DataFolder(data_dir))


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


if __name__ == "__main__":
    main()
