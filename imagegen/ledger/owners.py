"""
Who works on a job, and whether that process still lives.

A pid says little by itself: it is used again, differs between containers, and starts anew with every boot.
So an owner's host reads `name/boot/namespace`, and beside the pid stands the start time that the kernel knows
of it.
"""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path

from .records import Owner

_GONE = frozenset("ZXx")  # a killed child that nobody has waited for yet works on nothing


def this_process() -> Owner:
    """Return the calling process as an owner."""
    return _owner(os.getpid())


def alive(owner: Owner) -> bool | None:
    """Say whether *owner* still runs; None when that cannot be seen from here (another host or container)."""
    mine, theirs = host().split("/"), owner.host.split("/")
    if len(theirs) != 3 or theirs[0] != mine[0]:
        return None
    if theirs[1] != mine[1]:
        return False  # this host has booted since
    if theirs[2] != mine[2] or os.name == "nt":  # os.kill(pid, 0) is not a question on Windows
        return None
    if not _answers(owner.pid):
        return False
    born = _born(owner.pid)
    return born is None or born == owner.started


@functools.cache
def host() -> str:
    """
    Return this host's name, boot and pid namespace; the last two are empty where the system does not tell.
    """
    return f"{socket.gethostname().replace('/', '_')}/{boot()}/{_pid_namespace()}"


@functools.cache
def boot() -> str:
    """Return what names this boot of the machine (Linux), or an empty text."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


@functools.lru_cache(maxsize=1)  # keyed by the pid, so a forked child asks again
def _owner(pid: int) -> Owner:
    return Owner(host=host(), pid=pid, started=_born(pid) or 0.0)


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return ""


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True  # somebody else's process
    return not _is_zombie(pid)


def _stat(pid: int) -> list[str] | None:
    """
    Return the fields of /proc/<pid>/stat from the state on (proc_pid_stat(5)); the name before may hold
    anything.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None


def _is_zombie(pid: int) -> bool:
    fields = _stat(pid)
    return fields is not None and fields[0] in _GONE


def _born(pid: int) -> float | None:
    """Return the start time in clock ticks since boot, field 22; None where the system does not tell."""
    fields = _stat(pid)
    return float(fields[19]) if fields else None
