"""The recording that clients in both languages are held against.

It has what is hard about streams: several topics, characters of several bytes, a U+2028, several
entities in one change, entries by index, a new epoch.
"""

from foundry_client.chaos.recording import Recording, read
from tests.system.node_process import ROOT

WORKING_DAY = ROOT / "clients" / "working_day.jsonl"
WORKSPACE, TASK, TRANSCRIPT = "workspace/org_1", "task/task_1", "transcript/ses_1"


def a_working_day() -> Recording:
    return read(WORKING_DAY)
