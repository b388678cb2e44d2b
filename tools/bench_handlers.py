"""What recoverability costs a server: the instructions of its steps, with the hooks of lib/stash and without (bench/handlers).

The same rows run on a system whose servers are built with hooks and on one whose servers are not; their kernel calls are not counted.
What is compared is the mean step of an operation, commit and all.
"""

import math
import re
import tempfile
from dataclasses import dataclass

import archive
import build
import definitions
import test_system

SERVERS = ("pipe", "proc", "procfs", "tmpfs", "tty")
ROWS = ("stat", "open-close", "create-unlink", "pwrite-4k", "write-8m", "readdir-100", "fork-exit-wait", "fork-exec-wait",
        "signal-round-trip", "getpgid", "pipe-make")
SHELL = """
/bin/bench rows {rows} > /dev/null
i=0; while [ $i -lt 50 ]; do cat /proc/self/stat > /dev/null; i=$((i+1)); done
exec 3<> /dev/ptmx
i=0; while [ $i -lt 50 ]; do echo typed >&3; read -r line <&3; i=$((i+1)); done
sleep 5   # a ping to all of them
"""
NOTICES = {2: "a gate has closed"}   # abi/message.h
LEAST = 40   # steps, or the operation is not told
LINE = re.compile(r"(\w+): handler (\d+) count (\d+) total (\d+)")


@dataclass
class Handler:
    server: str
    operation: str
    plain: float    # instructions
    hooked: float

    def ratio(self):
        return self.hooked / self.plain


def names():
    """Operations' names by number: of protocols, and those of the kernel."""
    found = definitions.protocol_operations(build.ROOT / "protocols")
    return {number: f"{protocol} {operation}" for number, (protocol, operation) in found.items()}


def boot(kind):
    """{(server, operation): mean instructions}."""
    system = test_system.System(1, False, 300)
    manifests = archive.manifests()
    plain = {f"{name}.manifest": re.sub(r"^stash\n", "", manifests[name].read_text(), flags=re.MULTILINE).encode() for name in SERVERS}
    with tempfile.TemporaryDirectory(prefix="atoll-") as system.folder:
        done = system.shell(SHELL.format(rows=" ".join(ROWS)), icount=True, programs={"bench": build.BUILD / "linux-bench"},
                            replaced={name: build.BUILD / f"{name}-{kind}" for name in SERVERS},
                            files=plain if kind == "plain" else {})
    found = {}
    for server, operation, count, total in LINE.findall(done.log):
        found[server, int(operation) & 0xffff] = (int(count), int(total) / int(count))
    return {key: mean for key, (count, mean) in found.items() if count >= LEAST}


def measure():
    """Every operation that both systems have carried out often enough."""
    known, plain, hooked = names(), boot("plain"), boot("hooked")
    return [Handler(server, known.get(number, NOTICES.get(number, str(number))), plain[server, number], hooked[server, number])
            for server, number in sorted(plain) if (server, number) in hooked]


def mean(handlers):
    """The geometric mean of the ratios."""
    return math.exp(sum(math.log(handler.ratio()) for handler in handlers) / len(handlers))


def table(handlers):
    rows = [["server", "operation", "plain", "recoverable", "ratio"]]
    rows += [[handler.server, handler.operation, f"{handler.plain:,.0f}", f"{handler.hooked:,.0f}", f"{handler.ratio():.2f}"]
             for handler in handlers]
    return rows + [["geometric mean", "", "", "", f"{mean(handlers):.2f}"]]
