"""The account that the embedded PostgreSQL runs under: our own, or another one when we are root.

PostgreSQL refuses to run as root. Then it runs as the account ``ikusei`` if there is one, else as
``nobody``. No account is created and no directory is opened to everybody: the one account is given
the right to pass through the directories above the data and the programs (an entry in their access
control list), and nothing else.
"""

from __future__ import annotations

import os
import pwd
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from store.db import StoreError

_ACL = "system.posix_acl_access"
_VERSION = 2
_OWNER, _USER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_ANY = 0xFFFFFFFF
_PASS = 0x1


@dataclass(frozen=True, slots=True)
class Account:
    """Who owns the cluster and runs its processes; ``switch`` when that is not ourselves."""

    name: str
    uid: int
    gid: int
    switch: bool


def account_for(cluster: Path) -> Account:
    """The account of an existing cluster, or the one a new cluster will belong to.

    Raises StoreError when the cluster belongs to somebody else, or when there is no account.
    """
    owner = cluster.stat().st_uid if cluster.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner != os.geteuid():
            raise StoreError(
                f"{cluster} belongs to the account {_name(owner)!r}, and this is "
                f"{_name(os.geteuid())!r}: run as that account, or choose another IKUSEI_DATA_DIR"
            )
        return _account(os.geteuid(), switch=False)
    if owner:
        return _account(owner, switch=True)
    for name in ("ikusei", "nobody"):
        try:
            return _account(pwd.getpwnam(name).pw_uid, switch=True)
        except KeyError:
            continue
    raise StoreError(
        "PostgreSQL does not run as root, and there is neither an account 'ikusei' nor 'nobody': "
        "create one (useradd --system ikusei), run as another account, or set IKUSEI_DATABASE_URL"
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _account(uid: int, *, switch: bool) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise StoreError(
            f"the user id {uid} has no account in the password file, which PostgreSQL needs: run "
            "as an account that has one, or set IKUSEI_DATABASE_URL"
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch)


def let_through(account: Account, path: Path) -> None:
    """Let ``account`` pass through every directory above ``path``.

    Raises StoreError where the file system keeps no access control lists.
    """
    if not account.switch:
        return
    for directory in path.resolve().parents:
        if _may_pass(account, directory):
            continue
        try:
            _grant(directory, account.uid)
        except (OSError, AttributeError):
            raise StoreError(
                f"PostgreSQL does not run as root and is run as {account.name!r}, which may not "
                f"pass through {directory}: run `chmod o+x {directory}`, run as another account, "
                "or set IKUSEI_DATA_DIR to a directory elsewhere"
            ) from None


def _may_pass(account: Account, directory: Path) -> bool:
    mode = directory.stat()
    if mode.st_uid == account.uid:
        return bool(mode.st_mode & stat.S_IXUSR)
    entries = dict(_entries(directory))
    if (_USER, account.uid) in entries:
        allowed = entries[_USER, account.uid] & entries.get((_MASK, _ANY), 7)
        return bool(allowed & _PASS)
    if mode.st_gid == account.gid:
        return bool(mode.st_mode & stat.S_IXGRP)
    return bool(mode.st_mode & stat.S_IXOTH)


def _entries(directory: Path) -> Iterator[tuple[tuple[int, int], int]]:
    """The access control list as ((tag, id), permissions); empty when there is only the mode."""
    try:
        raw = os.getxattr(directory, _ACL)
    except (OSError, AttributeError):
        return
    for tag, permissions, who in struct.iter_unpack("<HHI", raw[4:]):
        yield (tag, who), permissions


def _grant(directory: Path, uid: int) -> None:
    """Add ``user:uid:--x`` to the access control list of ``directory``."""
    mode = directory.stat().st_mode
    entries = dict(_entries(directory)) or {
        (_OWNER, _ANY): mode >> 6 & 7,
        (_GROUP, _ANY): mode >> 3 & 7,
        (_OTHER, _ANY): mode & 7,
    }
    entries[_USER, uid] = entries.get((_USER, uid), 0) | _PASS
    mask = entries.get((_MASK, _ANY), entries[_GROUP, _ANY])
    entries[_MASK, _ANY] = mask | _PASS
    raw = struct.pack("<I", _VERSION) + b"".join(
        struct.pack("<HHI", tag, permissions, who)
        for (tag, who), permissions in sorted(entries.items())
    )
    os.setxattr(directory, _ACL, raw)
