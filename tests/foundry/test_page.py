"""The page's files: compressed for whoever takes that, and while somebody changes them."""

import re
from pathlib import Path
from shutil import copytree

import httpx
import pytest
from starlette.applications import Starlette

from foundry import page
from foundry.page_content import takes_gzip


async def test_a_changed_page_is_seen_with_the_next_reload_and_under_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (page.PAGE, page.CLIENT):
        copytree(page.ROOT / folder, tmp_path / folder)
    monkeypatch.setattr(page, "ROOT", tmp_path)
    transport = httpx.ASGITransport(Starlette(routes=page.routes()))
    async with httpx.AsyncClient(base_url="http://page", transport=transport) as browser:
        before = await _module(browser)
        assert before == await _module(browser)
        (tmp_path / page.PAGE / "dom.js").write_text("// another\n")
        after = await _module(browser)

        assert before != after
        assert "immutable" in (await browser.get(after)).headers["cache-control"]
        assert (await browser.get(before)).headers["cache-control"] == "no-cache"
        dom = await browser.get(after.replace("page.js", "dom.js"))
        assert dom.text == "// another\n"


async def test_a_browser_that_takes_gzip_gets_the_same_file_smaller_and_under_its_own_tag() -> None:
    transport = httpx.ASGITransport(Starlette(routes=page.routes()))
    async with httpx.AsyncClient(base_url="http://page", transport=transport) as browser:
        for path in ("/", "/web/workbench.js", "/client/foundry.js"):
            plain = await browser.get(path, headers={"Accept-Encoding": "identity"})
            zipped = await browser.get(path, headers={"Accept-Encoding": "br, gzip"})

            assert "content-encoding" not in plain.headers
            assert zipped.headers["content-encoding"] == "gzip"
            assert zipped.content == plain.content
            assert int(zipped.headers["content-length"]) < int(plain.headers["content-length"])
            assert zipped.headers["etag"] != plain.headers["etag"]
            for answer, accepted in ((plain, "identity"), (zipped, "br, gzip")):
                held = {"Accept-Encoding": accepted, "If-None-Match": answer.headers["etag"]}
                again = await browser.get(path, headers=held)
                assert (again.status_code, again.content) == (304, b"")
                assert again.headers["vary"] == answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        ([], False),
        ([""], False),
        (["identity"], False),
        (["gzip"], True),
        (["deflate", "br, GZIP;q=0.5"], True),
        (["x-gzip"], True),
        (["*"], True),
        (["gzip;q=0"], False),
        (["gzip; q=0.000, *"], False),
        (["*;q=0"], False),
        (["*;q=0, gzip ; q=1.0"], True),
        (["gzip;q=much"], False),
        (["notgzip"], False),
    ],
)
def test_gzip_is_taken_where_the_request_says_so(accepted: list[str], taken: bool) -> None:
    assert takes_gzip(accepted) is taken


async def _module(browser: httpx.AsyncClient) -> str:
    index = await browser.get("/")
    address: str = re.findall(r'src="(/page/[^"]+/web/page.js)"', index.text)[0]
    return address
