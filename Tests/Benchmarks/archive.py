# SPDX-License-Identifier: Apache-2.0
"""Archives: a thousand files of 1 MiB, and one of 5 GiB, as a zip through Sluice; against rclone, which reads the same files from the
same server, and against `zip -0`, which has them on its own disk."""

import json
import os
import subprocess
import time

import servers

COUNT, SMALL, LARGE = 1000, 1 << 20, 5 << 30


def make_files(directory):
    """Folders as a file server has them, and its answers about them; the large file is a hole."""
    root = os.path.join(directory, "archive")
    for folder in ("thousand", "huge", "api"):
        os.makedirs(os.path.join(root, folder))
    first = os.path.join(root, "thousand", "f0000.bin")
    with open(first, "wb") as file:
        file.write(os.urandom(SMALL))
    for number in range(1, COUNT):
        os.link(first, os.path.join(root, "thousand", f"f{number:04}.bin"))
    with open(os.path.join(root, "huge", "huge.bin"), "wb") as file:
        file.truncate(LARGE)
    now = int(time.time())
    for folder in ("thousand", "huge"):
        names = sorted(os.listdir(os.path.join(root, folder)))
        size = SMALL if folder == "thousand" else LARGE
        entries = [{"name": name, "is_dir": False, "size": size, "modified": now} for name in names]
        with open(os.path.join(root, "api", folder + ".json"), "w") as file:
            json.dump({"path": folder, "entries": entries}, file)
    return root


def origin(directory, root):
    port = servers.free_port()
    body = f"""
  server {{
    listen 127.0.0.1:{port}; access_log off; root {root};
    location = /api/v1/files/thousand {{ default_type application/json; alias {root}/api/thousand.json; }}
    location = /api/v1/files/huge {{ default_type application/json; alias {root}/api/huge.json; }}
    location = /api/v1/downloads {{ default_type application/json; return 200 '{{"downloads":[]}}'; }}
    location = /thousand {{ default_type application/json; return 200 '{{"downloads":[]}}'; }}
    location = /huge {{ default_type application/json; return 200 '{{"downloads":[]}}'; }}
    location = / {{ default_type application/json; return 200 '{{"history":[]}}'; }}
    location / {{ autoindex on; }}
  }}"""
    return servers.nginx("archive-origin", directory, port, body, workers=2)


def timed(command, cwd, size):
    """Bytes per second of a command whose output, at least `size` bytes, is counted and thrown away."""
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    count, buffer = 0, memoryview(bytearray(1 << 20))
    while part := process.stdout.readinto(buffer):
        count += part
    if process.wait(300) != 0 or count < size:
        raise RuntimeError(f"{command[0]}: {process.returncode}, {count} bytes")
    return size / (time.monotonic() - began)


class Archives:
    """Rates of Sluice, rclone and zip, in bytes of files per second."""

    def __init__(self, directory, binary):
        self.directory, self.root = directory, make_files(directory)
        self.origin = origin(directory, self.root)
        os.makedirs(os.path.join(directory, "archives"))
        self.gateway = servers.sluice(os.path.join(directory, "archives"), self.origin, binary)

    def ours(self, folder, size):
        headers = ["-H", f"Authorization: Bearer {servers.KEY}", "-H", "Accept: application/zip"]
        return timed(["curl", "-sf", *headers, f"{self.gateway.url}/v1/downloads?provider=origin&sessionId={folder}"], self.root, size)

    def compare(self, bench, unit):
        for folder, what, size in (("thousand", f"{COUNT:,} × 1 MiB", COUNT * SMALL), ("huge", "one file of 5 GiB", LARGE)):
            # The first time the gateway measures the files' digests.
            self.ours(folder, size)
            before = self.gateway.memory("VmRSS")
            bench.compare(
                f"ZIP of {what}", "≥ 1.0 × rclone", unit,
                lambda: self.ours(folder, size),
                {"rclone cat": lambda: timed(["rclone", "cat", "--http-url", f"{self.origin.url}/{folder}/", ":http:"], self.root, size)},
                {"zip -0": lambda: timed(["zip", "-q", "-0", "-r", "-", folder], self.root, size)},
            )
            peak = self.gateway.memory("VmHWM")
            bench.row(f"resident memory, ZIP of {what} (peak so far)", f"{peak:.0f} MB ({before:.0f} before)", "–", "–", "flat")

    def stop(self):
        self.gateway.stop()
        self.origin.stop()
