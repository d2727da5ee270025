"""One attempt of one stage: within its deadline, measured, and its errors told apart."""

import asyncio
import logging
import time

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
    """Its result. Raises `StageFailure` for whatever a person can do something about, in words for them."""
    started = time.perf_counter()
    outcome = "failed"
    try:
        async with asyncio.timeout(stage.deadline):
            result = await stage.run(context)
        outcome = "succeeded"
    except TimeoutError:
        raise StageFailure(
            f"{stage.name} did not finish within {stage.deadline:g} seconds.",
            code="stage_timeout",
        ) from None
    except (Rejected, Invalid, NotFound) as error:
        raise StageFailure(error.detail, code=error.code, permanent=True) from error
    except (FoundryError, OSError) as error:
        raise StageFailure(str(error), code=getattr(error, "code", "stage_failed")) from error
    except (StageFailure, JobNotWanted, NotOurs):
        raise
    except Exception as error:
        # A defect: tried again like anything else, and then told, so that nobody waits for ever.
        log.exception("stage failed in the worker itself", extra={"stage": stage.name})
        what = f"{type(error).__name__}: {error}"[:500]
        raise StageFailure(
            what.encode(errors="backslashreplace").decode(), code="stage_failed"
        ) from error
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
