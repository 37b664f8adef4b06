# SPDX-License-Identifier: Apache-2.0
"""Brings one large file in: Sluice's `web` provider, by POST /v1/downloads until its end, against aria2 with as many connections."""

import hashlib
import json
import os
import shutil
import subprocess
import time
import urllib.request

import servers

CONNECTIONS = 4


def origin(directory, root):
    """The files of `root`, as fast as it goes and, below /slow, at 16 MiB/s for each connection."""
    port = servers.free_port()
    body = f"""
  server {{
    listen 127.0.0.1:{port}; access_log off; root {root};
    location /slow/ {{ limit_rate 16m; alias {root}/files/; }}
  }}"""
    return servers.nginx("fetch-origin", directory, port, body, workers=2)


def gateway(directory, binary):
    port = servers.free_port()
    path = os.path.join(directory, "fetch.yaml")
    with open(path, "w") as file:
        file.write(f"""
server: {{ host: 127.0.0.1, port: {port} }}
storage: {{ path: "{directory}/fetch" }}
egress: {{ allowAddresses: [127.0.0.0/8] }}
providers: [ {{ name: web, kind: web, connections: {CONNECTIONS} }} ]
""")
    return servers.Server("fetch", [binary, "serve", "--config", path], port, directory,
                          {"SLUICE_ADMIN_KEY": servers.KEY, "SLUICE_LOG_LEVEL": "error"})


class Fetch:
    """Rates of the gateway and of aria2, in bytes per second; each file is removed again."""

    def __init__(self, directory, root, binary):
        self.directory = directory
        self.file = os.path.join(root, "files", "big.bin")
        self.size = os.path.getsize(self.file)
        with open(self.file, "rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.origin = origin(directory, root)
        self.gateway = gateway(directory, binary)

    def call(self, method, path, body=None, accept="application/json"):
        headers = {"Authorization": f"Bearer {servers.KEY}", "Accept": accept, "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body else None
        return urllib.request.urlopen(urllib.request.Request(self.gateway.url + path, data, headers, method=method), timeout=300)

    def ours(self, path):
        began = time.monotonic()
        with self.call("POST", "/v1/downloads", {"url": self.origin.url + path}) as answer:
            link = "/v1/downloads/" + json.load(answer)["id"]
        # The stream of its progress ends when the download does.
        with self.call("GET", link, accept="text/event-stream") as events:
            events.read()
        seconds = time.monotonic() - began
        with self.call("GET", link) as answer:
            download = json.load(answer)
        if download["status"] != "completed" or download["checksum"] != self.digest:
            raise RuntimeError(f"sluice: {download}")
        self.call("DELETE", link).close()
        return self.size / seconds

    def aria2(self, path, checks):
        target = os.path.join(self.directory, "aria2")
        command = ["aria2c", "-q", f"-x{CONNECTIONS}", f"-s{CONNECTIONS}", "-k4M", "--file-allocation=none", "-d", target, "-o", "big.bin"]
        if checks:
            command.append(f"--checksum=sha-256={self.digest}")
        began = time.monotonic()
        subprocess.run([*command, self.origin.url + path], check=True, timeout=300)
        seconds = time.monotonic() - began
        if os.path.getsize(os.path.join(target, "big.bin")) != self.size:
            raise RuntimeError("aria2: not the whole file")
        shutil.rmtree(target)
        return self.size / seconds

    def compare(self, bench, unit):
        for what, path in (("a server as fast as it can", "/files/big.bin"), ("16 MiB/s a connection", "/slow/big.bin")):
            bench.compare(
                f"bring in {self.size >> 20} MiB, {CONNECTIONS} connections, {what}", "≥ 1.0 × aria2 that checks", unit,
                lambda: self.ours(path),
                {"aria2 that checks the SHA-256": lambda: self.aria2(path, True)},
                {"aria2 that does not": lambda: self.aria2(path, False)},
            )

    def stop(self):
        self.gateway.stop()
        self.origin.stop()
