"""How a guest is started in QEMU: which accelerator, and the command line.

A /dev/kvm that exists need not be able to run a guest (nested machines, odd permissions), so
the first use tries one: a firmware that goes to 64-bit mode and makes QEMU exit with a known status.
"""

import ctypes
import os
import signal
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

QEMU = "qemu-system-x86_64"
PROBE_STATUS = 99   # isa-debug-exit turns the byte 0x31 into 0x31 * 2 + 1

# At 0xfffff000: from real mode to long mode with the page tables below, extended state loaded as a kernel does (some
# hosts cannot), a loop of a moment, then `mov dx, 0x501; mov al, 0x31; out dx, al`.
PROBE_CODE = bytes.fromhex(
    "fa2e660f011668f00f20e06683c8200f22e066b800c0ffff0f22d866b9800000c00f32660d000100000f300f20c0660d"
    "010000800f22c066ea3ff0ffff0800eb2f9090900f31e2fc66ba0105b031eef4ebfd660f1f4400000000000000000000"
    "00000000009b20000f0058f0ffff00000f20e00d000204000f22e031c931d2b8030000000f01d1bb0080ffff480fae2b"
    "b9a0860100ebad")


def probe_firmware():
    """64 KiB below 4 GiB: page tables at 0xc000 that map the last 2 MiB, code at 0xf000, a jump to it."""
    image = bytearray(65536)
    for offset, entry in ((0xc000, 0xffffd023), (0xd018, 0xffffe023), (0xeff8, 0xffe000e3)):
        struct.pack_into("<Q", image, offset, entry)
    image[0xf000:0xf000 + len(PROBE_CODE)] = PROBE_CODE
    image[0xfff0:0xfff3] = b"\xe9" + struct.pack("<h", 0xf000 - 0xfff3)
    return bytes(image)


def kvm_runs_a_guest():
    with tempfile.NamedTemporaryFile(suffix=".bin") as firmware:
        firmware.write(probe_firmware())
        firmware.flush()
        command = [QEMU, "-accel", "kvm", "-cpu", "host", "-machine", "pc", "-m", "16", "-nodefaults", "-display", "none",
                   "-no-reboot", "-bios", firmware.name, "-device", "isa-debug-exit,iobase=0x501,iosize=1"]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, timeout=5)
        except (subprocess.TimeoutExpired, OSError):
            return False
        return done.returncode == PROBE_STATUS


def boot_identity():
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def accelerator(cache, quiet=False):
    """`kvm` or `tcg`. The answer of the probe is kept until this machine boots again."""
    if not os.path.exists("/dev/kvm"):
        return "tcg"
    answer = "no"
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        probe = zlib.crc32(PROBE_CODE)   # the answer of another one does not count
        kept = cache / f"kvm-{boot_identity()}-{os.getuid()}-{probe:08x}"
        if not kept.exists():
            cache.mkdir(parents=True, exist_ok=True)
            kept.write_text("yes" if kvm_runs_a_guest() else "no")
        answer = kept.read_text()
    if answer == "yes":
        return "kvm"
    if not quiet:
        print("atoll: /dev/kvm cannot run a guest here; using software emulation", file=sys.stderr, flush=True)
    return "tcg"


# What the guest may take for chance, and the date, are fixed where instructions are counted: such a run repeats itself.
REPEATABLE = ("-seed", "1", "-rtc", "base=2026-01-01,clock=vm")


def command(options, accel):
    """The part of the command line that all guests share. options: icount, smp, mem, and maybe cpu."""
    cpu = getattr(options, "cpu", "max")
    line = [QEMU, "-machine", "pc", "-cpu", cpu if accel == "tcg" else cpu.replace("max", "host"), "-m", options.mem,
            "-smp", str(options.smp), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    if options.icount:
        return line + ["-accel", "tcg", "-icount", "shift=0,sleep=off", *REPEATABLE]
    return line + ["-accel", accel]


PORTS = ((0x3f8, 4), (0x2f8, 3), (0x3e8, 5), (0x2e8, 7))   # I/O base and interrupt of COM1 to COM4


def serial(index, backend):
    """One serial line: `backend` is what -chardev takes, with no id."""
    kind, _, rest = backend.partition(",")
    base, interrupt = PORTS[index]
    return ["-chardev", f"{kind},id=line{index}" + (f",{rest}" if rest else ""),
            "-device", f"isa-serial,chardev=line{index},iobase={base:#x},irq={interrupt}"]


def file_serial(index, path):
    return serial(index, "file,path=" + str(path).replace(",", ",,"))


def die_with_parent():
    """Run in the child: a guest must not outlive the front door, however that ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def start(line, **more):
    try:
        return subprocess.Popen(line, preexec_fn=die_with_parent, **more)
    except FileNotFoundError:
        sys.exit(f"atoll: {line[0]} is not installed")
