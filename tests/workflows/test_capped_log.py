from pathlib import Path

from workflows.capped_log import LOG_BYTES, CappedLog


def test_a_full_log_that_somebody_removed_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    log = CappedLog(path)
    log.write(b"x" * LOG_BYTES)
    path.unlink()

    log.write(b"one\n")
    log.write(b"two\n")

    assert path.read_bytes() == b"one\ntwo\n"
    log.close()
