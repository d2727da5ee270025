"""The page's files while somebody changes them."""

import re
from pathlib import Path
from shutil import copytree

import httpx
import pytest
from starlette.applications import Starlette

from foundry import page


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


async def _module(browser: httpx.AsyncClient) -> str:
    index = await browser.get("/")
    address: str = re.findall(r'src="(/page/[^"]+/web/page.js)"', index.text)[0]
    return address
