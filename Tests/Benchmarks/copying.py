# SPDX-License-Identifier: Apache-2.0
"""A copy of a 300 MB file from a file server into Vagon, in two parts, the second of which breaks off once."""

import hashlib
import http.server
import json
import os
import socket
import struct
import threading
import time
import urllib.request

import servers

SIZE = 300_000_000
CHUNK = 250_000_000


class Vagon(http.server.BaseHTTPRequestHandler):
    """What of the vendor's API a copy asks; parts are hashed and thrown away."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, fields, headers=()):
        body = json.dumps({"client_code": 200, "message": "OK", **fields}).encode()
        self.send_response(200)
        for name, value in [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self):
        files = self.server.state["files"]
        self.answer({"files": files, "machines": [], "count": len(files), "page": 1, "next_page": None})

    def do_POST(self):
        state, wanted = self.server.state, self.body()
        if self.path.endswith("/complete"):
            state["sha256"] = [state["parts"][number] for number in sorted(state["parts"])]
            state["files"].append({"id": 1, "name": state["name"], "object_type": "file", "size": SIZE})
            return self.answer({"uid": "u", "download_url": "http://127.0.0.1/"})
        state["name"], count = wanted["file_name"], -(-wanted["size"] // CHUNK)
        links = [f"http://{self.headers['Host']}/part/{number}" for number in range(count)]
        self.answer({"id": 1, "uid": "u", "upload_urls": links, "chunk_size": wanted["chunk_size"]})

    def do_PUT(self):
        state, number = self.server.state, int(self.path.rsplit("/", 1)[1])
        left, digest, buffer = int(self.headers["Content-Length"]), hashlib.sha256(), memoryview(bytearray(1 << 20))
        fails = number == 1 and not state["failed"]
        until = left // 2 if fails else 0
        while left > until:
            count = self.rfile.readinto(buffer[:min(len(buffer), left - until)])
            if not count:
                return
            digest.update(buffer[:count])
            left -= count
        if fails:
            state["failed"] = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return self.connection.close()
        state["parts"][number] = digest.hexdigest()
        self.answer({}, [("ETag", f'"{digest.hexdigest()[:32]}"')])


class Copying:
    """Bytes per second of a copy, and the memory that it takes."""

    def __init__(self, directory, binary):
        self.root = os.path.join(directory, "copying")
        for folder in ("api", "large"):
            os.makedirs(os.path.join(self.root, folder))
        with open(os.path.join(self.root, "large", "large.bin"), "wb") as file:
            for _ in range(SIZE // 1_000_000):
                file.write(os.urandom(1_000_000))
        stat = {"name": "large.bin", "path": "large/large.bin", "path_type": "File", "size": SIZE, "mtime": int(time.time() * 1000)}
        entry = {"name": "large.bin", "is_dir": False, "size": SIZE, "modified": int(time.time())}
        for name, answer in (("stat", stat), ("large", {"path": "large", "entries": [entry]})):
            with open(os.path.join(self.root, "api", name + ".json"), "w") as file:
                json.dump(answer, file)
        port = servers.free_port()
        self.origin = servers.nginx("copy-origin", directory, port, f"""
  server {{
    listen 127.0.0.1:{port}; access_log off; root {self.root};
    location = /api/v1/files/large {{ default_type application/json; alias {self.root}/api/large.json; }}
    location = /large {{ default_type application/json; return 200 '{{"downloads":[]}}'; }}
    location = /api/v1/files/stat/large/large.bin {{ default_type application/json; alias {self.root}/api/stat.json; }}
    location = /api/v1/downloads {{ default_type application/json; return 200 '{{"downloads":[]}}'; }}
    location = / {{ default_type application/json; return 200 '{{"history":[]}}'; }}
  }}""", workers=2)
        self.vagon = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vagon)
        threading.Thread(target=self.vagon.serve_forever, daemon=True).start()
        folder, port = os.path.join(directory, "copies"), servers.free_port()
        os.makedirs(folder)
        with open(os.path.join(folder, "sluice.yaml"), "w") as file:
            file.write(f"""
server: {{ host: 127.0.0.1, port: {port} }}
storage: {{ path: "{folder}/var" }}
providers:
  - {{ name: origin, kind: hoody, baseURL: "{self.origin.url}", credentials: [ {{ token: benchmark }} ] }}
  - {{ name: vagon, kind: vagon, baseURL: "http://127.0.0.1:{self.vagon.server_port}", credentials: [ {{ apiKey: a, secret: b }} ] }}
limits: {{ default: {{ requests: null, concurrent: 100000 }} }}
""")
        self.gateway = servers.Server("sluice", [binary, "serve", "--config", os.path.join(folder, "sluice.yaml")], port, folder,
                                      {"SLUICE_ADMIN_KEY": servers.KEY, "SLUICE_LOG_LEVEL": "error"})

    def digests(self):
        """Of the halves of the file: the vendor's parts are even."""
        with open(os.path.join(self.root, "large", "large.bin"), "rb") as file:
            return [hashlib.sha256(file.read(SIZE // 2)).hexdigest() for _ in range(2)]

    def copy(self):
        self.vagon.state = {"parts": {}, "files": [], "failed": False}
        listed = json.loads(servers.get(f"{self.gateway.url}/v1/downloads?provider=origin&sessionId=large"))
        body = json.dumps({"from": listed["downloads"][0]["id"], "provider": "vagon", "filename": f"{time.monotonic_ns()}.bin"})
        request = urllib.request.Request(f"{self.gateway.url}/v1/downloads", body.encode(), {
            "Authorization": f"Bearer {servers.KEY}", "Content-Type": "application/json"})
        began = time.monotonic()
        with urllib.request.urlopen(request, timeout=30) as answer:
            made = json.load(answer)["id"]
        while True:
            now = json.loads(servers.get(f"{self.gateway.url}/v1/downloads?provider=vagon&status=queued,downloading,failed,completed"))
            state = next(item for item in now["downloads"] if item["id"] == made)
            if state["status"] in ("completed", "failed"):
                break
            time.sleep(0.02)
        seconds = time.monotonic() - began
        if state["status"] != "completed" or self.vagon.state.get("sha256") != self.digests():
            raise RuntimeError(f"the copy is not the file: {state}")
        return SIZE / seconds

    def measure(self, bench, unit):
        before = self.gateway.memory("VmRSS")
        rates = sorted(self.copy() for _ in range(bench.options.rounds))
        peak = self.gateway.memory("VmHWM")
        what = "copy of 300 MB into Vagon, the second of two parts broken off half way once"
        bench.row(what, unit(rates[len(rates) // 2]), "–", "–", "completes")
        bench.row("resident memory, the copy (peak)", f"{peak:.0f} MB ({before:.0f} before)", "–", "–", "flat")

    def stop(self):
        self.gateway.stop()
        self.origin.stop()
        self.vagon.shutdown()
