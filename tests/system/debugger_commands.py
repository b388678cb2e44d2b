"""The commands that `./atoll debug` adds to gdb show the kernel's objects as they are, here where the supervisor's wait for the first program is
parked by proc."""

import re

TIME = 120
STEPS = ("hbreak handle_call_park", "continue", "set $endpoint = endpoint", "finish", "atoll endpoint $endpoint", "atoll waiting",
         "atoll threads", "atoll object cpus[0].current", "atoll captable cpus[0].current->captable",
         "atoll pool cpus[0].current->object.pool", "atoll log")


def test(system):
    batch = [argument for step in STEPS for argument in ("--batch", step)]
    done = system.front_door("debug", *batch, "--", "/bin/true")
    text = done.stdout.decode()
    system.equal(done.returncode, 0, f"status: {done.stderr.decode()[-1000:]}")
    call = re.search(r"parked:\n    id (0x[0-9a-f]+) operation (0x[0-9a-f]+) label 0x1 CALL_FROM_THREAD of thread #(\d+)\n", text)
    assert call, text
    caller = rf"thread #{call[3]} .* THREAD_BLOCKED WAIT_CALL level 3 call {call[1]} of endpoint #(\d+) label 0x1\n"
    endpoint = re.search(caller, text)
    assert endpoint and f"endpoint #{endpoint[1]} capabilities" in text, text
    current = re.search(r"^CPU 0: \S+ thread #(\d+) .* THREAD_RUNNABLE", text, re.MULTILINE)
    assert current and re.search(rf"^ +3 rwxcd \S+ thread #{current[1]} ", text, re.MULTILINE), text   # in its own captable
    assert re.search(rf"^ +\S+ thread #{current[1]} capabilities", text, re.MULTILINE), text             # and its pool
    system.contains(text, "kernel: 1 CPU")
