"""./atoll image: the ISO boots on BIOS and on UEFI, to a shell on the first serial line."""

import shutil
import subprocess
from pathlib import Path

import build
import qemu

TIME = 120
FIRMWARE = Path("/usr/share/OVMF")
SCRIPT = "echo image $((40+2)) runs"


def boot(system, image, uefi):
    options = system.options(mem="1G")
    line = qemu.command(options, qemu.accelerator(build.CACHE, quiet=True)) + ["-cdrom", str(image)]
    if uefi:
        variables = Path(system.folder) / "variables.fd"
        shutil.copy(FIRMWARE / "OVMF_VARS.fd", variables)
        line += ["-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE}/OVMF_CODE.fd",
                 "-drive", f"if=pflash,format=raw,file={variables}"]
    paths = [Path(system.folder) / f"line{index}-{uefi}" for index in range(4)]
    for index, path in enumerate(paths):
        line += qemu.file_serial(index, path)
    try:
        subprocess.run(line, stdin=subprocess.DEVNULL, timeout=system.limit)
    except subprocess.TimeoutExpired:
        pass
    shown = paths[0].read_text(errors="replace")
    assert "image 42 runs" in shown, f"{'UEFI' if uefi else 'BIOS'}: {shown[-1000:]}\n{paths[3].read_text(errors='replace')[-1500:]}"


def test(system):
    image = Path(system.folder) / "atoll.iso"
    done = system.front_door("image", "-o", str(image), "--", "/bin/sh", "-c", SCRIPT)
    system.equal(done.returncode, 0, f"status of image ({done.stderr.decode()})")
    boot(system, image, uefi=False)
    boot(system, image, uefi=True)
