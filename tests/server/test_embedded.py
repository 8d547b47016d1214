"""The embedded servers: durable settings, restart after ``kill -9``, one holder per folder, ports that move."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from billwright.server.embedded import EmbeddedServers
from billwright.server.processes import processes_in
from billwright.server.stack import DataFolder, StackError, StackInfo


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    made = EmbeddedServers(DataFolder(tmp_path_factory.mktemp("stack") / "data"))
    yield made
    made.stop()


def _query(info: StackInfo, sql: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(info.database_url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    with asyncio.Runner() as runner:
        return runner.run(run())


def test_starts_with_durable_settings_and_private_files(servers: EmbeddedServers) -> None:
    info = servers.start()
    assert _query(info, "SELECT current_setting('fsync') || current_setting('synchronous_commit')") == "onon"
    assert _query(info, "SELECT current_setting('full_page_writes') || current_setting('data_checksums')") == "onon"
    assert _query(info, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    for name in ("stack.json", "secrets.json", "ports.json"):
        assert stat.S_IMODE((servers.folder.path / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(servers.folder.postgres.stat().st_mode) == 0o700
    assert servers.folder.attach().database_url == info.database_url


def test_strangers_on_the_machine_need_the_password(servers: EmbeddedServers) -> None:
    info = servers.folder.attach()
    with pytest.raises(asyncpg.InvalidPasswordError):
        _query(
            StackInfo(info.database_url.replace(servers.folder.secrets().database_password, "guess"), "", 1), "SELECT 1"
        )
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=int(info.redis_url.rpartition(":")[2].partition("/")[0])).ping()


def test_kill_9_of_everything_loses_nothing_committed(servers: EmbeddedServers) -> None:
    info = servers.folder.attach()
    _query(info, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    queue = redis.Redis.from_url(info.redis_url)
    queue.set("kept", "yes")
    queue.execute_command("WAITAOF", 1, 0, 2000)
    queue.close()
    assert servers.postgres is not None
    assert servers.valkey is not None
    for process in (servers.postgres, servers.valkey):
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    assert (servers.folder.postgres / "postmaster.pid").exists()
    info = servers.start()
    assert _query(info, "SELECT count(*) FROM kept") == 1000
    assert redis.Redis.from_url(info.redis_url).get("kept") == b"yes"


def test_a_server_left_behind_by_a_killed_parent_is_ended_first(servers: EmbeddedServers) -> None:
    orphan = servers.postgres
    assert orphan is not None
    again = EmbeddedServers(servers.folder)
    info = again.start()
    orphan.wait(10)
    assert _query(info, "SELECT count(*) FROM kept") == 1000
    servers.postgres, servers.valkey = again.postgres, again.valkey


def test_ports_are_remembered_and_move_when_taken(servers: EmbeddedServers) -> None:
    before = servers.folder.attach()
    servers.stop()
    assert servers.start().database_url == before.database_url
    servers.stop()
    port = int(before.database_url.rpartition(":")[2].partition("/")[0])
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        moved = servers.start()
    assert moved.database_url != before.database_url
    assert _query(moved, "SELECT count(*) FROM kept") == 1000


def test_stop_leaves_no_process_and_no_address(servers: EmbeddedServers) -> None:
    servers.stop()
    assert processes_in(servers.folder.postgres) == []
    assert processes_in(servers.folder.valkey) == []
    with pytest.raises(StackError, match="no embedded stack runs on"):
        servers.folder.attach()


def test_an_interrupted_first_start_is_repeated(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.create()
    (folder.path / "postgres.new").mkdir()
    (folder.path / "postgres.new" / "half").write_text("an initdb that was killed")
    made = EmbeddedServers(folder, durable=False)
    try:
        assert _query(made.start(), "SELECT 1") == 1
    finally:
        made.stop()


def test_one_folder_has_one_holder(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    first.lock()
    with pytest.raises(StackError, match=rf"in use by another `billwright up` \(process {os.getpid()}\)"):
        second.lock()
    first.unlock()
    second.lock()
    second.unlock()


def test_an_address_whose_process_is_gone_is_not_attached_to(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    gone = max(psutil.pids()) + 100_000
    folder.write_info(StackInfo("postgresql://x/y", "redis://x/0", gone))
    with pytest.raises(StackError, match="billwright up --data-dir"):
        folder.attach()
