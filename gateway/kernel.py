"""What the kernel still holds of the bytes that were written to a connection."""

import fcntl
import socket
import struct
import sys
import termios


def held_by_kernel(connection: socket.socket | None) -> int:
    """Bytes that the other side has not taken; 0 where nobody can tell."""
    if connection is None or not sys.platform.startswith("linux"):
        return 0
    try:
        answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int(struct.unpack("i", answer)[0])
