"""`./atoll trace`: runs a command on the debug kernel, then reads the trace rings from the stopped
machine's memory and prints the last records, decoded."""

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import archive
import build
import definitions
import guest
import machine

KINDS = ["none", "call in", "call out", "switch", "exception", "interrupt", "send", "receive", "reply", "destroy"]
OBJECTS = ["none", "pool", "space", "captable", "thread", "memory", "endpoint", "gate", "notification", "irq",
           "ioport", "system"]
RECORD = struct.Struct("<QHHIQQ")   # struct trace_record, kernel/base/trace.h
CPUS = 32
KERNEL_OPERATIONS = {1: "notification", 2: "gate_closed", 3: "cancel", 4: "exception", 5: "page"}


class Monitor:
    """QEMU's machine protocol on a socket."""

    def __init__(self, path):
        end = time.monotonic() + 10
        while not path.exists() and time.monotonic() < end:
            time.sleep(0.05)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        self.file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "return" in answer or "error" in answer:
                return answer


def read_memory(monitor, folder, address, size):
    path = Path(folder) / "memory"
    answer = monitor.command("memsave", val=signed(address), size=size, filename=str(path))
    if "error" in answer:
        raise machine.Refused("the machine's memory cannot be read: " + answer["error"]["desc"], guest.STATUS_BROKEN)
    return path.read_bytes()


def operation_names():
    found = definitions.protocol_operations(archive.ROOT / "protocols")
    return KERNEL_OPERATIONS | {number: f"{protocol}_{operation}" for number, (protocol, operation) in found.items()}


def describe(kind, a, b, operations, calls):
    if kind == 1:
        return calls.get(a & ~(1 << 63), str(a))
    if kind == 2:
        return f"= {signed(a)}"
    if kind == 3:
        return f"thread {a} -> thread {b}"
    if kind == 4:
        return f"vector {a} at {b:#x}"
    if kind in (6, 7):
        number = b >> 16 & 0xffff   # of an open file in a table (protocols/path.proto, make_table)
        name = operations.get(b & 0xffff, hex(b & 0xffffffff)) + (f" on {number}" if number else "")
        return f"call {a} {name} caps {b >> 32 & 7}"
    if kind == 8:
        return f"call {a} status {signed32(b)} caps {b >> 32 & 7}"
    if kind == 9:
        return f"{OBJECTS[a] if a < len(OBJECTS) else a} {b}"
    return f"{a:#x}"


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def signed32(value):
    value &= 0xffffffff
    return value - (1 << 32) if value >> 31 else value


def places(kernel):
    """name -> (address, size) of the kernel's objects."""
    listing = subprocess.run(["nm", "-S", kernel], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listing.splitlines()]
    return {row[3]: (int(row[0], 16), int(row[1], 16)) for row in rows if len(row) == 4}


def rings(monitor, folder, kernel):
    """Every record still held, oldest first."""
    found = places(kernel)
    (ring, size), (counters, _) = found["trace_ring"], found["trace_next"]
    per_cpu = size // CPUS
    slots = per_cpu // RECORD.size
    counts = struct.unpack(f"<{CPUS}Q", read_memory(monitor, folder, counters, 8 * CPUS))
    records = []
    for cpu, count in enumerate(counts):
        if not count:
            continue
        data = read_memory(monitor, folder, ring + cpu * per_cpu, per_cpu)
        for index in range(max(0, count - slots), count):
            records.append(RECORD.unpack_from(data, index % slots * RECORD.size))
    return sorted(records)


def show(records, last):
    operations = operation_names()
    calls = {call.number: call.name for call in definitions.read_kernel(archive.ROOT / "abi" / "kernel.def")}
    for time_ns, kind, cpu, thread, a, b in records[-last:]:
        name = KINDS[kind] if kind < len(KINDS) else str(kind)
        print(f"{time_ns / 1e6:12.3f} ms  cpu {cpu}  thread {thread:<5} {name:<9} {describe(kind, a, b, operations, calls)}")


def main(options):
    options.debug_kernel = True
    machine.check(options)
    build.build("system")
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        path = machine.archive_for(folder, options, "exec", options.arguments,
                                   dict(machine.ENVIRONMENT), options.directory)
        control = Path(folder) / "monitor"
        line = machine.command_line(options, machine.kernel(options), path)
        line += ["-no-shutdown", "-qmp", f"unix:{control},server=on,wait=off"]
        running = guest.Guest(line, guest.Streams(0, 2, 2), Path(folder) / "log")
        try:
            monitor = Monitor(control)
            if not running.finished.wait(options.time):
                print("atoll: the time is over; this is what was going on", file=sys.stderr)
            monitor.command("stop")
            show(rings(monitor, folder, machine.kernel(options)), options.last)
        finally:
            running.stop()
            machine.keep_log(options, running.log_path)
        sys.stdout.flush()
        return os.EX_OK if running.status is not None else guest.STATUS_BROKEN
