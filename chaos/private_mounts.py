"""Mounts that only this process and its children see: gone with the last of them, however they die."""

import ctypes
import subprocess

CLONE_NEWNS = 0x00020000


def enter() -> bool:
    """False where that is not allowed, and nothing was changed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        return False
    done = subprocess.run(
        ["mount", "--make-rprivate", "/"], capture_output=True, timeout=10, check=False
    )
    return done.returncode == 0
