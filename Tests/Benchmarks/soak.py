# SPDX-License-Identifier: Apache-2.0
"""Mixed load with faults for some minutes, and whether memory and descriptors stay flat; prints a table for RESULTS.md.

The upstream, a file server on loopback, refuses, stalls, breaks off and lies at random; callers read whole, in parts, slowly, not to the
end, all at once as an archive, have URLs brought in, listen to events, and write nonsense. Nothing here fails on a time.
"""

import argparse
import collections
import http.client
import http.server
import json
import os
import random
import socket
import tempfile
import threading
import time

import servers

HERE = os.path.dirname(os.path.abspath(__file__))
BLOCK = random.Random(1).randbytes(1 << 16)
SIZES = {f"file-{number:02}.bin": size for number, size in enumerate([0, 1, 4096, 65_537, 1 << 20, 3_000_001, 16 << 20, 64 << 20])}
AUTH = {"Authorization": f"Bearer {servers.KEY}"}


def content(first, last):
    """The bytes of every file from `first` to `last`, in pieces."""
    while first <= last:
        offset = first % len(BLOCK)
        piece = BLOCK[offset:offset + last - first + 1]
        yield piece
        first += len(piece)


class Upstream(http.server.BaseHTTPRequestHandler):
    """A file server as Hoody's, and a plain one for URLs, that fails every tenth time."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", type="application/json", headers=()):
        self.send_response(status)
        self.send_header("Content-Type", type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        fault = random.choices([None, "refuse", "stall", "lie", "drop"], [90, 3, 3, 2, 2])[0]
        try:
            if fault == "refuse":
                return self.reply(random.choice([429, 500, 502, 503]), b"{}", headers=[("Retry-After", "1")])
            if fault == "stall":
                time.sleep(random.uniform(0.2, 1.5))
            if fault == "drop":
                self.close_connection = True
                return None
            self.answer(fault)
        except OSError:
            self.close_connection = True

    def answer(self, fault):
        path = self.path.split("?")[0]
        name = path.rsplit("/", 1)[-1]
        if path == "/api/v1/files/files":
            entries = [{"name": n, "is_dir": False, "size": s, "modified": 1_760_000_000} for n, s in SIZES.items()]
            body = json.dumps({"path": "files", "entries": entries}).encode()
            return self.reply(200, body[: len(body) // 2] if fault == "lie" else body)
        if path.startswith("/api/v1/files/stat/files/") and name in SIZES:
            stat = {"path": f"files/{name}", "path_type": "File", "size": SIZES[name], "mtime": 1_760_000_000_000}
            return self.reply(200, json.dumps(stat).encode())
        if name in SIZES and path in (f"/files/{name}", f"/web/{name}", f"/api/v1/files/files/{name}"):
            return self.send_file(name, fault)
        if path == "/api/v1/downloads" or path == "/files":
            return self.reply(200, b'{"downloads":[]}')
        return self.reply(200, b'{"history":[]}') if path == "/" else self.reply(404, b"{}")

    def send_file(self, name, fault):
        size, first, last = SIZES[name], 0, SIZES[name] - 1
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and size:
            begin, _, end = wanted[6:].partition("-")
            first, last = (int(begin), min(int(end or last), last)) if begin else (max(0, size - int(end)), last)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("ETag", f'"{name}"')
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        breaks_at = random.randint(0, last - first + 1) if fault == "lie" else None
        sent = 0
        for piece in content(first, last):
            if breaks_at is not None and sent + len(piece) > breaks_at:
                self.close_connection = True
                return
            self.wfile.write(piece)
            sent += len(piece)


class UpstreamServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        """The gateway lets go of what it does not need any more; that is no news."""


class Callers:
    """What callers do, each in its own way; counted by way and answer."""

    def __init__(self, port, origin_port):
        self.port, self.origin_port = port, origin_port
        self.counts = collections.Counter()
        self.wrong = collections.Counter()
        self.ids = []
        self.stop = threading.Event()

    def ask(self, method, target, headers=None, body=None, read=True):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, body, {**AUTH, **(headers or {})})
            answer = connection.getresponse()
            data = answer.read() if read else b""
            if answer.status == 500:
                self.wrong[f"{method} {target.split('?')[0]} 500"] += 1
            return answer.status, data
        finally:
            connection.close()

    def one(self):
        return random.choice(self.ids) if self.ids else ("dl_none", "none")

    def lists(self):
        form = random.choice(["application/json", "application/x-ndjson", "text/csv"])
        status, data = self.ask("GET", random.choice(["/v1/downloads?sessionId=files", "/v1/downloads", "/v1/downloads?q=file&limit=3"]), {"Accept": form})
        if status == 200 and form == "application/json":
            found = [(d["id"], d["filename"]) for d in json.loads(data)["downloads"] if d["filename"] in SIZES]
            self.ids = found or self.ids
        return status

    def metadata(self):
        return self.ask("GET", f"/v1/downloads/{self.one()[0]}", {"Accept": "application/json"})[0]

    def whole(self):
        id, name = self.one()
        status, data = self.ask("GET", f"/v1/downloads/{id}")
        if status == 200 and name in SIZES and data != b"".join(content(0, SIZES[name] - 1)):
            self.wrong["a whole body with wrong bytes"] += 1
        return status

    def part(self):
        id, name = self.one()
        status, data = self.ask("GET", f"/v1/downloads/{id}", {"Range": "bytes=100-199"})
        if status == 206 and data != b"".join(content(100, min(199, SIZES.get(name, 200) - 1))):
            self.wrong["a part with wrong bytes"] += 1
        return status

    def leaves(self):
        """Takes some of a body and goes."""
        return self.raw(f"/v1/downloads/{self.one()[0]}", random.randint(0, 1 << 18))

    def slow(self):
        return self.raw(f"/v1/downloads/{self.one()[0]}", 1 << 20, pause=0.02)

    def events(self):
        return self.raw("/v1/downloads?sessionId=files", 1 << 16, fields="Accept: text/event-stream\r\n", patience=2)

    def raw(self, target, count, pause=0.0, fields="", patience=20):
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience) as connection:
            head = f"GET {target} HTTP/1.1\r\nHost: x\r\n{fields}Authorization: {AUTH['Authorization']}\r\n\r\n"
            connection.sendall(head.encode())
            status, left = None, count
            try:
                while left > 0 and (data := connection.recv(min(left, 1 << 16))):
                    status = status or int(data.split(b" ", 2)[1])
                    left -= len(data)
                    time.sleep(pause)
            except TimeoutError:
                pass
            return status or 0

    def archive(self):
        return self.ask("GET", "/v1/downloads?sessionId=files&maxSize=4000000&onError=report", {"Accept": "application/zip"})[0]

    def brings(self):
        url = f"http://127.0.0.1:{self.origin_port}/web/{random.choice(list(SIZES)[:6])}"
        status, data = self.ask("POST", "/v1/downloads", {"Content-Type": "application/json"}, json.dumps({"url": url, "timeout": 30}))
        if status == 202 and random.random() < 0.9:
            id = json.loads(data)["id"]
            self.ask("GET", f"/v1/downloads/{id}", {"Accept": "application/json", "Prefer": "wait=5"})
            self.ask("DELETE", f"/v1/downloads/{id}")
        return status

    def nonsense(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(random.choice([b"GET / HTTP/1.1\r\nA B: c\r\n\r\n", b"\x16\x03\x01\x02", b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"]))
            connection.settimeout(1)
            try:
                return int(connection.recv(1 << 12).split(b" ", 2)[1])
            except (TimeoutError, IndexError, ValueError):
                return 0

    def keys(self):
        status, data = self.ask("POST", "/v1/keys", {"Content-Type": "application/json"}, '{"name": "soak", "scopes": ["downloads:read"]}')
        if status == 201:
            self.ask("DELETE", f"/v1/keys/{json.loads(data)['id']}")
        return status

    def refused(self):
        return self.ask("GET", random.choice(["/v1/downloads?limit=0", "/v1/nothing", "/v1/downloads/dl_x"]), {"Authorization": random.choice(["Bearer x", AUTH["Authorization"]])})[0]

    def logs(self):
        return self.ask("GET", random.choice(["/v1/logs?limit=20&status=5xx", "/v1/usage?groupBy=provider", "/metrics", "/readyz"]))[0]

    def run(self):
        ways = [self.lists, self.metadata, self.whole, self.part, self.leaves, self.slow, self.events, self.archive, self.brings,
                self.nonsense, self.keys, self.refused, self.logs]
        weights = [20, 30, 10, 15, 6, 2, 2, 2, 5, 3, 2, 5, 4]
        while not self.stop.is_set():
            way = random.choices(ways, weights)[0]
            try:
                self.counts[(way.__name__, way())] += 1
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.counts[(way.__name__, type(error).__name__)] += 1


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def gauge(port, name):
    text = servers.get(f"http://127.0.0.1:{port}/metrics", "application/openmetrics-text").decode()
    return next(int(float(line.split()[-1])) for line in text.splitlines() if line.startswith(name + " "))


def start(directory, binary, origin_port):
    port = servers.free_port()
    with open(os.path.join(directory, "sluice.yaml"), "w") as file:
        file.write(f"""
server: {{ host: 127.0.0.1, port: {port}, stallTimeout: 5s, headerTimeout: 5s }}
storage: {{ path: "{directory}/var" }}
providers:
  - {{ name: origin, kind: hoody, baseURL: "http://127.0.0.1:{origin_port}", credentials: [ {{ token: soak }} ] }}
  - {{ name: web, kind: web, bytesTotal: 1GB }}
egress: {{ allowAddresses: [127.0.0.0/8] }}
limits: {{ default: {{ requests: null, concurrent: null }} }}
cache: {{ freshFor: 1s }}
upstream: {{ firstByteTimeout: 5s, idleTimeout: 5s }}
jobs: {{ history: 60s }}
""")
    return servers.Server("sluice", [binary, "serve", "--config", os.path.join(directory, "sluice.yaml")], port, directory,
                          {"SLUICE_ADMIN_KEY": servers.KEY, "SLUICE_LOG_LEVEL": "critical"})


def soak(binary, minutes, callers):
    """Samples as (second, megabytes, descriptors, requests so far), the counts, what was wrong, and descriptors at the end."""
    origin = UpstreamServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        server = start(directory, binary, origin.server_address[1])
        load = Callers(server.port, origin.server_address[1])
        idle = descriptors(server.process.pid)
        threads = [threading.Thread(target=load.run, daemon=True) for _ in range(callers)]
        for thread in threads:
            thread.start()
        samples, began = [], time.monotonic()
        while time.monotonic() - began < minutes * 60 and server.process.poll() is None:
            time.sleep(min(5, minutes * 60 / 4))
            if server.process.poll() is None:
                samples.append((time.monotonic() - began, server.memory(), descriptors(server.process.pid), sum(load.counts.values())))
        load.stop.set()
        for thread in threads:
            thread.join(90)
        if server.process.poll() is not None:
            load.wrong[f"the gateway ended with {server.process.returncode}"] += 1
            return samples, load, idle, 0
        # What was cut off needs its time-outs to be over.
        until = time.monotonic() + 30
        while time.monotonic() < until and (descriptors(server.process.pid) > idle + 8 or gauge(server.port, "sluice_requests_in_flight") > 1):
            time.sleep(1)
        left = descriptors(server.process.pid)
        if (flying := gauge(server.port, "sluice_requests_in_flight")) > 1:
            load.wrong[f"{flying} requests in flight for ever"] += 1
        server.stop()
        return samples, load, idle, left


def median(values):
    return sorted(values)[len(values) // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=os.path.join(HERE, "../../.build/release/sluice"))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--callers", type=int, default=16)
    arguments = parser.parse_args()
    samples, load, idle, left = soak(os.path.abspath(arguments.binary), arguments.minutes, arguments.callers)
    print(f"\n{arguments.minutes:g} minutes, {arguments.callers} callers, {sum(load.counts.values()):,} requests; every tenth answer of the upstream a fault.\n")
    print("| minutes | resident memory, MB | descriptors | requests |\n|---|---|---|---|")
    step = max(1, len(samples) // 10)
    for second, memory, open_files, requests in samples[step - 1::step]:
        print(f"| {second / 60:.1f} | {memory:.0f} | {open_files} | {requests:,} |")
    quarter = max(1, len(samples) // 4)
    print(f"\nMedian memory of the second quarter {median([s[1] for s in samples[quarter:2 * quarter]] or [0]):.0f} MB, of the last "
          f"{median([s[1] for s in samples[-quarter:]] or [0]):.0f} MB. Descriptors before {idle}, after {left}.\n")
    for (way, status), count in sorted(load.counts.items(), key=str):
        print(f"{way}: {status}: {count}")
    for what, count in load.wrong.items():
        print(f"WRONG: {what}: {count}")
    raise SystemExit(1 if load.wrong else 0)


if __name__ == "__main__":
    main()
