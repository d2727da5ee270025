"""One attempt of one stage: within its deadline, measured, and its errors told apart."""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from runtime.errors import FoundryError, Invalid, NotFound, Rejected
from runtime.metrics import STAGE_SECONDS
from workflows.job_kind import (
    JobContext,
    JobNotWanted,
    NotOurs,
    Stage,
    StageFailure,
    StageResult,
)

log = logging.getLogger(__name__)


async def run_stage(kind: str, stage: Stage, context: JobContext, attempt: int) -> StageResult:
    """The stage's result. Raises `StageFailure` for whatever a person can do something about, in words for them."""
    started = time.perf_counter()
    outcome = "failed"
    try:
        async with asyncio.timeout(stage.deadline) as limit:
            result = await stage.run(replace(context, waiting=partial(_standing_still, limit)))
        outcome = "succeeded"
    except TimeoutError:
        raise StageFailure(
            f"{stage.name} did not finish within {stage.deadline:g} seconds.",
            code="stage_timeout",
        ) from None
    except (Rejected, Invalid, NotFound) as error:
        if error.code == "task_over":
            # Put away in the middle of the stage: it heard so by its report, before it was stopped.
            raise JobNotWanted(error.detail) from error
        raise StageFailure(error.detail, code=error.code, permanent=True) from error
    except FoundryError as error:
        raise StageFailure(error.detail, code=error.code) from error
    except OSError as error:
        said = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        raise StageFailure(
            f"The worker's machine refuses it ({said}). Mend that, and retry the job."
        ) from error
    except (StageFailure, JobNotWanted, NotOurs):
        raise
    except Exception as error:
        # A defect: tried again like anything else, and then told, so that nobody waits for ever.
        log.exception("stage failed in the worker itself", extra={"stage": stage.name})
        raise StageFailure(f"{type(error).__name__}: {error}"[:500]) from error
    finally:
        seconds = time.perf_counter() - started
        STAGE_SECONDS.labels(kind, stage.name, outcome).observe(seconds)
        log.info(
            "stage ended",
            extra={
                "stage": stage.name,
                "attempt": attempt,
                "outcome": outcome,
                "seconds": round(seconds, 3),
            },
        )
    return result


@contextmanager
def _standing_still(limit: asyncio.Timeout) -> Iterator[None]:
    """Inside, the deadline stands still: what was left of it is left afterwards too."""
    loop = asyncio.get_running_loop()
    due = limit.when()
    assert due is not None
    left = due - loop.time()
    limit.reschedule(None)
    try:
        yield
    finally:
        limit.reschedule(loop.time() + left)
