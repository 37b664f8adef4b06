# SPDX-License-Identifier: Apache-2.0
"""Records an answer of each form that the gateway has, and holds it against httplint."""
import json
import socket

from httplint import HttpResponseLinter
from httplint.note import levels

# What httplint warns of, and why it stays.
ACCEPTED = {
    "FRESHNESS_NO_CACHE_NO_VALIDATOR": "lists and metadata are asked for anew each time; they have no version of their own",
    "LOCATION_UNDEFINED": "202 with Location is how a job is answered, whether or not RFC 9110 gives it a meaning",
    "STATUS_BAD_REQUEST": "400 is what was asked for",
}


def exchange(address, method, target, headers=(), body=b""):
    """One request on a connection of its own: the topline, the fields and the bytes, as they came."""
    with socket.create_connection(address, timeout=30) as connection:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {address[0]}:{address[1]}", "Connection: close", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        received = b""
        while chunk := connection.recv(1 << 16):
            received += chunk
    head, _, rest = received.partition(b"\r\n\r\n")
    topline, *fields = head.split(b"\r\n")
    version, status, phrase = topline.split(b" ", 2)
    pairs = [tuple(part.strip() for part in field.split(b":", 1)) for field in fields]
    if any(name.lower() == b"transfer-encoding" for name, _ in pairs):
        rest = unchunked(rest)
    return (version, status, phrase), pairs, rest


def unchunked(data):
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            break
        whole, data = whole + data[:length], data[length + 2:]
    return whole


def requests(known, key):
    """What is asked, by a name: all forms of answers, and the refusals of each kind."""
    auth, one = f"Authorization: Bearer {key}", f"/v1/downloads/{known['id']}"
    etag = known["etag"]
    json_body = "Content-Type: application/json"
    return {
        "a list": ("GET", "/v1/downloads?limit=3", [auth]),
        "a list of lines": ("GET", "/v1/downloads", [auth, "Accept: application/x-ndjson"]),
        "a list as CSV": ("GET", "/v1/downloads", [auth, "Accept: text/csv"]),
        "an archive": ("GET", "/v1/downloads?provider=browserbase", [auth, "Accept: application/zip"]),
        "metadata": ("GET", one, [auth, "Accept: application/json"]),
        "bytes": ("GET", one, [auth]),
        "the head of bytes": ("HEAD", one, [auth]),
        "a part": ("GET", one, [auth, "Range: bytes=1-3"]),
        "several parts": ("GET", one, [auth, "Range: bytes=0-1,4-5"]),
        "no part": ("GET", one, [auth, "Range: bytes=99999999999-"]),
        "not modified": ("GET", one, [auth, f"If-None-Match: {etag}"]),
        "another file": ("GET", one, [auth, 'If-Match: "no"']),
        "providers": ("GET", "/v1/providers", [auth]),
        "logs": ("GET", "/v1/logs?limit=2", [auth]),
        "usage": ("GET", "/v1/usage", [auth]),
        "keys": ("GET", "/v1/keys", [auth]),
        "a new key": ("POST", "/v1/keys", [auth, json_body], b'{"name": "lint", "scopes": ["downloads:read"]}'),
        "a new download": ("POST", "/v1/downloads", [auth, json_body], b'{"url": "http://localhost:9/x"}'),
        "health": ("GET", "/healthz", []),
        "readiness": ("GET", "/readyz", []),
        "metrics": ("GET", "/metrics", [auth]),
        "metrics in the older form": ("GET", "/metrics", [auth, "Accept: text/plain"]),
        "the contract": ("GET", "/openapi.yaml", [auth]),
        "the contract as JSON": ("GET", "/openapi.json", [auth]),
        "nobody": ("GET", "/v1/downloads", []),
        "nothing": ("GET", "/v1/nothing", [auth]),
        "a wrong method": ("PUT", "/v1/downloads", [auth]),
        "a wrong form": ("GET", "/v1/downloads", [auth, "Accept: image/png"]),
        "a wrong body": ("POST", "/v1/keys", [auth, json_body], b"{"),
        "a wrong parameter": ("GET", "/v1/downloads?limit=0", [auth]),
        "no HTTP": ("GET", "/ healthz", []),
    }


def known(address, key):
    """A file to ask for."""
    auth = f"Authorization: Bearer {key}"
    _, _, body = exchange(address, "GET", "/v1/downloads?provider=browserbase&limit=1&status=completed", [auth])
    id = json.loads(body)["downloads"][0]["id"]
    _, fields, _ = exchange(address, "HEAD", f"/v1/downloads/{id}", [auth])
    return {"id": id, "etag": dict(fields)[b"ETag"].decode()}


def lint(address, key):
    """The notes on all answers that are not accepted, as (answer, level, summary)."""
    found = []
    for name, (method, target, headers, *body) in requests(known(address, key), key).items():
        top, fields, content = exchange(address, method, target, headers, *body)
        linter = HttpResponseLinter(no_content=method == "HEAD")
        linter.process_response_topline(*top)
        linter.process_headers(fields)
        if method != "HEAD":
            linter.feed_content(content)
        linter.finish_content(True)
        for note in linter.notes:
            if note.level in (levels.BAD, levels.WARN) and type(note).__name__ not in ACCEPTED:
                found.append((f"{name} ({top[1].decode()})", note.level.value, f"{type(note).__name__}: {note.summary}"))
    return found
