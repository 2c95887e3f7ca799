#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lanestat export, scraped by Prometheus itself; its endpoint against bad clients; rules and dashboard."""
import http.client
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from lanestat_common import BUILD, ENV, LANESTAT, TOP, check, finish, keys, lanestat, serve, start, stop, tmp, until

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
one = serve("fake_heap", "--name", "first", "--rate", "1000", "--nodes", "2")
two = serve("fake_heap", "--name", 'se"co\\nd', "--still", "--in-use", str(77 << 20))
real_env = dict(ENV, LD_PRELOAD=os.environ.get("LANE_SO", BUILD + "/liblane.so"), LANE_CONF="serve:true")
real = subprocess.Popen([sys.executable, "-c",
                         "import time; x = [bytes(1000) for i in range(9000)]; print(flush=True); time.sleep(1000)"],
                        env=real_env, stdout=subprocess.PIPE)
real.stdout.readline()
exporter = start(LANESTAT, "export", "--listen", "127.0.0.1:0", stdout=subprocess.PIPE, text=True)
url = exporter.stdout.readline().strip()
port = urllib.parse.urlparse(url).port


def get(accept=None, path="/metrics", method="GET"):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    c.request(method, path, headers={"Accept": accept} if accept else {})
    r = c.getresponse()
    return r.status, r.getheader("Content-Type"), r.read().decode(), r


def raw(data, seconds=8):
    """All that comes back, until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as s:
        got = b""
        try:
            s.sendall(data)
            while True:
                more = s.recv(65536)
                if not more:
                    return got
                got += more
        except ConnectionError:
            return got
        except socket.timeout:
            return b"timeout"


# The endpoint.
check(re.fullmatch(r"http://127\.0\.0\.1:\d+/metrics", url), "it says where it listens", url)
until(lambda: 'pid="%d"' % real.pid in get()[2])
status, kind, text, _ = get()
check(status == 200 and kind == "text/plain; version=0.0.4; charset=utf-8", "text 0.0.4 for who asks for nothing", kind)
check("# EOF" not in text and "# UNIT" not in text and "# TYPE lane_mallocs_total counter\n" in text and
      "_created" not in text, "as that format has it", text[:2000])
promtool = shutil.which("promtool")
if promtool:
    r = subprocess.run([promtool, "check", "metrics"], input=re.sub(r"(?m)^# HELP \S+ A .*\n|^.*lane_fake.*\n", "", text), capture_output=True, text=True)
    check(r.returncode in (0, 3) and "error while linting" not in r.stderr, "promtool check metrics reads it", r.stderr)
status, kind, text, _ = get(OPENMETRICS)
check(status == 200 and kind == "application/openmetrics-text; version=1.0.0; charset=utf-8", "OpenMetrics for who prefers it", kind)
lines = text.splitlines()
heads = [line.split()[1:3] for line in lines if line.startswith("# ") and line != "# EOF"]
check(len(heads) == len(set(map(tuple, heads))), "one TYPE, UNIT and HELP a family", heads)
with open(tmp + "/scrape", "w") as f:
    f.write(text)
r = subprocess.run([sys.executable, TOP + "/selftests/openmetrics.py", tmp + "/scrape"], capture_output=True, text=True)
check(r.returncode == 0, "a strict parser of OpenMetrics takes it", r.stdout, r.stderr)
check(text.endswith("\n# EOF\n") and text.count("# EOF") == 1, "one EOF, at the end")
family, outside = "", []
for line in lines:
    if line.startswith("# TYPE"):
        family = line.split()[2]
    elif not line.startswith("#") and not line.startswith(family):
        outside.append(line)
check(not outside, "each sample stands in its family", *outside)
samples = [line for line in lines if not line.startswith("#")]
check(all(re.match(r'\w+\{pid="\d+",comm="', line) for line in samples), "pid and comm on each sample", samples[:5])
check('lane_in_use_bytes{pid="%d",comm="se\\"co\\\\nd"} %d' % (two.pid, 77 << 20) in lines, "names are escaped", text[:3000])
check('lane_node_in_use_bytes{pid="%d",comm="first",node="1",note="a \\"b\\" {c}\\\\"} %d' % (one.pid, 50 << 20) in lines,
      "own labels stay", text[:3000])
heap = keys(lanestat(real.pid)[1])
m = re.search(r'lane_in_use_bytes\{pid="%d",comm="[^"]*"\} (\d+)' % real.pid, text)
check(m and m.group(1) == heap["in_use"] and int(heap["in_use"]) > 9000000, "a real process: in_use is heapinfo's", m, heap)
for accept, want in (("application/openmetrics-text;q=0.2, text/plain", "text/plain"), ("*/*", "text/plain"),
                     ("Application/OpenMetrics-Text", "application/o"), ("application/openmetrics-text;q=0", "text/plain")):
    check(get(accept)[1].startswith(want), "Accept: %s: %s" % (accept, want), get(accept)[1])

# What is not GET /metrics, and bad clients.
check(get(path="/")[0] == 404 and get(path="/metricsx")[0] == 404 and get(path="/metrics?a=b")[0] == 200, "other paths: 404")
status, _, _, r = get(method="POST")
check(status == 405 and r.getheader("Allow") == "GET", "other methods: 405")
check(raw(b"GET /metrics HTTP/1.0\n\n").startswith(b"HTTP/1.1 200"), "HTTP/1.0 with bare newlines")
check(raw(b"GET http://x/metrics HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 200"), "a target with its host")
for bad, want in ((b"GET /metrics HTTP/1.1\r\n\r\n", 400), (b"GET /metrics\r\n\r\n", 400), (b"\x16\x03\x01\x02\r\n\r\n", 400),
                  (b"GET /metrics HTTP/1.1\r\nHost x\r\n\r\n", 400), (b"GET /metrics HTTP/2.0\r\n\r\n", 505),
                  (b"GET /" + b"x" * 100000, 431), (b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 5000, 431),
                  (b"GET /metrics HTTP/1.1\r\nHost: \0\r\n\r\n", 400)):
    check(raw(bad).startswith(b"HTTP/1.1 %d " % want), "%d: %r" % (want, bad[:40]), raw(bad)[:80])
seed = int(os.environ.get("SEED", time.time_ns() % 1000000))
print("# SEED=%d" % seed)
rng = random.Random(seed)
good = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain;q=0.3\r\n\r\n"
hurt = 0
for _ in range(300):
    data = bytearray(good)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data))
        data[at:at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
    hurt += raw(bytes(data) + b"\r\n\r\n") == b"timeout"
check(exporter.poll() is None and not hurt and get()[0] == 200, "300 random requests: each is answered or closed", hurt)
idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
begin = time.monotonic()
check(get()[0] == 200 and time.monotonic() - begin < 12, "60 silent connections: they time out, and it goes on")
idle[0].settimeout(8)
check(idle[0].recv(1) == b"", "a silent one is closed")
[s.close() for s in idle]
with socket.create_connection(("127.0.0.1", port)) as s:
    for c in good:
        s.sendall(bytes([c]))
    check(s.recv(12) == b"HTTP/1.1 200", "a request byte by byte")

# Processes that do not answer, or with something else.
hung, *more = [serve("fake_service", "silent") for _ in range(5)]
liar = serve("fake_service", "good")
begin = time.monotonic()
text = get(OPENMETRICS)[2]
check(time.monotonic() - begin < 2.5 and re.search(r'lane_up\{pid="%d",comm="[^"]*"\} 0' % hung.pid, text) and
      'lane_up{pid="%d",comm="first"} 1' % one.pid in text, "five that hang are lane_up 0 after a second; the others are there", text[-600:])
check(re.search(r'lane_up\{pid="%d",comm="[^"]*"\} 0' % liar.pid, text) and "generation" not in text,
      "a text that is no OpenMetrics is left out whole", text[-600:])
with open(tmp + "/up", "w") as f:
    f.write("# TYPE lane_up gauge\nlane_up 1\n# EOF\n")
upright = serve("fake_service", "file:" + tmp + "/up")
ups = re.findall(r'lane_up\{pid="%d",comm="[^"]*"\} (\d)' % upright.pid, get(OPENMETRICS)[2])
check(ups == ["0"], "what a process says of lane_up is not taken for the exporter's", ups)
for p in [hung, liar, upright] + more:
    stop(p, signal.SIGKILL)
text = get()[2]
check('pid="%d"' % hung.pid not in text, "a process that ended has no samples")
before = len(os.listdir("/proc/%d/fd" % exporter.pid))
for _ in range(50):
    get()
check(until(lambda: len(os.listdir("/proc/%d/fd" % exporter.pid)) <= before), "no descriptor is lost")

# Prometheus.
if promtool and shutil.which("prometheus"):
    for args in (["check", "rules", "lane.rules.yml"], ["test", "rules", "lane.rules.test.yml"], ["check", "config", "prometheus.yml"]):
        r = subprocess.run(["promtool"] + args, cwd=TOP + "/examples/prometheus", capture_output=True, text=True)
        check(r.returncode == 0, "promtool " + " ".join(args), r.stdout, r.stderr)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        prom = s.getsockname()[1]
    with open(TOP + "/examples/prometheus/prometheus.yml") as f:
        conf = f.read().replace("127.0.0.1:9464", "127.0.0.1:%d" % port).replace("15s", "1s")
    shutil.copy(TOP + "/examples/prometheus/lane.rules.yml", tmp)
    with open(tmp + "/prometheus.yml", "w") as f:
        f.write(conf)
    start("prometheus", "--config.file=%s/prometheus.yml" % tmp, "--storage.tsdb.path=%s/tsdb" % tmp, "--log.level=error",
          "--web.listen-address=127.0.0.1:%d" % prom, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def query(expr):
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/api/v1/query?query=%s" % (prom, urllib.parse.quote(expr)), timeout=5) as r:
                return json.load(r)
        except OSError as e:
            return {"status": str(e), "data": {"result": []}}

    def value(expr):
        result = query(expr)["data"]["result"]
        return float(result[0]["value"][1]) if len(result) == 1 else None

    check(until(lambda: value('up{job="lane"}') == 1, 30), "Prometheus scrapes it", query("up"))
    check(value('lane_in_use_bytes{comm="first"}') == 100 << 20, "PromQL: in_use of one", query("lane_in_use_bytes"))
    check(value('sum(lane_in_use_bytes{comm=~"first|se.*"})') == 177 << 20, "the sum of two", query("lane_in_use_bytes"))
    check(value('lane_in_use_bytes{pid="%d"}' % real.pid) == int(heap["in_use"]), "and of a real process: heapinfo's")
    check(value('sum(lane_class_in_use_bytes{pid="%d"})' % real.pid) == int(heap["in_use"]), "which is the sum of its classes")
    check(value('lane_fake_info{comm="first"}') == 1 and value('lane_node_in_use_bytes{comm="first",node="1"}') == 50 << 20,
          "with labels as they were")
    until(lambda: (value('count_over_time(lane_mallocs_total{comm="first"}[1m])') or 0) > 7, 20)
    rate = value('rate(lane_mallocs_total{comm="first"}[5s])')
    check(rate and 850 < rate < 1150, "rate() of mallocs is 1000", rate)
    with open(TOP + "/examples/grafana/lane.json") as f:
        board = json.load(f)
    exprs = [t["expr"] for p in board["panels"] for t in p["targets"]]
    wrong = []
    for e in exprs:
        e = re.sub(r"\$(instance|comm|pid)", ".*", e).replace("$__rate_interval", "1m")
        got = query(e)
        if got["status"] != "success" or not got["data"]["result"]:
            wrong.append((e, got))
    check(not wrong and len(exprs) > 20, "each of the dashboard's %d queries has a result" % len(exprs), *wrong)
    rules = urllib.request.urlopen("http://127.0.0.1:%d/api/v1/rules" % prom).read()
    check(b'"LaneReleaseStall"' in rules and b'"health":"err"' not in rules, "the rules are evaluated without error", rules)
else:
    for what in "rules", "scrape", "queries":
        check(True, "%s # SKIP prometheus is not installed" % what)

# No descriptor left for a client: he waits, without the CPU.
def cpu_of(pid):
    with open("/proc/%d/stat" % pid) as f:
        return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


CONNECTIONS = 32  # SERVE_CONNECTIONS
soft, hard = resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE)
resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, (CONNECTIONS + 2, hard))  # poll(2) wants as many
clients = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(CONNECTIONS)]
time.sleep(0.5)
before = cpu_of(exporter.pid)
time.sleep(1)
spent = cpu_of(exporter.pid) - before
check(spent <= 0.3, "who has no descriptor for a client does not spin", spent)
clients[-1].sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
for c in clients[:-1]:
    c.close()
check(clients[-1].recv(12) == b"HTTP/1.1 404", "and serves him when there is one")
clients[-1].close()
resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, (soft, hard))

# The command line, and the end.
for args in ([], ["--listen"], ["--listen", "9464"], ["--listen", ":9464"], ["--listen", "127.0.0.1:99999"], ["--listen", "::1:80"], ["--other"]):
    status, out, err = lanestat("export", *args)
    check(status == 2 and err.count("\n") == 1 and not out, "usage, 2: export " + " ".join(args), err)
status, out, err = lanestat("export", "--listen", "127.0.0.1:%d" % port)
check(status == 1 and "in use" in err and err.count("\n") == 1, "a port that is taken: 1", err)
with socket.create_connection(("127.0.0.1", port)):
    stop(exporter)
check(exporter.returncode == 0, "SIGTERM ends it with 0", exporter.returncode)
real.kill()
real.wait()
finish()
