"""The store on a cluster of three servers, beside those of tests/conftest.py."""

from collections.abc import AsyncIterator, Iterator

import pytest

from events.jetstream import JetStreamStore, open_store
from runtime.connection import connect
from tests.conftest import delete_streams
from tests.contracts.nats_cluster import NatsCluster, nats_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    with nats_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
async def cluster_store(cluster: NatsCluster) -> AsyncIterator[JetStreamStore]:
    """Three replicas of every commit; emptied of what the test before left there."""
    async with connect(cluster.urls) as connection:
        store = await open_store(connection, replicas=3)
        await delete_streams(connection, cluster.folder)
        store = await open_store(connection, replicas=3, doubt=2.0)
        yield store
