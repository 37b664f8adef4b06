# SPDX-License-Identifier: Apache-2.0
"""Holds a running gateway against its contract: schemathesis, httplint, and strict readers of its metrics.

It starts the demo (the gateway in front of simulated vendors) in a network namespace of its own, so that nothing leaves the
machine. Ends with status 0 where nothing was found.
"""
import argparse
import ctypes
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request

import deploy

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = ROOT / ".build/conform"


def prepare():
    """The Python of a folder of its own, with what requirements.txt pins; and promtool."""
    python = FOLDER / "bin/python"
    pinned = (HERE / "requirements.txt").read_text()
    stamp = FOLDER / "installed.txt"
    if not stamp.exists() or stamp.read_text() != pinned:
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
        stamp.write_text(pinned)
    return python, promtool()


def promtool():
    """The installed one, or Debian's, unpacked and not installed: its package would start a server."""
    unpacked = FOLDER / "prometheus/usr/bin/promtool"
    if found := shutil.which("promtool"):
        return pathlib.Path(found)
    if not unpacked.exists():
        # A folder that apt's own user can write to as well.
        folder = pathlib.Path("/tmp") / f"sluice-promtool-{os.getpid()}"
        folder.mkdir(mode=0o755)
        try:
            subprocess.run(["apt-get", "download", "-q", "prometheus"], cwd=folder, check=True)
            subprocess.run(["dpkg-deb", "-x", next(folder.glob("*.deb")), FOLDER / "prometheus"], check=True)
        finally:
            shutil.rmtree(folder)
    return unpacked


def leave_the_network():
    """From here on there is only loopback: made-up URLs and providers must lead nowhere."""
    CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
    libc = ctypes.CDLL(None)
    if libc.unshare(CLONE_NEWNET) != 0 and libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        sys.exit("This needs a network namespace: run it as root, or allow user namespaces.")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 1, 64
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", IFF_UP | IFF_RUNNING, b""))


def start(demo):
    """The demo's process, its address and its key."""
    environment = {**os.environ, "DEMO_CONFIG": str(HERE / "gateway.yaml"), "DEMO_PORT": "0"}
    log = open(FOLDER / "gateway.log", "w")
    process = subprocess.Popen([demo], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    found = {}
    for line in process.stdout:
        if match := re.match(r"\s*export (SLUICE|KEY)=(.+)", line):
            found[match[1]] = match[2].strip()
        if len(found) == 2:
            return process, found["SLUICE"], found["KEY"]
    sys.exit(f"The demo did not start; see {FOLDER}/gateway.log")


def fetch(url, key, accept):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}", "Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def schemathesis(address, key, arguments):
    """All checks in all phases over the document that the gateway serves."""
    command = [
        FOLDER / "bin/schemathesis", "--config-file", HERE / "schemathesis.toml",
        "run", f"{address}/openapi.json", "--url", address, "--header", f"Authorization: Bearer {key}",
        "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful",
        "--max-examples", str(arguments.examples), "--seed", str(arguments.seed), "--no-shrink",
        "--report", "junit", "--report-junit-path", str(FOLDER / "schemathesis.xml"),
    ]
    listed = json.loads(fetch(f"{address}/v1/downloads?provider=browserbase&status=completed", key, "application/json"))
    known, deleted = [download["id"] for download in listed["downloads"]][:2]
    environment = {**os.environ, "SLUICE_KEY": key, "SLUICE_DOWNLOAD": known, "SLUICE_DELETED": deleted}
    result = subprocess.run(command, env=environment, cwd=FOLDER, timeout=arguments.seconds)
    return result.returncode == 0


def httplint(address, key):
    """The recorded answers, each held against httplint."""
    import lint

    host, port = address.removeprefix("http://").split(":")
    notes = lint.lint((host, int(port)), key)
    for answer, level, summary in notes:
        print(f"  {answer}: {level}: {summary}")
    return not notes


def metrics(address, key, promtool):
    """The numbers of the run: strict OpenMetrics, and the older form through promtool."""
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    families = list(text_string_to_metric_families(fetch(f"{address}/metrics", key, "application/openmetrics-text")))
    print(f"  {len(families)} families, {sum(len(family.samples) for family in families)} samples")
    older = fetch(f"{address}/metrics", key, "text/plain")
    checks = [[promtool, "check", "metrics"], [promtool, "check", "rules", ROOT / "deploy/monitoring/alerts.yaml"]]
    return all([subprocess.run(command, input=older, text=True).returncode == 0 for command in checks])


def alive(process, address):
    """Whether it came through, and ends as it should when it is told to."""
    with urllib.request.urlopen(f"{address}/healthz", timeout=30) as answer:
        healthy = answer.status == 200
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=60) == 0 and healthy


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", default=ROOT / ".build/debug/sluice-demo", type=pathlib.Path)
    parser.add_argument("--examples", default=50, type=int, help="of each operation")
    parser.add_argument("--seed", default=1, type=int)
    parser.add_argument("--seconds", default=900, type=int, help="the most for schemathesis")
    arguments = parser.parse_args()
    python, tool = prepare()
    if pathlib.Path(sys.prefix) != FOLDER:
        os.execv(python, [python, *sys.argv])

    results = {"deploy": deploy.check()}
    leave_the_network()
    process, address, key = start(arguments.demo)
    begin = time.monotonic()
    try:
        # Before the others fill everything with made-up providers and keys.
        results["httplint"] = httplint(address, key)
        results["schemathesis"] = schemathesis(address, key, arguments)
        results["metrics"] = metrics(address, key, tool)
        results["alive"] = alive(process, address)
    finally:
        process.kill()
    for name, passed in results.items():
        print(f"{name}: {'passed' if passed else 'FAILED'}")
    print(f"{time.monotonic() - begin:.0f} seconds")
    failed = sum(not passed for passed in results.values())
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
