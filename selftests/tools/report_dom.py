# SPDX-License-Identifier: MIT
"""A page as headless Chromium sees it: a tree of elements, and who was asked for what."""
import http.server
import os
import shutil
import subprocess
import threading
from html.parser import HTMLParser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
VOID = {"meta", "link", "input", "br", "img", "base", "hr"}


class Element:
    def __init__(self, tag, attrs, parent):
        self.tag, self.attrs, self.parent, self.children = tag, dict(attrs), parent, []

    def all(self, tag=None, **attrs):
        """Every element below with these attributes: cls is class, data_v is data-v."""
        found = []
        want = {{"cls": "class"}.get(k, k.replace("_", "-")): v for k, v in attrs.items()}
        for c in self.children:
            if isinstance(c, Element):
                if (tag is None or c.tag == tag) and all(c.attrs.get(k) == v for k, v in want.items()):
                    found.append(c)
                found += c.all(tag, **attrs)
        return found

    def one(self, tag=None, **attrs):
        found = self.all(tag, **attrs)
        return found[0] if len(found) == 1 else Element("missing", {}, None)

    @property
    def text(self):
        return "".join(c if isinstance(c, str) else c.text for c in self.children)


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.root = self.at = Element("root", {}, None)
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        e = Element(tag, attrs, self.at)
        self.at.children.append(e)
        if tag not in VOID:
            self.at = e

    def handle_endtag(self, tag):
        e = self.at
        while e.parent and e.tag != tag:
            e = e.parent
        self.at = e.parent or self.root

    def handle_data(self, data):
        self.at.children.append(data)


class Server:
    """Serves pages to the browser, and remembers every path that it was asked for."""

    def __init__(self):
        server = self
        self.pages, self.asked = {}, []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                body = server.pages.get(self.path)
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def open(self, html, tmp, address=""):
        """The page's tree after its scripts ran, and the paths that were asked for."""
        self.pages, self.asked = {"/page": html.encode()}, []
        run = subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
             "--disable-background-networking", "--disable-sync", "--disable-component-update",
             "--user-data-dir=" + tmp + "/chromium", "--dump-dom", self.url + "/page" + address],
            env=dict(os.environ, HOME=tmp, LC_ALL="C.UTF-8"), capture_output=True, timeout=120)
        return Page(run.stdout.decode(errors="replace")).root, list(self.asked)
