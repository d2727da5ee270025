"""The parent of every process of a sandbox: whatever that process leaves behind ends with it, and all end with the worker.

Run by its path, `python -I -S supervisor.py <worker's pid> <grace> <limits> <command…>`, so it
imports little and the command starts soon. It keeps no end of the command's pipes. SIGTERM ends
everything, in order first, then at once; SIGRTMIN at once; other signals it is sent go to the command. It ends as
the command ended: with the same code, by the same signal.
"""

import os
import signal
import sys
import time

PASSED_ON = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
AT_ONCE = signal.SIGRTMIN
WATCHED = (*PASSED_ON, signal.SIGTERM, AT_ONCE, signal.SIGCHLD)
KILL_SECONDS = 5.0
"""A process that cannot be interrupted (a dead disk) is given up after this."""


def main(worker: int, grace: float, limits: str, command: list[str]) -> None:
    """Start the command, wait for its end or the worker's, end what is left, end likewise."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    # Before the command: what it leaves behind in its first millisecond is to be found too.
    _adopt_orphans_and_die_with_parent()
    child = os.fork()
    if child == 0:
        _become(limits, command)
    _let_go_of_pipes()
    status = None if os.getppid() != worker else _watch(child)
    ended = _end_descendants(grace)
    _end_like(ended.get(child, signal.SIGKILL) if status is None else status)


def _become(limits: str, command: list[str]) -> None:
    import resource

    os.setsid()
    for limit in filter(None, limits.split(",")):
        name, _, value = limit.partition("=")
        number = getattr(resource, f"RLIMIT_{name}")
        highest = resource.getrlimit(number)[1]
        wanted = int(value) if highest == resource.RLIM_INFINITY else min(int(value), highest)
        resource.setrlimit(number, (wanted, wanted))
    # What is ignored stays so in the command. Python ignores two, a shell's `&` and nohup others.
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(127)


def _let_go_of_pipes() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for pipe in (0, 1, 2):
        os.dup2(nothing, pipe)


def _adopt_orphans_and_die_with_parent() -> None:
    # Not at the top: a signal that comes while this is imported would end in a stack trace.
    import ctypes

    set_parent_death_signal, set_child_subreaper = 1, 36
    prctl = ctypes.CDLL(None).prctl
    prctl(set_parent_death_signal, signal.SIGTERM)
    prctl(set_child_subreaper, 1)


def _watch(child: int) -> int | None:
    """The wait status of the command, None if everything is to end before it did."""
    while True:
        number = signal.sigwait(WATCHED)
        if number == AT_ONCE:
            os.kill(child, signal.SIGKILL)
        if number in (signal.SIGTERM, AT_ONCE):
            return None
        if number in PASSED_ON:
            _pass_on(child, number)
        ended = _reap()
        if child in ended:
            return ended[child]


def _pass_on(child: int, number: int) -> None:
    try:
        os.killpg(child, number)
    except ProcessLookupError:
        # It has not come to make its group; but it is there, since nobody has waited for it.
        os.kill(child, number)


def _end_descendants(grace: float) -> dict[int, int]:
    """The wait statuses of all that had to be ended."""
    ended: dict[int, int] = {}
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, KILL_SECONDS)):
        deadline = time.monotonic() + seconds
        signalled: set[int] = set()
        while left := _descendants():
            # Those forked since the last look get the signal too, but nobody gets it twice.
            for pid in left - signalled:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
            signalled |= left
            if (remaining := deadline - time.monotonic()) <= 0:
                break
            signal.sigtimedwait((signal.SIGCHLD,), min(remaining, 0.05))
            ended |= _reap()
    return ended | _reap()


def _descendants() -> set[int]:
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The name of the program stands in parentheses and may contain anything.
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
            except OSError:
                continue
            if state != b"Z":
                parents[int(name)] = int(parent)
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


def _reap() -> dict[int, int]:
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


def _end_like(status: int) -> None:
    if os.WIFSIGNALED(status):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4:])
