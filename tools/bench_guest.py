"""Boots a guest that measures, and reads its lines (bench/linux/main.c tells what they look like).

A row whose guest hangs, panics or stops has failed; another boot goes on with those that are left.
"""

import io
import re
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import archive
import build
import cpio
import guest
import machine
import qemu
import rootfs
from test_linux import linux_kernel, machine_options

FOLDER = archive.ROOT / "bench"
LINUX_APPEND = "console=ttyS3 quiet panic=-1 8250.nr_uarts=4 mitigations=off"
SILENCE = 30         # seconds without a line while a row runs: it hangs
BOOT_SILENCE = 120   # and before the first row
POLL = 0.02          # seconds between looks at what it said
BOOTS_MOST = 6
DISK_SIZE = 64 << 20
SETTINGS = ("max", "max,-erms")   # Linux is faster under the second here, where `rep movsb` counts each byte


class Measured:
    """What one system told of one row: ticks of the best batch, or why there are none."""

    def __init__(self, ticks=None, operations=1, size=0, error=None, note=None, table=None):
        self.ticks, self.operations, self.size, self.error, self.note = ticks, operations, size, error, note
        self.table = table   # rows of cells, where one figure does not tell enough

    def better(self, other):
        """The faster of two; an error only if there is nothing else."""
        if other is None or other.ticks is None:
            return self
        return other if self.ticks is None or other.ticks < self.ticks else self


def options(icount, cpu):
    return machine_options(icount=icount, cpu=cpu, mem="512M")


def on_disk(name):
    return name.startswith("ext4-")


def disk(folder, names):
    """An empty ext4 file system for the rows that want one: QEMU's arguments."""
    if not any(map(on_disk, names)):
        return []
    path = Path(folder) / "disk"
    with open(path, "wb") as image:
        image.truncate(DISK_SIZE)
    subprocess.run(["/sbin/mkfs.ext4", "-q", "-F", path], check=True)
    return ["-drive", f"file={path},format=raw,if=none,id=disk", "-device", "virtio-blk-pci,drive=disk"]


def disk_modules(names):
    """Debian's kernel has the disk's driver in modules, to be loaded in this order."""
    if not any(map(on_disk, names)):
        return
    drivers = Path("/lib/modules") / linux_kernel().name.removeprefix("vmlinuz-") / "kernel/drivers"
    yield "modules", stat.S_IFDIR | 0o755, b""
    for index, name in enumerate(("virtio/virtio_ring", "virtio/virtio", "virtio/virtio_pci_legacy_dev",
                                  "virtio/virtio_pci_modern_dev", "virtio/virtio_pci", "block/virtio_blk")):
        module = drivers / (name + ".ko")
        if module.exists():
            yield f"modules/{index}.ko", stat.S_IFREG | 0o644, module.read_bytes()


def guest_files(names):
    """The program and what the shell shall run, below the root of either system."""
    yield "bench", stat.S_IFDIR | 0o755, b""
    yield "bench/bench", stat.S_IFREG | 0o755, archive.stripped(build.BUILD / "linux-bench", build.BUILD)
    yield "bench/rows", stat.S_IFREG | 0o644, f"exec /bench/bench rows {' '.join(names)}\n".encode()


def atoll_line(folder, names, icount, cpu):
    tree, _ = rootfs.prepare(None, build.CACHE)
    output = io.BytesIO()
    writer = cpio.Writer(output)
    for name, mode, data in guest_files(names):
        writer.entry("root/" + name, mode, data)
    writer.finish()
    command = ["/bin/sh", "-c", "/bench/bench boot; . /bench/rows"]
    path = Path(folder) / "archive"
    archive.assemble(path, archive.system_part(build.BUILD), tree, archive.parameters("exec", command, machine.ENVIRONMENT),
                     [output.getvalue()])
    chosen = options(icount, cpu)
    return machine.command_line(chosen, machine.kernel(chosen), path) + disk(folder, names)


def linux_line(folder, names, icount, cpu):
    path = Path(folder) / "initramfs"
    with open(path, "wb") as output:
        tree = rootfs.Tree(cpio.Writer(output, align=False), prefix="")
        tree.add("init", stat.S_IFREG | 0o755, (FOLDER / "linux/init").read_bytes())
        for name, mode, data in (*guest_files(names), *disk_modules(names)):
            tree.add(name, mode, data)
        rootfs.fill(tree, None)
        tree.writer.finish()
    accel = "tcg" if icount else qemu.accelerator(build.CACHE, quiet=True)
    return qemu.command(options(icount, cpu), accel) + disk(folder, names) + [
        "-kernel", str(linux_kernel()), "-initrd", str(path), "-append", LINUX_APPEND]


def kernel_line(folder, names, icount, cpu, smp=1, variant=None):
    """Only the native program and the supervisor; its lines come by the log."""
    path = Path(folder) / "archive"
    manifest = (FOLDER / "kernel/manifest").read_text() + "".join(f"argument {name}\n" for name in names)
    services = archive.service_part(build.BUILD, {"kernel-bench": (build.BUILD / "kernel-bench", manifest)},
                                    ["kernel-bench"])
    archive.assemble(path, services, None, None)
    chosen = options(icount, cpu)
    chosen.smp, chosen.kernel = smp, variant
    return machine.command_line(chosen, machine.kernel(chosen), path)


ROW = re.compile(r"row (\S+) (?:ticks=(\d+) operations=(\d+) bytes=(\d+)|(failed|wrong|died) (.*))")


def error_text(kind, text):
    """`socket EAFNOSUPPORT Address family ...` is for people: not there yet (socket: EAFNOSUPPORT)."""
    words = text.split()
    if kind == "failed" and len(words) >= 2:
        return f"not there yet ({words[0]}: {words[1]})"
    return f"{kind}: {text}"


class Lines:
    """What a guest has said so far. It grows in a file, which is read on as it does."""

    def __init__(self, path):
        self.path, self.position, self.rest = path, 0, b""
        self.started = self.last = time.monotonic()   # the machine is switched on; something came
        self.rows, self.running, self.ended = {}, None, False
        self.boot = None             # (ticks since power-on, bytes in use, seconds on our clock)
        self.hertz = None            # of the TSC

    def read_on(self):
        try:
            with open(self.path, "rb") as file:
                file.seek(self.position)
                data = file.read()
        except FileNotFoundError:
            return
        self.position += len(data)
        *complete, self.rest = (self.rest + data).split(b"\n")
        for line in complete:
            self.line(line.decode("utf-8", "replace").strip())

    def line(self, text):
        self.last = time.monotonic()
        if match := ROW.search(text):
            name, ticks, operations, size, kind, why = match.groups()
            if kind or name not in self.rows:   # what goes wrong at a row's end also counts
                self.rows[name] = Measured(error=error_text(kind, why)) if kind else \
                    Measured(int(ticks), int(operations), int(size))
        elif match := re.search(r"\bbegin (\S+)$", text):
            self.running = match[1]
        elif match := re.search(r"\bboot ticks=(\d+) total=(\d+) free=(\d+)$", text):
            ticks, total, free = (int(value) for value in match.groups())
            self.boot = (ticks, total - free, self.last - self.started)
        elif match := re.search(r"\bclock hertz=(\d+)$", text):
            self.hertz = float(match[1])
        elif re.search(r"\bend$", text):
            self.ended = True


def watch(running, lines):
    """Until the guest has told everything. Why it did not, or None."""
    while not lines.ended:
        over = running.finished.wait(POLL)
        if over:
            running.stop()
            running.drain()
        lines.read_on()
        if over:
            return None if lines.ended else ("the kernel panicked" if running.panicked else "the machine stopped")
        if time.monotonic() - lines.last > (SILENCE if lines.running else BOOT_SILENCE):
            return "no end"
    return None


def boot(line, folder, said="output"):
    """One boot: (its lines, why it ended early or None). `said`: where its lines are, output or log."""
    folder = Path(folder)
    with open(folder / "output", "wb") as output, open("/dev/null", "r+b") as nothing:
        lines = Lines(folder / said)
        streams = guest.Streams(nothing.fileno(), output.fileno(), output.fileno())
        running = guest.Guest(line, streams, folder / "log")
        try:
            why = watch(running, lines)
        finally:
            running.stop()
            running.drain()
    return lines, why


def measure_group(system, names, icount, cpu, say):
    """Rows that share a boot: ({row: Measured}, what the first boot said)."""
    make_line, said = SYSTEMS[system]
    rows, first, left, why = {}, None, list(names), None
    for _ in range(BOOTS_MOST):
        with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
            lines, why = boot(make_line(folder, left, icount, cpu), folder, said)
        first = first or lines
        rows.update((name, found) for name, found in lines.rows.items() if name in names)
        if why and lines.running and lines.running not in rows:
            rows[lines.running] = Measured(error=why)
            say(f"{system}: {lines.running}: {why}")
        left = [name for name in left if name not in rows]
        if not left or not why or not lines.running:
            break
    for name in left:
        rows[name] = Measured(error=why or "it was not run")
    return rows, first


def measure(system, names, icount, cpu, say):
    """All rows of a system: ({row: Measured}, boot, hertz). Those with a disk have a boot of their own: a disk's
    answers come when this machine has them, and would take the others' figures along."""
    plain, disk_names = [name for name in names if not on_disk(name)], [name for name in names if on_disk(name)]
    rows, first = {}, None
    for group in filter(None, (plain, disk_names)):
        found, lines = measure_group(system, group, icount, cpu, say)
        rows.update(found)
        first = first or lines
    return rows, first.boot, first.hertz


SYSTEMS = {"atoll": (atoll_line, "output"), "linux": (linux_line, "output"), "kernel": (kernel_line, "log")}
