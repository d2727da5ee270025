"""`foundry restored`: says in the log that it was put back from a backup together with everything that remembered more."""

import argparse
import json

from events.log_prefix import LOG_SUBJECT, LogFingerprint, marks_in, note_cut
from foundry.event_log import any_log
from runtime.settings import Settings


async def restored(settings: Settings, options: argparse.Namespace) -> int:
    """Append a cut to the log: what clients were sent before is answered with a reset from here on."""
    async with any_log(settings) as log:
        noted = await log.store.load(LOG_SUBJECT)
        known = tuple(mark for recorded in noted for mark in marks_in(recorded))
        await note_cut(log.store, LogFingerprint(cuts=known))
        position = await log.store.head()
    print(json.dumps({"position": position}) if options.json else f"noted, head at {position}")
    return 0
