"""Runs the servers of one test session and ends them when that session's process is gone, however it went.

``python stack_keeper.py DATA_FOLDER WATCHED_PID``; prints one line when ready.
"""

from __future__ import annotations

import shutil
import signal
import sys
import time

import psutil

from billwright.server.embedded import EmbeddedServers
from billwright.server.stack import DataFolder


def main() -> None:
    folder, watched = DataFolder(sys.argv[1]), psutil.Process(int(sys.argv[2]))
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    folder.create()
    folder.lock()
    servers = EmbeddedServers(folder, durable=False)
    try:
        servers.start()
        print("ready", flush=True)
        while not stopping and watched.is_running() and watched.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.2)
    except psutil.NoSuchProcess:
        pass
    finally:
        servers.stop()
        shutil.rmtree(folder.path, ignore_errors=True)


if __name__ == "__main__":
    main()
