"""The command line: one line of JSON, one line per error, exit codes; ``usage`` on real rollups."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from billwright import __version__
from billwright.server.settings import Settings


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if key.upper() not in _VARIABLES}
    return subprocess.run(
        [sys.executable, "-m", "billwright.server.cli", *arguments],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


_VARIABLES = {name.upper() for name in Settings.model_fields} | {"BILLWRIGHT_DEBUG"}


@pytest.fixture
def environment(database_url: str, redis_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": "s" * 32,
        "ENCRYPTION_KEY": "A" * 43 + "=",
    }


def test_version() -> None:
    assert run("version").stdout == __version__ + "\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["migrate"], 1, "billwright: DATABASE_URL is not set"),
        (["serve"], 1, "SECRET_KEY is not set"),
        (["migrate", "--data-dir", "/nonexistent/nowhere"], 1, "no embedded stack runs on /nonexistent/nowhere"),
        (["org", "create", "X", "--clock", "yesterday", "--sandbox"], 2, "is not an instant"),
        (["org", "create", "X", "--clock", "2026-01-01"], 2, "--clock needs --sandbox"),
        (["org", "create", " "], 2, "the name is empty"),
        (["usage", "rebuild", "--organization", "x"], 2, "is not an id"),
        (["up", "--port", "70000"], 2, "--port"),
        (["fly"], 2, "No such command"),
    ],
)
def test_errors_are_clear_and_never_a_traceback(arguments: list[str], code: int, words: str) -> None:
    done = run(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", [["org", "create", "X"], ["migrate"], ["worker"], ["usage", "verify"]])
def test_without_a_database_the_error_names_the_data_folder(command: list[str]) -> None:
    done = run(*command)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "DATABASE_URL is not set" in done.stderr
    assert "--data-dir" in done.stderr
    assert "`billwright up`" in done.stderr


def test_up_on_a_taken_port_leaves_nothing_behind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("up", "--port", port, "--data-dir", str(tmp_path / "new"))
    assert done.returncode == 1
    assert done.stderr == (
        f"billwright: cannot listen on 127.0.0.1 port {port}: Address already in use; choose another with --port\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_database_is_one_line() -> None:
    done = run("migrate", DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/x")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2" not in done.stderr


async def test_org_create_prints_one_line_of_json(environment: dict[str, str]) -> None:
    done = run(
        "org", "create", "Acme GmbH", "--sandbox", "--clock", "2026-01-01T12:00:00+01:00", "--json", **environment
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    created = json.loads(done.stdout)
    assert set(created) == {"organization_id", "api_key", "login_email", "login_password"}
    connection = await asyncpg.connect(environment["DATABASE_URL"])
    row = await connection.fetchrow(
        "SELECT name, kind, to_char(clock_now AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM organizations"
        " WHERE id = $1",
        UUID(created["organization_id"]),
    )
    kept = await connection.fetchval("SELECT count(*) FROM users WHERE email = $1", created["login_email"])
    await connection.close()
    assert tuple(row) == ("Acme GmbH", "sandbox", "2026-01-01 11:00")
    assert kept == 1


def test_two_organizations_of_one_name_are_two(environment: dict[str, str]) -> None:
    first, second = (json.loads(run("org", "create", "Twin", "--json", **environment).stdout) for _ in range(2))
    assert first["organization_id"] != second["organization_id"]
    assert first["login_email"] != second["login_email"]


def test_a_name_that_is_too_long_is_refused_by_its_code(environment: dict[str, str]) -> None:
    done = run("org", "create", "x" * 300, **environment)
    assert (done.returncode, done.stderr) == (1, "billwright: name: value_is_too_long\n")


def test_migrate_twice_says_the_same(empty_database_url: str) -> None:
    first = run("migrate", DATABASE_URL=empty_database_url)
    second = run("migrate", DATABASE_URL=empty_database_url)
    assert first.returncode == second.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert first.stdout.startswith("The database is at revision 0")


def test_usage_of_an_empty_store(environment: dict[str, str]) -> None:
    rebuilt, verified = run("usage", "rebuild", **environment), run("usage", "verify", **environment)
    assert (rebuilt.returncode, rebuilt.stdout) == (0, "Rolled 0 quarter hours of usage anew\n")
    assert (verified.returncode, verified.stdout) == (0, "Rollups equal a recount of the stored events\n")
