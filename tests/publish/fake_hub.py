"""A hub on this machine: as much of its API as a push of small files needs. Nothing else of a push is pretended."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

COMMIT = "c" * 40


@dataclass
class Hub:
    """repos: private or not, and files, by id. status: what every call is answered with instead, if not None. forced: new
    repositories are public, as some owners' settings have it. seen: method, path and token of each call."""

    repos: dict[str, tuple[bool, dict[str, bytes]]] = field(default_factory=dict)
    status: int | None = None
    forced: bool = False
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def __enter__(self) -> Hub:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(hub.get)

            def do_POST(self) -> None:
                self._answer(hub.post)

            def log_message(self, *_: Any) -> None:
                pass

            def _answer(self, answer: Any) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                hub.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
                path = self.path.partition("?")[0]
                status, said = (hub.status, {}) if hub.status else answer(path, body)
                content = json.dumps(said).encode()
                self.send_response(status)
                if status == 404:
                    self.send_header("X-Error-Code", "RepoNotFound")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def get(self, path: str, _: bytes) -> tuple[int, Any]:
        repo = "/".join(path.split("/")[3:5])
        if repo not in self.repos:
            return 404, {"error": "Repository not found"}
        private, files = self.repos[repo]
        if "/tree/" in path:
            return 200, [{"type": "file", "path": name, "size": 1, "oid": "0" * 40} for name in files]
        siblings = [{"rfilename": name} for name in files]
        return 200, {"id": repo, "modelId": repo, "sha": COMMIT, "private": private, "siblings": siblings}

    def post(self, path: str, body: bytes) -> tuple[int, Any]:
        if path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            private = asked.get("private") or asked.get("visibility") == "private"
            self.repos[repo] = (bool(private) and not self.forced, {})
            return 200, {"url": f"{self.address}/{repo}", "id": repo}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        repo = "/".join(path.split("/")[3:5])
        if "/preupload/" in path:
            files = json.loads(body)["files"]
            modes = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]
            return 200, {"files": modes}
        files = self.repos[repo][1]
        for line in body.splitlines():
            said = json.loads(line)
            value = said["value"]
            if said["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif said["key"] == "deletedFile":
                files.pop(value["path"])
        return 200, {
            "commitUrl": f"{self.address}/{repo}/commit/{COMMIT}",
            "commitOid": COMMIT,
            "success": True,
        }
