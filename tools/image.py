"""`./atoll image`: an ISO with GRUB for BIOS and UEFI, the kernel, and the boot archive as its module."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import archive
import build
import machine
import rootfs

MENU = """\
set timeout=0
serial --unit=0 --speed=115200
terminal_input console
terminal_output console
insmod all_video
menuentry "Atoll" {
	multiboot2 /boot/kernel %s
	module2 /boot/archive
	boot
}
"""


def make(options):
    build.build("system")
    command = options.arguments or ["/bin/sh", "-l"]
    tree, programs = rootfs.prepare(options.root, build.CACHE)
    program = rootfs.find_program(command[0], programs)
    if program is None:
        raise machine.Refused(f"{command[0]}: not found in the guest's PATH", machine.COMMAND_NOT_FOUND)
    mode = getattr(options, "mode", "run")
    text = archive.parameters(mode, [program, *command[1:]], dict(machine.ENVIRONMENT, TERM="vt102"))
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        boot = Path(folder) / "boot"
        (boot / "grub").mkdir(parents=True)
        shutil.copy(machine.kernel(options), boot / "kernel")
        archive.assemble(boot / "archive", archive.system_part(build.BUILD, verify=options.verify), tree, text)
        (boot / "grub" / "grub.cfg").write_text(MENU % options.append)
        done = subprocess.run(["grub-mkrescue", "-o", options.output, folder], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        raise machine.Refused("grub-mkrescue failed:\n" + done.stdout, 125)
    return 0
