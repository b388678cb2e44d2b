"""From power-on to the first program: at most 200 million instructions, and at most 16 MiB in use."""

import re

TIME = 60
INSTRUCTIONS = 200_000_000
MEMORY = 16 * 1024   # KiB
SCRIPT = "cat /proc/uptime; grep -E '^Mem(Total|Free)' /proc/meminfo"


def test(system):
    done = system.shell(SCRIPT, icount=True, smp=1)
    text = done.output.decode()
    # With --icount a nanosecond of the guest's time is one instruction.
    instructions = float(text.split()[0]) * 1e9
    total, free = (int(value) for value in re.findall(r"Mem\w+: +(\d+)", text))
    assert instructions <= INSTRUCTIONS, f"{instructions / 1e6:.0f} million instructions to the first program"
    assert total - free <= MEMORY, f"{total - free} KiB in use"
