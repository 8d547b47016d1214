"""Lets the unprivileged account of the embedded servers reach its folders below a private one such as ``/root``.

Only what is needed is granted: an access-list entry "may pass through" for that one account, or, where the file system
knows no access lists, the pass-through bit for others. Nothing becomes listable.
"""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

from billwright.server.processes import SystemUser

_ACL = "system.posix_acl_access"
_USER_OBJ, _USER, _GROUP_OBJ, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NO_ID = 0xFFFFFFFF
_EXECUTE = 1


def allow_traversal(user: SystemUser, target: Path) -> list[Path]:
    """Let ``user`` pass every folder above ``target``; returns the folders that had to be opened for it."""
    opened: list[Path] = []
    for folder in reversed(target.resolve().parents):
        info = folder.stat()
        if _may_pass(info, user):
            continue
        if _has_entry(folder, user):
            continue
        try:
            os.setxattr(folder, _ACL, _acl_with(folder, info.st_mode, user))
        except OSError:
            folder.chmod(stat.S_IMODE(info.st_mode) | stat.S_IXOTH)
        opened.append(folder)
    return opened


def allow_reading(user: SystemUser, folder: Path) -> None:
    """Make a tree of program files readable (an installation under umask 077 leaves them private)."""
    if _may_pass(folder.stat(), user) and all(
        path.stat().st_mode & stat.S_IROTH for path in (folder, *folder.iterdir())
    ):
        return
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if wanted != mode:
            path.chmod(wanted)


def _may_pass(info: os.stat_result, user: SystemUser) -> bool:
    if info.st_uid == user.uid:
        return bool(info.st_mode & stat.S_IXUSR)
    if info.st_gid == user.gid:
        return bool(info.st_mode & stat.S_IXGRP)
    return bool(info.st_mode & stat.S_IXOTH)


def _entries(folder: Path) -> list[tuple[int, int, int]]:
    try:
        raw = os.getxattr(folder, _ACL)
    except OSError:
        return []
    return list(struct.iter_unpack("<HHI", raw[4:]))


def _has_entry(folder: Path, user: SystemUser) -> bool:
    entries = _entries(folder)
    mask = next((permissions for tag, permissions, _ in entries if tag == _MASK), _EXECUTE)
    return any(tag == _USER and who == user.uid and p & mask & _EXECUTE for tag, p, who in entries)


def _acl_with(folder: Path, mode: int, user: SystemUser) -> bytes:
    entries = _entries(folder) or [
        (_USER_OBJ, mode >> 6 & 7, _NO_ID),
        (_GROUP_OBJ, mode >> 3 & 7, _NO_ID),
        (_OTHER, mode & 7, _NO_ID),
    ]
    kept = [e for e in entries if e[0] != _MASK and not (e[0] == _USER and e[2] == user.uid)]
    kept.append((_USER, _EXECUTE, user.uid))
    mask = 0
    for tag, permissions, _ in kept:
        if tag not in (_USER_OBJ, _OTHER):
            mask |= permissions
    kept.append((_MASK, mask, _NO_ID))
    kept.sort(key=lambda entry: (entry[0], entry[2]))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in kept)
