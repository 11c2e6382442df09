# SPDX-License-Identifier: Apache-2.0
"""A web server that offers images as tests want them offered: whole, too late, halved, or as a lie.
It keeps account of what was asked for, and runs in the test's own process, so that a test can
change its mind."""

import hashlib
import http.server
import threading
import time


class Script:
    """How one path is answered. Subclasses say it in `answer`, which owns the connection."""

    def __init__(self, data=b""):
        self.data = data

    def answer(self, request):
        raise NotImplementedError


class Whole(Script):
    """The whole file, or the rest of it that is asked for, with an ETag; 304 to whoever has it."""

    def answer(self, request):
        etag = f'"{hashlib.sha256(self.data).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == etag:
            return request.begin(304, {"ETag": etag})
        start = 0
        if request.headers.get("If-Range") == etag:
            start = int(request.headers["Range"].removeprefix("bytes=").rstrip("-"))
        headers = {"Content-Length": len(self.data) - start, "ETag": etag}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"
        request.begin(206 if start else 200, headers)
        self.send(request, self.data[start:])

    def send(self, request, data):
        request.wfile.write(data)


class Slow(Whole):
    """The whole file, spread over so many seconds."""

    def __init__(self, data, seconds):
        super().__init__(data)
        self.seconds = seconds

    def send(self, request, data):
        pieces = max(1, int(self.seconds * 5))
        size = len(data) // pieces + 1
        for at in range(0, len(data), size):
            request.wfile.write(data[at:at + size])
            time.sleep(self.seconds / pieces)


class Half(Script):
    """Promises the whole file and closes half way, every time."""

    def answer(self, request):
        request.begin(200, {"Content-Length": len(self.data)})
        request.wfile.write(self.data[:len(self.data) // 2])


class Stall(Script):
    """Sends half of it, and then nothing more for a minute."""

    def answer(self, request):
        request.begin(200, {"Content-Length": len(self.data)})
        request.wfile.write(self.data[:len(self.data) // 2])
        request.server.closing.wait(60)


class Status(Script):
    def __init__(self, status, **headers):
        super().__init__()
        self.status = status
        self.headers = headers

    def answer(self, request):
        request.begin(self.status, {"Content-Length": 0, **self.headers})


class Lie(Script):
    """States a length that is not the body's."""

    def __init__(self, data, length):
        super().__init__(data)
        self.length = length

    def answer(self, request):
        request.begin(200, {"Content-Length": self.length})
        request.wfile.write(self.data)


class Request(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with self.server.lock:
            script = self.server.scripts.get(self.path)
        try:
            (script or Status(404)).answer(self)
        except OSError:
            pass  # whoever asked has heard enough

    def begin(self, status, headers):
        with self.server.lock:
            self.server.answers.append((self.path, status))
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.flush()

    def log_message(self, *_):
        pass


class ImageServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address):
        super().__init__((address, 0), Request)
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.scripts = {}  # by path
        self.answers = []  # (path, status), as they were given
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def offer(self, path, script):
        """Answers `path` by this script from now on, or with these bytes; returns the URL."""
        with self.lock:
            self.scripts[path] = Whole(script) if isinstance(script, bytes) else script
        return f"http://{self.server_address[0]}:{self.server_address[1]}{path}"

    def withdraw(self, path):
        with self.lock:
            del self.scripts[path]

    def statuses(self, path):
        """What each request for this path was answered."""
        with self.lock:
            return [status for asked, status in self.answers if asked == path]

    def close(self):
        self.closing.set()
        self.shutdown()
        self.server_close()
