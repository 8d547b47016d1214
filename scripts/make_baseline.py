"""(Re)generates ``billwright/migrations/versions/0001_baseline.py`` from the models, until the first release.

``python scripts/make_baseline.py`` writes the file; ``--check`` only says whether the revisions still give what the
models describe, and exits with 1 if not. From the first release on, a change of the models gets a revision of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import Connection

from billwright.migrations import runner
from billwright.server.embedded import EmbeddedServers
from billwright.server.stack import DataFolder


def main() -> int:
    check = "--check" in sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="billwright-baseline-") as scratch:
        servers = EmbeddedServers(DataFolder(scratch), durable=False)
        url = servers.start().database_url
        try:
            if check:
                runner.upgrade(url)
                differences = runner.differences(url)
                for difference in differences:
                    print(difference)
                return 1 if differences else 0
            runner.on_connection(url, _generate)
        finally:
            servers.stop()
    target = next(runner.VERSIONS.glob(f"{runner.BASELINE}_*.py"))
    text = target.read_text().replace("sqlmodel.sql.sqltypes.AutoString()", "sa.String()")
    target.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n")
    for step in (["check", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *step, str(target)], check=True)
    print(target.relative_to(Path.cwd()) if target.is_relative_to(Path.cwd()) else target)
    return 0


def _generate(connection: Connection) -> None:
    for old in runner.VERSIONS.glob(f"{runner.BASELINE}_*.py"):
        old.unlink()
    later = {path: path.with_suffix(".later") for path in runner.VERSIONS.glob("0*.py")}
    try:
        for path, aside in later.items():  # they build on the revision that is being written
            path.rename(aside)
        command.revision(
            runner.config(connection),
            "Baseline: every table of the first release",
            autogenerate=True,
            rev_id=runner.BASELINE,
            head="base",
        )
        made = next(runner.VERSIONS.glob(f"{runner.BASELINE}_*.py"))
        made.rename(runner.VERSIONS / f"{runner.BASELINE}_baseline.py")
    finally:
        for path, aside in later.items():
            aside.rename(path)


if __name__ == "__main__":
    sys.exit(main())
