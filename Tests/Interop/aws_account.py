"""An account of AWS IoT as its API shows it: pages that are short, and throttling in between."""

import http.server
import json
import threading
import urllib.parse

PAGE = 2
ACCOUNT = "111122223333"


def arn(resource):
    return f"arn:aws:iot:eu-west-1:{ACCOUNT}:{resource}"


class Account(http.server.ThreadingHTTPServer):
    """`calls` are the requests that were answered, `throttled` counts those that were not."""

    def __init__(self, answers, throttle=4):
        self.answers = answers
        self.throttle = throttle
        self.calls = []
        self.throttled = 0
        self.unsigned = 0
        self.turn = 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        account = self.server
        self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        path = urllib.parse.unquote(parts.path)
        with account.lock:
            account.turn += 1
            refused = account.turn % account.throttle == 0
            account.throttled += refused
            if not self.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
                account.unsigned += 1
            if not refused:
                account.calls.append((self.command, path, query))
        if refused:
            return self.answer(400, {"message": "Rate exceeded"}, "ThrottlingException")
        if path == "/tags":
            return self.answer(200, {"tags": []})
        found = account.answers.get((self.command, path))
        if found is None:
            return self.answer(404, {"message": f"no {path}"}, "ResourceNotFoundException")
        if isinstance(found, dict):
            return self.answer(200, found)
        # A listing: what its items are called, which dialect it has, and the items.
        name, dialect, items = found
        asked, told = {"token": ("nextToken", "nextToken"), "marker": ("marker", "nextMarker")}[
            dialect]
        start = int(query.get(asked, 0))
        body = {name: items[start:start + PAGE]}
        if start + PAGE < len(items):
            body[told] = str(start + PAGE)
        self.answer(200, body)

    do_POST = do_GET

    def answer(self, status, body, error=None):
        data = json.dumps(body).encode()
        self.send_response(status)
        if error:
            self.send_header("x-amzn-ErrorType", f"{error}:http://internal.amazon.com/")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
