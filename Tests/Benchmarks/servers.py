# SPDX-License-Identifier: Apache-2.0
"""The servers of a benchmark: one origin, the peers in front of it, and Sluice in front of it; all on loopback."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request

KEY = "benchmark-admin-key-0123456789"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, seconds=60):
    """Returns the seconds until something accepts connections on the port."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return time.monotonic() - began
        except OSError:
            time.sleep(0.002)
    raise RuntimeError(f"nothing listens on port {port}")


class Server:
    """A process that was started here, and is ended here."""

    def __init__(self, name, command, port, directory, env=None):
        self.name, self.port = name, port
        self.log = open(os.path.join(directory, name + ".log"), "ab")
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=self.log, cwd=directory, env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        self.started_after = wait_for(port)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def pids(self):
        """The process and its children (nginx and haproxy have workers)."""
        found = [self.process.pid]
        for pid in found:
            try:
                with open(f"/proc/{pid}/task/{pid}/children") as children:
                    found += [int(child) for child in children.read().split()]
            except OSError:
                pass
        return found

    def memory(self, field="VmRSS"):
        """Resident megabytes of all its processes; `VmHWM` is the most there ever was."""
        total = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/status") as status:
                    total += sum(int(line.split()[1]) for line in status if line.startswith(field + ":"))
            except OSError:
                pass
        return total / 1024

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.log.close()


NGINX = """
worker_processes {workers}; daemon off; pid {directory}/{name}.pid; error_log {directory}/{name}.error;
events {{ worker_connections 8192; }}
http {{
  client_body_temp_path {directory}/{name}.tmp; proxy_temp_path {directory}/{name}.tmp1; fastcgi_temp_path {directory}/{name}.tmp2;
  uwsgi_temp_path {directory}/{name}.tmp3; scgi_temp_path {directory}/{name}.tmp4;
  sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 600; default_type application/octet-stream;
  {body}
}}
"""


def nginx(name, directory, port, body, workers=1):
    path = os.path.join(directory, name + ".conf")
    with open(path, "w") as file:
        file.write(NGINX.format(name=name, directory=directory, body=body, workers=workers))
    return Server(name, ["nginx", "-p", directory, "-c", path], port, directory)


def make_files(directory, big):
    """What the origin serves: three sizes in the folder `files`, and the answers of a file server's API about them; of the
    10,000 files in the folder `many` there are only the names."""
    root = os.path.join(directory, "origin")
    os.makedirs(os.path.join(root, "files"), exist_ok=True)
    os.makedirs(os.path.join(root, "api"), exist_ok=True)
    sizes = {"big.bin": big, "medium.bin": 1 << 20, "small.bin": 1 << 10}
    for name, size in sizes.items():
        with open(os.path.join(root, "files", name), "wb") as file:
            block = os.urandom(1 << 20)
            for _ in range(size // len(block)):
                file.write(block)
            file.write(block[: size % len(block)])
    now = int(time.time())
    entries = [{"name": name, "is_dir": False, "size": size, "modified": now} for name, size in sizes.items()]
    many = [{"name": f"{number:05}.bin", "is_dir": False, "size": number, "modified": now - number} for number in range(10_000)]
    answers = {"files.json": {"path": "files", "entries": entries}, "many.json": {"path": "many", "entries": many}}
    for name, size in sizes.items():
        answers[f"stat-{name}.json"] = {"path": f"files/{name}", "path_type": "File", "size": size, "mtime": now * 1000}
    for name, answer in answers.items():
        with open(os.path.join(root, "api", name), "w") as file:
            json.dump(answer, file)
    return root


def origin(directory, root):
    port = free_port()
    body = f"""
  server {{
    listen 127.0.0.1:{port}; access_log off; root {root};
    location = /api/v1/files/files {{ default_type application/json; alias {root}/api/files.json; }}
    location = /api/v1/files/many {{ default_type application/json; alias {root}/api/many.json; }}
    location ~ ^/api/v1/files/stat/files/(.+)$ {{ default_type application/json; alias {root}/api/stat-$1.json; }}
    location = /api/v1/downloads {{ default_type application/json; return 200 '{{"downloads":[]}}'; }}
    location = /files {{ default_type application/json; return 200 '{{"downloads":[]}}'; }}
    location = / {{ default_type application/json; return 200 '{{"history":[]}}'; }}
  }}"""
    return nginx("origin", directory, port, body)


def nginx_peer(directory, upstream, metadata):
    """nginx with the same duties: a key map, `limit_req`, an access log, kept connections to the origin, 64 k buffers."""
    port = free_port()
    with open(os.path.join(directory, "metadata.json"), "wb") as file:
        file.write(metadata)
    body = f"""
  map $http_authorization $caller {{ default ""; "Bearer {KEY}" "admin"; }}
  limit_req_zone $caller zone=limit:10m rate=100000r/s;
  upstream origin {{ server 127.0.0.1:{upstream.port}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port}; access_log {directory}/nginx.access; limit_req zone=limit burst=100000 nodelay;
    if ($caller = "") {{ return 401; }}
    location /files/ {{ proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Authorization "";
      proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k; proxy_max_temp_file_size 0; }}
    location = /metadata {{ default_type application/json; alias {directory}/metadata.json; }}
  }}"""
    return nginx("nginx", directory, port, body, workers=2)


def haproxy_peer(directory, upstream):
    port = free_port()
    path = os.path.join(directory, "haproxy.cfg")
    with open(path, "w") as file:
        file.write(f"""
global
  maxconn 8192
  tune.bufsize 65536
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:{port}
  http-request deny unless {{ hdr(authorization) -m str "Bearer {KEY}" }}
  default_backend origin
backend origin
  http-reuse always
  server origin 127.0.0.1:{upstream.port}
""")
    return Server("haproxy", ["haproxy", "-f", path], port, directory)


def caddy_peer(directory, upstream):
    port = free_port()
    path = os.path.join(directory, "Caddyfile")
    with open(path, "w") as file:
        file.write(f"""{{
  admin off
  auto_https off
}}
http://127.0.0.1:{port} {{
  @known header Authorization "Bearer {KEY}"
  handle @known {{
    reverse_proxy 127.0.0.1:{upstream.port}
  }}
  respond 401
}}
""")
    return Server("caddy", ["caddy", "run", "--adapter", "caddyfile", "--config", path], port, directory,
                  {"HOME": directory, "XDG_DATA_HOME": directory})


def forget(path):
    """Has the system read a file from the disk again.

    Of a program that was just written it maps larger pieces at once: 1.5 MB more are resident then than after a boot.
    """
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def sluice(directory, upstream, binary):
    forget(binary)
    port = free_port()
    path = os.path.join(directory, "sluice.yaml")
    with open(path, "w") as file:
        file.write(f"""
server: {{ host: 127.0.0.1, port: {port} }}
storage: {{ path: "{directory}/var" }}
providers:
  - {{ name: origin, kind: hoody, baseURL: "{upstream.url}", credentials: [ {{ token: benchmark }} ] }}
limits: {{ default: {{ requests: null, concurrent: 100000 }} }}
cache: {{ freshFor: 1h }}
""")
    return Server("sluice", [binary, "serve", "--config", path], port, directory,
                  {"SLUICE_ADMIN_KEY": KEY, "SLUICE_LOG_LEVEL": "error"})


def get(url, accept="application/json"):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {KEY}", "Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()
