"""The routes that other folders serve, for the OpenAPI document: the gateway's and the node's. The commands' are made of their catalog."""

from typing import Any

from query_api.openapi_commands import NDJSON
from query_api.openapi_route import Answer, Body, DocumentedRoute, Parameter, in_header, in_path
from query_api.openapi_shapes import (
    Health,
    Interest,
    InterestAnswer,
    LoginBody,
    SignedIn,
    StreamOpening,
)

EVENTS = Answer(
    "Server-Sent Events; the data of each is one line of JSON",
    media="text/event-stream",
)

ELSEWHERE = (
    DocumentedRoute(
        method="get",
        path="/v1/stream",
        tag="live",
        summary="Follow topics, for EventSource and curl",
        parameters=(
            Parameter("topic", "a topic; repeated for several", required=True),
            Parameter("cursor", "the last `id:` seen, where `Last-Event-ID` cannot be sent"),
            in_header("Last-Event-ID", "resume after this cursor"),
        ),
        answers=(EVENTS,),
        problems=("malformed", "too_many_topics"),
        says_bye=True,
    ),
    DocumentedRoute(
        method="post",
        path="/v1/stream",
        tag="live",
        summary="Follow topics, for fetch: says what the client holds",
        body=Body(StreamOpening),
        answers=(EVENTS,),
        problems=(
            "malformed",
            "forbidden",
            "too_large",
            "unsupported_media_type",
            "too_many_requests",
            "too_many_topics",
        ),
    ),
    DocumentedRoute(
        method="post",
        path="/v1/stream/{sid}/interest",
        tag="live",
        summary="Change what an open stream carries",
        parameters=(in_path("sid", "from the stream's `hello`"),),
        body=Body(Interest),
        answers=(Answer("taken", InterestAnswer, status=202),),
        problems=(
            "malformed",
            "forbidden",
            "not_found",
            "too_large",
            "unsupported_media_type",
            "too_many_requests",
            "too_many_topics",
        ),
    ),
    DocumentedRoute(
        method="post",
        path="/v1/login",
        tag="identity",
        summary="Sign in with a token or a one-time code; sets a cookie",
        body=Body(LoginBody),
        answers=(Answer("signed in, with the cookie", SignedIn),),
        problems=(
            "malformed",
            "unauthenticated",
            "forbidden",
            "too_large",
            "unsupported_media_type",
            "too_many_requests",
            "unavailable",
            "draining",
        ),
        open_to_all=True,
    ),
    DocumentedRoute(
        method="post",
        path="/v1/logout",
        tag="identity",
        summary="End the app session of the cookie",
        answers=(Answer("signed out", media="", status=204),),
        problems=("forbidden", "too_many_requests", "unavailable", "draining"),
        open_to_all=True,
    ),
    *(
        DocumentedRoute(
            method="post",
            path=f"/v1/operator/{does}/{{projection}}",
            tag="operation",
            summary=summary,
            parameters=(in_path("projection", "a projection's name"),),
            answers=(Answer("a line of JSON per step, the last one the result", media=NDJSON),),
            problems=("forbidden", "not_found", "too_many_requests"),
        )
        for does, summary in (
            ("verify", "Fold the log anew and compare; for the owner of the installation"),
            ("rebuild", "The same, and put the rows in place; for the owner of the installation"),
        )
    ),
    DocumentedRoute(
        method="get",
        path="/healthz",
        tag="operation",
        summary="Alive, and how durable",
        answers=(Answer("alive", Health),),
        open_to_all=True,
    ),
    DocumentedRoute(
        method="get",
        path="/readyz",
        tag="operation",
        summary="Ready to be sent requests; 503 with the reasons otherwise",
        answers=(Answer("ready", dict[str, Any]), Answer("not ready", dict[str, Any], status=503)),
        open_to_all=True,
    ),
    DocumentedRoute(
        method="get",
        path="/metrics",
        tag="operation",
        summary="Figures for Prometheus",
        answers=(Answer("figures", media="text/plain"),),
        open_to_all=True,
    ),
)
