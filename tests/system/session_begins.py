"""The supervisor dies, and dies again, while it makes what the first program's start needs: nothing of that is left over."""

import re
import threading
from pathlib import Path

import debugger

TIME = 60
SCRIPT = "sed -n '1p;/^supervisor /p' /proc/atoll/memory"
DEATHS = 2
PLACE = "handoff_prepare"   # called when the gates have been made


def ended(path, program, done):
    """The supervisor jumps nowhere whenever it comes there."""
    place = program.place(PLACE)
    stub = debugger.Stub(path)
    stub.stop()
    stub.ask(f"Z0,{place:x},1")
    while len(done) < DEATHS and stub.go(TIME):
        if program.runs_at(stub):
            debugger.jump_nowhere(stub, place)
            done.append(place)
        else:
            stub.ask(f"z0,{place:x},1")
            stub.ask("s")
            stub.ask(f"Z0,{place:x},1")
    stub.ask(f"z0,{place:x},1")
    stub.send("c")


def objects(text):
    heading, row = (line.split() for line in text.decode().strip().splitlines())
    return int(dict(zip(heading[1:], row[1:]))["objects"])


def test(system):
    expected = system.shell(SCRIPT)
    system.stub, done = Path(system.folder) / "gdb", []
    threading.Thread(target=ended, args=(system.stub, debugger.Program("supervisor"), done), daemon=True).start()
    found = system.shell(SCRIPT)
    system.equal((len(done), len(re.findall("has died, and goes on", found.log))), (DEATHS, DEATHS), "deaths of the supervisor")
    system.equal(objects(found.output), objects(expected.output), "KiB of objects")
