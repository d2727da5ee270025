"""The page's files: all there, from this address only, under a policy that runs nothing inline."""

import re
from urllib.parse import urljoin

import httpx

from tests.system.node_process import NodeProcess

TYPES = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}


async def test_the_page_and_everything_it_names_are_served_under_its_policy(
    system: NodeProcess,
) -> None:
    async with httpx.AsyncClient(base_url=system.address, trust_env=False) as browser:
        index = await browser.get("/")
        answers = {"/": index}
        waiting = _named("/", index.text)
        while waiting:
            path = waiting.pop()
            answers[path] = await browser.get(path)
            assert answers[path].headers["content-type"] == TYPES[path.rpartition(".")[2]]
            waiting |= _named(path, answers[path].text) - answers.keys()

    version = re.findall(r"/page/(\w+)/web/page.js", index.text)[0]
    here = f"/page/{version}"
    assert {
        f"{here}/web/workbench.js",
        f"{here}/web/tokens.css",
        f"{here}/clients/js/foundry.js",
    } <= answers.keys()
    for path, answer in answers.items():
        assert answer.status_code == 200, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        # Neither a script nor a style nor a picture from elsewhere, whatever a module says.
        assert re.findall(r"""["'(]https?://(?!www\.w3\.org/)\w+""", answer.text) == [], path


async def test_a_browser_that_holds_a_file_is_not_sent_it_again(system: NodeProcess) -> None:
    async with httpx.AsyncClient(base_url=system.address, trust_env=False) as browser:
        for path in ("/", "/web/workbench.js", "/client/foundry.js", "/v1/openapi.json"):
            first = await browser.get(path)
            again = await browser.get(path, headers={"If-None-Match": first.headers["etag"]})
            changed = await browser.get(path, headers={"If-None-Match": '"another"'})

            assert (again.status_code, again.content) == (304, b""), path
            assert again.headers["cache-control"] == first.headers["cache-control"]
            assert changed.content == first.content


async def test_the_files_of_a_version_are_kept_and_all_others_asked_for_again(
    system: NodeProcess,
) -> None:
    async with httpx.AsyncClient(base_url=system.address, trust_env=False) as browser:
        index = await browser.get("/")
        module = re.findall(r'src="(/page/[^"]+/web/page.js)"', index.text)[0]
        assert "immutable" in (await browser.get(module)).headers["cache-control"]
        for path in ("/", "/web/page.js", "/client/foundry.js", "/page/another/web/page.js"):
            first = await browser.get(path)
            again = await browser.get(path, headers={"If-None-Match": first.headers["etag"]})
            assert (first.status_code, again.status_code, again.content) == (200, 304, b""), path
            assert first.headers["cache-control"] == again.headers["cache-control"] == "no-cache", (
                path
            )


async def test_the_page_has_no_inline_script_style_or_handler(system: NodeProcess) -> None:
    async with httpx.AsyncClient(base_url=system.address, trust_env=False) as browser:
        html = (await browser.get("/")).text

    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:", html) == []


async def test_a_file_the_page_does_not_have_is_not_found(system: NodeProcess) -> None:
    async with httpx.AsyncClient(base_url=system.address, trust_env=False) as browser:
        for path in (
            "/web/none.js",
            "/web/..%2fpyproject.toml",
            "/client/package.json",
            "/client/",
            "/page/another/pyproject.toml",
            "/page/another/clients/js/package.json",
        ):
            assert (await browser.get(path)).status_code == 404, path


def _named(base: str, text: str) -> set[str]:
    """The files an HTML page or a module names: links, scripts and imports."""
    found = re.findall(
        r"""(?:href|src)="(/[^"#]+)"|(?:from|import) "([^"]+\.js)"|src: "(/[^"]+)\"""", text
    )
    return {urljoin(base, next(filter(None, groups))) for groups in found}
