"""Every metric of the system, each with a help sentence. Labels come from closed sets, never from ids."""

from prometheus_client import Counter, Gauge, Histogram

FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)

# --- Requests ---
REQUEST_SECONDS = Histogram(
    "foundry_request_seconds",
    "Time from a request's head to the end of its answer.",
    ["route", "status"],
    buckets=FAST,
)
COMMANDS = Counter("foundry_commands_total", "Commands answered.", ["name", "outcome"])
COMMAND_SECONDS = Histogram(
    "foundry_command_seconds",
    "Time from a command's parsed body to its durable answer.",
    ["name"],
    buckets=FAST,
)
BOOTSTRAP_SECONDS = Histogram(
    "foundry_view_bootstrap_seconds",
    "Time to read one view from its projection.",
    ["view"],
    buckets=FAST,
)

# --- Log ---
APPEND_SECONDS = Histogram(
    "foundry_append_seconds", "Time to append one commit durably.", buckets=FAST
)
APPEND_RETRIES = Counter(
    "foundry_append_retries_total",
    "Appends whose outcome was unknown at first or that lost a race.",
    ["reason"],
)
NATS_CONNECTED = Gauge("foundry_nats_connected", "1 while the connection to NATS is up.")
NATS_RECONNECTS = Counter("foundry_nats_reconnects_total", "Times the connection came back.")

# --- Projections ---
PROJECTION_APPLY_SECONDS = Histogram(
    "foundry_projection_apply_seconds",
    "Time to fold and commit one batch.",
    ["projection"],
    buckets=FAST,
)
PROJECTION_EVENTS = Counter("foundry_projection_events_total", "Events folded.", ["projection"])
PROJECTION_REBUILD_SECONDS = Histogram(
    "foundry_projection_rebuild_seconds",
    "Time to build a projection from the first commit.",
    ["projection"],
    buckets=SLOW,
)
PROJECTION_POSITION = Gauge(
    "foundry_projection_position",
    "Position up to which the projection was applied.",
    ["projection"],
)
PROJECTION_PARKED = Gauge(
    "foundry_projection_parked",
    "Aggregates that stand still at a commit that cannot be read or folded.",
    ["projection"],
)
PROJECTION_LAG_SECONDS = Gauge(
    "foundry_projection_lag_seconds",
    "How old the state of the log is that the node has, or its last word of the log.",
)
EVENT_TO_DISPATCH_SECONDS = Histogram(
    "foundry_event_to_dispatch_seconds",
    "Time from a commit's own time to its dispatch to the streams.",
    buckets=FAST,
)

# --- Streams ---
STREAMS = Gauge("foundry_streams", "Open event streams.")
STREAMS_OPENED = Counter("foundry_streams_opened_total", "Streams opened.", ["how"])
STREAMS_ENDED = Counter("foundry_streams_ended_total", "Streams ended.", ["code"])
TOPICS = Gauge("foundry_stream_topics", "Subscribed topics of all streams.", ["view"])
FRAMES = Counter("foundry_stream_frames_total", "Frames handed to connections.", ["event"])
SNAPSHOTS = Counter("foundry_stream_snapshots_total", "Snapshots sent on streams.", ["cause"])
STREAM_PENDING_BYTES = Gauge(
    "foundry_stream_pending_bytes", "Bytes that wait for slow readers, of all streams."
)

# --- Jobs ---
JOB_QUEUE_SECONDS = Histogram(
    "foundry_job_queue_seconds",
    "Time from a job's announcement to its start.",
    ["kind"],
    buckets=SLOW,
)
STAGE_SECONDS = Histogram(
    "foundry_job_stage_seconds",
    "Time one attempt of a stage took.",
    ["kind", "stage", "outcome"],
    buckets=SLOW,
)
JOBS_ENDED = Counter("foundry_jobs_ended_total", "Jobs that ended.", ["kind", "status"])
AGENTS_RUNNING = Gauge("foundry_agents_running", "Agent processes alive on this host.")

# --- Lifecycle ---
ACTIVE_WORK = Gauge("foundry_active_work", "Admitted work that has not ended.", ["component"])
EVENT_LOOP_TASKS = Gauge("foundry_event_loop_tasks", "Tasks of the event loop when it was asked.")
REFUSED = Counter(
    "foundry_refused_total", "Requests refused because too many were at work.", ["component"]
)
DRAIN_SECONDS = Histogram(
    "foundry_drain_seconds", "Time a component took to drain.", ["component"], buckets=SLOW
)
