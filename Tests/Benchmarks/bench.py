# SPDX-License-Identifier: Apache-2.0
"""Measures Sluice against plain proxies, interleaved (peer, ours, peer, ours, …), and writes RESULTS.md with the ratios of medians.

An absolute time says little on a shared machine; a ratio within one run does. Nothing here fails on a figure.
"""

import argparse
import datetime
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

import archive
import copying
import fetch
import servers

HERE = os.path.dirname(os.path.abspath(__file__))
BEARER = f"Authorization: Bearer {servers.KEY}"


def run(command):
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


def curl_rate(url, count, size):
    """Bytes per second of `count` whole bodies at once; refuses an answer that is not whole."""
    began = time.monotonic()
    form = "%{http_code} %{size_download}\\n"
    running = [
        subprocess.Popen(["curl", "-s", "-o", "/dev/null", "-w", form, "-H", BEARER, url], stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    for process in running:
        said = process.communicate(timeout=300)[0].split()
        if said != ["200", str(size)]:
            raise RuntimeError(f"{url} answered {said}")
    return count * size / (time.monotonic() - began)


def wrk(url, connections, seconds, accept="*/*"):
    """Requests per second and the median latency in microseconds; refuses a run with errors."""
    threads = "1" if connections < 16 else "2"
    text = run(["wrk", "-t", threads, "-c", str(connections), "-d", f"{seconds}s", "--latency", "-H", BEARER, "-H", f"Accept: {accept}", url])
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"{url}:\n{text}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    value, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)", text).groups()
    return rate, float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def stalled_readers(server, path, count):
    """Peak resident megabytes while `count` clients ask for a body and read nothing of it."""
    clients = []
    for _ in range(count):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n{BEARER}\r\n\r\n".encode())
        clients.append(client)
    time.sleep(10)
    peak = server.memory("VmRSS")
    for client in clients:
        client.close()
    return peak


class Bench:
    def __init__(self, options):
        self.options, self.rows, self.running = options, [], []

    def start(self, directory):
        options = self.options
        self.directory, self.root = directory, servers.make_files(directory, options.size)
        self.running.append(servers.origin(directory, self.root))
        origin = self.running[0]
        self.ours = servers.sluice(directory, origin, options.binary)
        self.running.append(self.ours)
        self.idle = self.ours.memory("VmHWM")
        listing = json.loads(servers.get(self.ours.url + "/v1/downloads?sessionId=files"))
        self.ids = {item["filename"]: item["id"] for item in listing["downloads"]}
        self.metadata = servers.get(f"{self.ours.url}/v1/downloads/{self.ids['small.bin']}")
        self.peers = {}
        for name, start in (
            ("nginx", lambda: servers.nginx_peer(directory, origin, self.metadata)),
            ("haproxy", lambda: servers.haproxy_peer(directory, origin)),
            ("caddy", lambda: servers.caddy_peer(directory, origin)),
        ):
            self.peers[name] = start()
            self.running.append(self.peers[name])

    def content(self, name):
        return f"{self.ours.url}/v1/downloads/{self.ids[name]}"

    def compare(self, what, goal, unit, ours, peers, others=None):
        """Measures ours and each peer in turn, `rounds` times; the best peer's median is what ours is held against, the
        `others` are only told."""
        told = {**peers, **(others or {})}
        seen = {name: [] for name in ["sluice", *told]}
        for _ in range(self.options.rounds):
            for name, measure in [*told.items(), ("sluice", ours)]:
                seen[name].append(measure())
        medians = {name: statistics.median(values) for name, values in seen.items()}
        best = max(peers, key=lambda name: medians[name])
        ratio = medians["sluice"] / medians[best]
        figures = ", ".join(f"{name} {unit(medians[name])}" for name in told)
        self.row(what, unit(medians["sluice"]), figures, f"{ratio:.2f} × {best}", goal)

    def row(self, *cells):
        self.rows.append(cells)
        print(" | ".join(cells), flush=True)

    def run(self):
        options, megabytes = self.options, lambda rate: f"{rate / 1e6:,.0f} MB/s"
        each = lambda rate: f"{rate:,.0f}/s"
        for count in (1, 8):
            self.compare(
                f"{count} × {options.size >> 20} MiB", "≥ 1.0 ×", megabytes,
                lambda: curl_rate(self.content("big.bin"), count, options.size),
                {name: lambda peer=peer: curl_rate(peer.url + "/files/big.bin", count, options.size) for name, peer in self.peers.items()},
            )
        for name, goal in (("medium.bin", "≥ 1.0 ×"), ("small.bin", "≥ 0.5 ×")):
            self.compare(
                f"{'1 MiB' if name == 'medium.bin' else '1 KiB'} × 16 connections, fetched through", goal, each,
                lambda: wrk(self.content(name), 16, options.seconds)[0],
                {"nginx": lambda: wrk(self.peers["nginx"].url + "/files/" + name, 16, options.seconds)[0]},
            )
        for connections in (1, 64):
            self.compare(
                f"metadata of a known download, {connections} connections", "≥ 0.8 ×", each,
                lambda: wrk(self.content("small.bin"), connections, options.seconds, "application/json")[0],
                {"nginx": lambda: wrk(self.peers["nginx"].url + "/metadata", connections, options.seconds)[0]},
            )
        many = self.ours.url + "/v1/downloads?sessionId=many&limit=20"
        known = json.loads(servers.get(many))["total"]
        listing = statistics.median(wrk(many, 16, options.seconds, "application/json")[0] for _ in range(options.rounds))
        self.row(f"list of 20 from {known:,} known downloads", each(listing), "–", "–", "≥ 3,000/s")
        self.latency()
        self.bring(megabytes)
        self.archives(megabytes)
        self.copies(megabytes)
        self.memory()

    def memory(self):
        """Each in a process of its own that did nothing before, since a peak never falls."""
        readers, path = self.options.readers, f"/v1/downloads/{self.ids['big.bin']}"
        self.row("resident memory, idle", f"{self.idle:.0f} MB", "–", "–", "≤ 32 MB")
        worked = self.ours.memory("VmHWM")
        self.anew()
        curl_rate(self.ours.url + path, 1, self.options.size)
        one = self.ours.memory("VmHWM")
        self.row(f"resident memory, one body of {self.options.size >> 20} MiB", f"{one:.0f} MB", "–", "–", "≤ 48 MB")
        self.anew()
        peak = stalled_readers(self.ours, path, readers)
        self.row(f"resident memory, {readers:,} readers that stopped", f"{peak:.0f} MB", "–", "–", "≤ 96 MB")
        self.row("resident memory after all of the above", f"{worked:.0f} MB", "–", "–", "–")

    def anew(self):
        """A new process of ours over the same store."""
        self.ours.stop()
        self.running.remove(self.ours)
        self.ours = servers.sluice(self.directory, self.running[0], self.options.binary)
        self.running.append(self.ours)

    def bring(self, unit):
        fetching = fetch.Fetch(self.directory, self.root, self.options.binary)
        try:
            fetching.compare(self, unit)
        finally:
            fetching.stop()

    def archives(self, unit):
        archives = archive.Archives(self.directory, self.options.binary)
        try:
            archives.compare(self, unit)
        finally:
            archives.stop()

    def copies(self, unit):
        copies = copying.Copying(self.directory, self.options.binary)
        try:
            copies.measure(self, unit)
        finally:
            copies.stop()

    def latency(self):
        origin = self.running[0].url + "/files/small.bin"
        urls = {"origin": origin, "nginx": self.peers["nginx"].url + "/files/small.bin", "sluice": self.content("small.bin")}
        seen = {name: [] for name in urls}
        for _ in range(self.options.rounds):
            for name, url in urls.items():
                seen[name].append(wrk(url, 1, self.options.seconds)[1])
        medians = {name: statistics.median(values) for name, values in seen.items()}
        added = {name: medians[name] - medians["origin"] for name in ("nginx", "sluice")}
        self.row("added latency, p50, one connection", f"+ {added['sluice']:.0f} µs", f"nginx + {added['nginx']:.0f} µs", "–", "≤ + 150 µs")

    def stop(self):
        for server in reversed(self.running):
            server.stop()


def report(rows, options):
    commit = run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"]).strip()
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    lines = [
        "# Benchmarks", "",
        f"`make bench` wrote this on {datetime.date.today()} at commit {commit}: {os.cpu_count()} cores ({model}), {options.rounds} rounds, interleaved, medians.",
        "Client, origin, peers and gateway share the cores. What counts is the ratio within this run.", "",
        "| what | Sluice | peers | ratio | goal |", "|---|---|---|---|---|",
        *("| " + " | ".join(row) + " |" for row in rows), "",
    ]
    notes = os.path.join(HERE, "NOTES.md")
    if os.path.exists(notes):
        with open(notes) as file:
            lines.append(file.read())
    with open(options.output, "w") as file:
        file.write("\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=os.path.join(HERE, "../../.build/release/sluice"))
    parser.add_argument("--output", default=os.path.join(HERE, "RESULTS.md"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="length of one run of wrk")
    parser.add_argument("--size", type=int, default=1 << 30, help="bytes of the large body")
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--only", choices=["archives", "copies", "fetch"], help="measure these alone, and write no results")
    options = parser.parse_args()
    options.binary = os.path.abspath(options.binary)
    # In memory where that is to be had: the disk is not what is measured.
    place = "/dev/shm" if shutil.disk_usage("/dev/shm").free > 2 * options.size else None
    with tempfile.TemporaryDirectory(prefix="sluice-bench-", dir=place) as directory:
        os.chmod(directory, 0o755)
        bench = Bench(options)
        try:
            megabytes = lambda rate: f"{rate / 1e6:,.0f} MB/s"
            if options.only:
                bench.directory, bench.root = directory, servers.make_files(directory, options.size)
                {"archives": bench.archives, "copies": bench.copies, "fetch": bench.bring}[options.only](megabytes)
            else:
                bench.start(directory)
                bench.run()
        finally:
            bench.stop()
    if not options.only:
        report(bench.rows, options)


if __name__ == "__main__":
    main()
