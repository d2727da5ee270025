"""Large content beside the log: a JetStream object store, each object named by its SHA-256."""

import asyncio
import hashlib

from nats import errors
from nats.js.client import JetStreamContext
from nats.js.errors import (
    APIError,
    BadObjectMetaError,
    BucketNotFoundError,
    DigestMismatchError,
    NotFoundError,
)
from nats.js.errors import Error as JetStreamError
from nats.js.object_store import ObjectStore

from events.fact import Blob
from runtime.connection import Connection
from runtime.errors import Unavailable

AT_ONCE = 8
SECONDS = 20.0
TRIES = 2

BROKEN = (BadObjectMetaError, DigestMismatchError)


class Blobs:
    """Puts and gets. At most `AT_ONCE` at a time, since each holds its content in memory."""

    def __init__(self, connection: Connection, bucket: str, *, replicas: int) -> None:
        self._jetstream: JetStreamContext = connection.client.jetstream(timeout=5)
        self._bucket = bucket
        self._replicas = replicas
        self._store: ObjectStore | None = None
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def put(self, content: bytes) -> Blob:
        blob = Blob(id=hashlib.sha256(content).hexdigest(), size=len(content))
        try:
            async with self._slots, asyncio.timeout(SECONDS):
                store = await self._open()
                if not await self._has(store, blob):
                    await store.put(blob.id, content)
        except (TimeoutError, errors.Error) as error:
            # The bucket may be gone: the next try looks for it, and makes it if need be.
            self._store = None
            raise Unavailable(
                f"The content could not be stored ({_said(error)}); try again."
            ) from error
        return blob

    async def get(self, blob_id: str) -> bytes | None:
        """The content, compared with its name; None when there is none or it is damaged in the store."""
        for _ in range(TRIES):
            try:
                async with self._slots, asyncio.timeout(SECONDS):
                    store = await self._open()
                    content = (await store.get(blob_id)).data or b""
            except NotFoundError:
                return None
            except BROKEN:
                # Replaced by an equal put while it was read: the next look finds that one.
                continue
            except (TimeoutError, errors.Error) as error:
                self._store = None
                raise Unavailable(
                    f"The content could not be read ({_said(error)}); try again."
                ) from error
            if hashlib.sha256(content).hexdigest() == blob_id:
                return content
        return None

    async def _has(self, store: ObjectStore, blob: Blob) -> bool:
        try:
            return (await store.get_info(blob.id)).size == blob.size
        except NotFoundError:
            return False

    async def _open(self) -> ObjectStore:
        if self._store is None:
            try:
                self._store = await self._jetstream.object_store(self._bucket)
            except (BucketNotFoundError, NotFoundError):
                try:
                    self._store = await self._jetstream.create_object_store(
                        self._bucket, replicas=self._replicas
                    )
                except JetStreamError as refusal:
                    try:
                        # Another node may have made it in between.
                        self._store = await self._jetstream.object_store(self._bucket)
                    except (BucketNotFoundError, NotFoundError):
                        raise refusal from None
        return self._store


def _said(error: Exception) -> str:
    """An answer of the server has its reason in its text, and a wait that was too long has its name only."""
    return str(error) if isinstance(error, APIError) else repr(error)
