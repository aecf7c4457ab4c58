"""Chromium over its DevTools protocol: enough to open a file, press keys and ask what is there."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """A tab. Use as `async with Browser(folder) as tab`; folder: for its profile and downloads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0
        self.said: list[dict[str, Any]] = []

    async def __aenter__(self) -> Browser:
        assert CHROMIUM is not None
        profile = self.folder / "profile"
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-port=0",
            "--no-first-run",
        ]
        self.process = subprocess.Popen(
            [CHROMIUM, *options, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port_file = profile / "DevToolsActivePort"
        while not port_file.exists() or len(port_file.read_text().splitlines()) < 2:
            assert self.process.poll() is None, "chromium did not start"
            await asyncio.sleep(0.05)
        port = port_file.read_text().splitlines()[0]
        self.http = aiohttp.ClientSession()
        async with self.http.get(f"http://127.0.0.1:{port}/json") as found:
            (page,) = [one for one in await found.json() if one["type"] == "page"]
        self.socket = await self.http.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.folder))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await self.http.close()
        self.process.terminate()
        self.process.wait()

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.number += 1
        await self.socket.send_json({"id": self.number, "method": method, "params": params})
        while True:
            message = json.loads((await self.socket.receive(timeout=30)).data)
            if message.get("id") == self.number:
                assert "error" not in message, message
                return dict(message["result"])
            self.said.append(message)

    async def open(self, path: Path) -> None:
        self.said.clear()
        await self.call("Page.navigate", url=path.as_uri())
        while not any(one["method"] == "Page.loadEventFired" for one in self.said):
            await self.call("Runtime.evaluate", expression="1")

    async def ask(self, expression: str) -> Any:
        found = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key=key)

    @property
    def wrong(self) -> list[str]:
        """Errors on the console, what the policy forbade, and all that was asked of a network."""
        found = []
        for one in self.said:
            params = one.get("params", {})
            if one["method"] == "Runtime.exceptionThrown" or one["method"] == "Log.entryAdded":
                found.append(json.dumps(params))
            if one["method"] == "Network.requestWillBeSent" and not params["request"]["url"].startswith(
                ("file:", "blob:")
            ):
                found.append(params["request"]["url"])
        return found
