"""The rows of the table: how each is called, what it tells, and what it is measured against.

`must` and `goal` are in the row's unit. `published` is what others have told of seL4, for the kernel's rows.
Linux itself is measured beside Atoll; no figure of it stands here.
"""

from dataclasses import dataclass

INSTRUCTIONS, RATE, BYTES, TIMES, GAIN, PERCENT, KIBIBYTES = "instructions", "MB/s", "MiB", "times", "fold", "%", "KiB"
MORE = (RATE, GAIN)   # of these more is better


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    must: float | None
    goal: float | None
    unit: str = INSTRUCTIONS      # for one operation
    published: str = ""
    # linux: bench/linux; kernel: bench/kernel; boot: told by the booting itself; machine: tools/bench_machine.py
    kind: str = "linux"
    by_name: bool = False         # takes minutes: measured where it is named alone


PROGRAM_ROWS = (
    Row("null-call", "null system call (getppid)", 250, 130),
    Row("clock-gettime", "clock_gettime", 74, 60),
    Row("read-zero", "read 1 byte of /dev/zero", 663, 300),
    Row("yield", "sched_yield", 600, 200),
    Row("getpgid", "getpgid of another process", None, None),
    Row("pipe-make", "pipe + 2 close", None, None),
    Row("pipe-round-trip", "pipe round trip, two processes", 8000, 3000),
    Row("pipe-throughput", "pipe, 64 KiB writes", 1320, 2500, RATE),
    Row("unix-round-trip", "AF_UNIX round trip", 10000, 4000),
    Row("futex-round-trip", "futex round trip, two threads", 5000, 2000),
    Row("thread-create-join", "thread create + join", 39000, 18000),
    Row("fork-exit-wait", "fork + exit + wait", 150000, 75000),
    Row("fork-exec-wait", "fork + exec + wait (static program)", 550000, 250000),
    Row("vfork-exec-wait", "vfork + exec + wait", 430000, 180000),
    Row("first-touch", "first touch of an anonymous page", 2000, 1100),
    Row("copy-on-write", "copy-on-write fault", 3500, 1800),
    Row("mmap-munmap-64k", "mmap + munmap 64 KiB (touched)", 15000, 5000),
    Row("create-unlink", "create + unlink (tmpfs)", 16000, 8000),
    Row("open-close", "open + close", 6200, 3000),
    Row("stat", "stat", 3600, 1800),
    Row("pread-4k", "pread 4 KiB, cached", 1800, 900),
    Row("pwrite-4k", "pwrite 4 KiB", 2200, 1300),
    Row("write-8m", "write 8 MiB", 1045, 1568, RATE),
    Row("read-8m", "read 8 MiB", 3879, 5819, RATE),
    Row("readdir-100", "readdir, 100 entries", 48000, 20000),
    Row("signal-self", "signal to self, handled", 3900, 1500),
    Row("signal-round-trip", "signal round trip, two processes", 15000, 6000),
    Row("select-10", "select on 10", 2851, 1425),
    Row("poll-10", "poll on 10", 1894, 947),
    Row("epoll-wait-10", "epoll_wait on 10", 732, 366),
    Row("tcp-round-trip", "TCP round trip on loopback", 30000, 12000),
    Row("tcp-throughput", "TCP on loopback", 600, 979, RATE),
    Row("ext4-create-unlink", "create + unlink, ext4", 47000, 22000),
    Row("boot", "power-on to the shell's first command", 200e6, 50e6, kind="boot"),
    Row("memory", "memory in use then", 16, 8, BYTES, kind="boot"),
    Row("kernel-call-0", "call/reply, 0 words, other space", 300, 215, published="425–453", kind="kernel"),
    Row("kernel-call-4", "call/reply, 4 words, other space", 320, 235, published="471–499", kind="kernel"),
    Row("kernel-call-64", "call/reply, 64 words (512 bytes) each way", 1200, 800, published="2,261", kind="kernel"),
    Row("kernel-cheapest", "cheapest kernel call", 100, 70, published="247", kind="kernel"),
    Row("kernel-signal", "signal until a higher-priority waiter runs", 350, 270, published="545", kind="kernel"),
    Row("kernel-page-fault", "page fault to a user pager that maps 4 KiB, resumed", 1500, 1000, published="2,067",
        kind="kernel"),
    Row("kernel-map-unmap", "map + unmap 4 KiB", 1000, 700, published="1,429", kind="kernel"),
    Row("kernel-map-touch-unmap", "map + read a word + unmap 4 KiB", None, None, kind="kernel"),
)

ONE_CPU = {row.name.replace("kernel", "one-cpu"): row.name for row in PROGRAM_ROWS if row.kind == "kernel"}
ROWS = (
    *PROGRAM_ROWS,
    Row("pairs-counted", "4 CPUs: a call of one of four pairs over a call of one pair", 1.1, 1.02, TIMES, kind="machine"),
    Row("pairs-timed", "2 CPUs: calls a second of two pairs over one pair", 1.7, 1.9, GAIN, kind="machine"),
    Row("call-across", "call/reply, server on another CPU", None, None, kind="machine"),
    *(Row(name, f"for several CPUs over for one: {row.title}", 1.05, 1.02, TIMES, kind="machine")
      for name, row in ((name, next(row for row in PROGRAM_ROWS if row.name == kernel))
                        for name, kernel in ONE_CPU.items())),
    Row("interrupts-off", "longest stretch with interrupts off, in all tests", 20000, 10000, kind="machine", by_name=True),
    Row("fair-shares", "three busy threads of weights 1:2:4", 3, 1, PERCENT, kind="machine"),
    Row("nice-shares", "three busy programs of nice 0, 3 and 6, by Linux's weights", 3, 1, PERCENT, kind="machine"),
    Row("key-answer", "a key's answer beside eight busy programs, in time slices", 1, 0.5, TIMES, kind="machine"),
    Row("handlers", "what servers' steps cost, with hooks over without, geometric mean", 1.5, 1.2, TIMES, kind="machine"),
    Row("process-memory", "an idle process beyond its own pages", 100, 50, KIBIBYTES, kind="machine"),
    Row("idle-by-server", "memory of the idle system, by server", 16384, 8192, KIBIBYTES, kind="machine"),
    Row("idle-by-kind", "memory of the idle system, by kind", 16384, 8192, KIBIBYTES, kind="machine"),
)

BY_NAME = {row.name: row for row in ROWS}


class UnknownRow(Exception):
    """No row is called so."""

    status = 2


def chosen(names):
    """The rows asked for, in the table's order: those named, or whose name begins so; or all but the longest."""
    for name in names:
        if not any(row.name == name or row.name.startswith(name + "-") for row in ROWS):
            raise UnknownRow(f"no row is called {name}; ./atoll bench --list names them")
    return [row for row in ROWS if not names and not row.by_name or any(row.name == name or row.name.startswith(name + "-")
                                                    for name in names)]
