import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from events.addresses import Remote, parse_remote, valid_branch
from runtime.errors import Invalid

ANYWHERE = Path("/")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/team/tool",
        "https://example.com/team/tool.git",
        "https://EXAMPLE.com/team/tool.git/",
        "https://example.com:443/team/tool",
        "ssh://git@example.com/team/tool.git",
        "ssh://example.com:22/team/tool",
        "git@example.com:team/tool.git",
        "git@example.com:/team/tool",
    ],
)
def test_one_repository_has_one_address_however_it_is_spelt(url: str) -> None:
    assert parse_remote(url, None) == Remote(url=url, address="example.com/team/tool", name="tool")


def test_another_port_is_another_host() -> None:
    assert parse_remote("https://a.example:8443/x", None).address == "a.example:8443/x"


def test_a_path_is_an_address_below_the_allowed_folder_only(tmp_path: Path) -> None:
    inside = tmp_path / "a b" / "tool.git"

    assert parse_remote(f"{inside}/", tmp_path) == Remote(
        url=str(inside), address=str(inside), name="tool"
    )
    with pytest.raises(Invalid, match="below"):
        parse_remote(f"{tmp_path}/../elsewhere", tmp_path)
    with pytest.raises(Invalid, match="takes no"):
        parse_remote(str(inside), None)


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "/",
        "/..",
        "relative/path",
        "./here",
        "http://example.com/x",
        "git://example.com/x",
        "file:///tmp/x",
        "ext::sh -c true",
        "ext::sh",
        "fd::17/foo",
        "https://",
        "https:///x",
        "https://example.com",
        "https://example.com/",
        "https://example.com/.git",
        "https://example.com/a/../b",
        "https://example.com/a//b",
        "https://user:secret@example.com/x",
        "https://ghp_token@example.com/x",
        "https://example.com/x?y=1",
        "https://example.com/x#y",
        "https://exam ple.com/x",
        "https://example.com/x\n",
        "https://example.com/x%00y",
        "https://example.com/x%0ay",
        "https://example.com/%ff",
        "https://-oProxyCommand=x/y",
        "https://[::1/x",
        "https://example.com:port/x",
        "https://example.com:0/x",
        "https://example.com:65536/x",
        "ssh://-oProxyCommand=x/y",
        "ssh://user:secret@example.com/x",
        "ssh://-x@example.com/y",
        "git@-oProxyCommand=x:y",
        "-u@example.com:y",
        "git@example.com:-x",
        "git@example.com:",
        "git@example.com:..",
        "example.com:x",
        "C:\\x",
        "--upload-pack=x",
        "/tmp/x\x00y",
        "/tmp/\u202ex",
        "https://example.com/" + "x" * 2_000,
    ],
)
def test_what_is_no_address_is_refused_with_the_field_named(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_remote(url, ANYWHERE)

    assert [error.pointer for error in refused.value.errors] == ["/remote_url"]


def test_a_secret_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(Invalid) as refused:
        parse_remote("https://me:hunter2@example.com/x", None)

    assert "hunter2" not in str(refused.value)


@given(st.text(max_size=60))
def test_an_address_is_understood_or_refused_and_nothing_else(text: str) -> None:
    try:
        remote = parse_remote(text, ANYWHERE)
    except Invalid:
        return

    assert remote.name
    assert parse_remote(remote.url, ANYWHERE) == remote


_PIECES = ["a", "b", "/", ".", "..", "-", "@", "@{", "{", "}", ".lock", "HEAD", "é", " ", "~", "^"]
_PIECES += [":", "?", "*", "[", "]", "\\", "\x7f", "\t", "refs/heads/", "heads"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=5).map("".join))
@example("a./b")
@example("x/HEAD")
@example("x/@")
@example("@foo")
def test_branch_names_are_judged_as_git_judges_them(name: str) -> None:
    # Nothing but `@`, which git accepts here and then reads as HEAD, is judged differently.
    if name == "@":
        assert not valid_branch(name)
        return

    git = subprocess.run(
        ["git", "check-ref-format", "--branch", name], cwd="/", capture_output=True, check=False
    )

    assert valid_branch(name) == (git.returncode == 0)


@pytest.mark.parametrize("name", ["", "@", "-x", "x\x00y", "x" * 241, "\ud800"])
def test_names_git_cannot_be_asked_about_are_refused(name: str) -> None:
    assert not valid_branch(name)
