"""Migrations: the revisions give what the models describe; they can be applied twice and by two processes at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from billwright.migrations import runner


def test_the_revisions_give_what_the_models_describe(database_url: str) -> None:
    assert runner.differences(database_url) == []


def test_two_processes_may_migrate_at_once(empty_database_url: str) -> None:
    assert runner.current(empty_database_url) is None
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(runner.upgrade, [empty_database_url] * 3))
    reached = runner.current(empty_database_url)
    assert reached is not None
    runner.upgrade(empty_database_url)
    assert runner.current(empty_database_url) == reached
    assert runner.differences(empty_database_url) == []
