"""`./atoll debug`: the debug kernel stopped at its first instruction, gdb attached to it."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import archive
import build
import guest
import machine
import qemu
import replay


def wait_for(path, seconds=10):
    end = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > end:
            raise machine.Refused("QEMU did not start", guest.STATUS_BROKEN)
        time.sleep(0.05)


def gdb_line(kernel, socket, batch):
    line = ["gdb", "-q", "-nx", "-ex", "set confirm off", "-ex", "set pagination off",
            "-iex", f"add-auto-load-safe-path {archive.ROOT}", str(kernel),
            "-ex", f"source {archive.ROOT}/tools/gdb/atoll.py", "-ex", f"target remote {socket}"]
    if batch:
        line.insert(1, "-batch")
    for command in batch:
        line += ["-ex", command]
    return line


def add_replay(path, log):
    """The last call that a server refused, made again when all services run."""
    call = replay.read(log)[-1]
    more, files = replay.service(call)
    with open(path, "ab") as output:
        output.write(archive.changed_part(build.BUILD, {}, more, files, {}))
    print(f"atoll: operation {call.operation:#x} will be called again through label {call.label:#x} of {call.server}; "
          f"its program: add-symbol-file {build.BUILD / call.server}", file=sys.stderr)
    if call.capabilities:
        print(f"atoll: without the {call.capabilities} capabilities that went with it", file=sys.stderr)


def main(options):
    options.debug_kernel = True
    machine.check(options)
    build.build("system")
    command = options.arguments or ["/bin/sh", "-l"]
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        folder = Path(folder)
        socket = folder / "gdb"
        path = machine.archive_for(folder, options, "run", command, machine.terminal_environment(), options.directory)
        if options.replay:
            add_replay(path, options.replay)
        line = machine.command_line(options, machine.kernel(options), path)
        line += ["-S", "-gdb", f"unix:path={socket},server=on,wait=off"]
        line += qemu.file_serial(0, folder / "terminal") if options.batch else qemu.serial(0, "pty")
        for index, name in enumerate(("error", "control", "log"), 1):
            line += qemu.file_serial(index, folder / name)
        process = qemu.start(line, stdin=subprocess.DEVNULL)   # says on standard output which pty it is
        try:
            wait_for(socket)
            print(f"atoll: the system log goes to {folder}/log", file=sys.stderr)
            return subprocess.call(gdb_line(machine.kernel(options), socket, options.batch))
        finally:
            process.kill()
            process.wait()
            machine.keep_log(options, folder / "log")
