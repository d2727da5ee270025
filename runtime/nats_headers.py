"""Header blocks of NATS messages as they are sent: a first line, then `name: value` lines. Only what is asked for is read."""

STATUS_LINE = b"NATS/1.0 "
"""Begins every header. In the server's own word a status follows, in content nothing does."""

END = b"\r\n"
STATUS_BYTES = 3


def status_in(block: bytes) -> str | None:
    """The status of what is the server's own word (`404`, `503`), None for content."""
    if not block.startswith(STATUS_LINE):
        return None
    begin = len(STATUS_LINE)
    return block[begin : begin + STATUS_BYTES].decode(errors="replace")


def field(name: str) -> bytes:
    """What stands before a header's value: the end of the line before, and the name."""
    return f"\r\n{name}:".encode()


def value_in(block: bytes, field: bytes) -> str:
    """One value, empty when it is not there. Of several the last: what the server adds stands behind what was sent."""
    begin = block.rfind(field)
    if begin < 0:
        return ""
    begin += len(field)
    return block[begin : block.index(END, begin)].strip().decode(errors="replace")


def number_in(block: bytes, field: bytes) -> int:
    """One value that is a number; -1 when it is not there, or is none."""
    begin = block.rfind(field)
    if begin < 0:
        return -1
    begin += len(field)
    try:
        return int(block[begin : block.index(END, begin)])
    except ValueError:
        return -1
