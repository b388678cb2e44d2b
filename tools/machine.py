"""From options to a guest: builds the system, makes the boot archive, starts QEMU."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import archive
import build
import guest
import qemu
import rootfs
import symbols

ENVIRONMENT = {"PATH": ":".join(rootfs.PATH), "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh"}
COMMAND_NOT_FOUND = 127


class Refused(Exception):
    """The options ask for something that cannot be done; status is the front door's."""

    def __init__(self, message, status=2):
        super().__init__(message)
        self.status = status


def check(options):
    if options.disk:
        raise Refused("--disk: there is no disk driver yet; see README.md for what works")
    if not 1 <= options.smp <= 32:
        raise Refused("--smp: from 1 to 32 CPUs")
    if options.icount and options.smp > 1:
        raise Refused("--icount counts the instructions of one CPU; it does not go with --smp")


def kernel(options):
    variant = getattr(options, "kernel", None) or ("debug" if options.debug_kernel else "")   # see meson.build
    path = build.BUILD / (f"atoll-{variant}.kernel" if variant else "atoll.kernel")
    if not path.exists():
        raise Refused(f"{path.name} was not built", guest.STATUS_BROKEN)
    return path


def archive_for(folder, options, mode, command, environment, directory="/"):
    """The boot archive for one run, in a temporary folder."""
    tree, programs = rootfs.prepare(options.root, build.CACHE)
    program = rootfs.find_program(command[0], programs)
    if program is None:
        raise Refused(f"{command[0]}: not found in the guest's PATH", COMMAND_NOT_FOUND)
    text = archive.parameters(mode, [program, *command[1:]], environment, directory)
    path = Path(folder) / "archive"
    archive.assemble(path, archive.system_part(build.BUILD, verify=getattr(options, "verify", False)), tree, text)
    return path


def command_line(options, kernel_path, archive_path):
    accel = "tcg" if options.icount else qemu.accelerator(build.CACHE, getattr(options, "quiet", False))
    line = qemu.command(options, accel) + ["-kernel", str(kernel_path), "-initrd", str(archive_path)]
    return line + (["-append", options.append] if options.append else [])


def keep_log(options, path):
    if options.keep_log:
        shutil.copyfile(path, options.keep_log)


def execute(options, command, streams=None):
    """`./atoll exec`: the status to exit with."""
    check(options)
    build.build("system")
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        environment = dict(ENVIRONMENT, **dict(item.split("=", 1) for item in options.env))
        archive_path = archive_for(folder, options, "exec", command, environment, options.directory)
        line = command_line(options, kernel(options), archive_path)
        running = guest.Guest(line, streams or guest.Streams(), Path(folder) / "log")
        try:
            status = running.wait(options.time)
        finally:
            running.stop()
            keep_log(options, running.log_path)
        guest.explain(status, running, options.time or 0)
        return status


def terminal_environment():
    environment = dict(ENVIRONMENT, TERM=os.environ.get("TERM", "vt102"))
    try:
        size = os.get_terminal_size(0)
        environment.update(LINES=str(size.lines), COLUMNS=str(size.columns))
    except OSError:
        pass
    return environment


def exit_status(path):
    """What COM3's file says at the end of `run`."""
    for line in path.read_text(errors="replace").splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "exit" and words[1].isdigit():
            return int(words[1]) & 255
    return None


def interact(options, command):
    """`./atoll run`: the first serial line is this terminal."""
    check(options)
    build.build("system")
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        folder = Path(folder)
        environment = dict(terminal_environment(), **dict(item.split("=", 1) for item in options.env))
        archive_path = archive_for(folder, options, "run", command, environment, options.directory)
        line = command_line(options, kernel(options), archive_path)
        line += qemu.serial(0, "stdio,mux=on,signal=off")
        for index, name in enumerate(("error", "control", "log"), 1):
            line += qemu.file_serial(index, folder / name)
        if os.isatty(0):
            print("atoll: Ctrl-A x ends the machine", file=sys.stderr)
        process = qemu.start(line)
        try:
            process.wait(options.time)
        except qemu.subprocess.TimeoutExpired:
            return guest.STATUS_TIME_OUT
        except KeyboardInterrupt:
            return 130
        finally:
            process.kill()
            process.wait()
            symbols.name_file(folder / "log", kernel(options))
            keep_log(options, folder / "log")
        status = exit_status(folder / "control")
        if status is None and any(word in (folder / "log").read_bytes() for word in guest.PANIC_WORDS):
            print("\natoll: the kernel panicked; the end of its log:\n" + guest.tail(folder / "log"), file=sys.stderr)
        return 0 if status is None else status
