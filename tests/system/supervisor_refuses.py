"""A call whose handling ends the supervisor each time is refused at last, to its caller alone, and the services are looked after as before."""

import re
import subprocess
import threading
from pathlib import Path

import build
import debugger

TIME = 90
SCRIPT = """
sleep 1; cat /proc/atoll/memory > /dev/null 2>&1 || echo refused
for name in pipe tmpfs; do svctl kill $name; echo $name | cat; done; svctl list | awk '$1 == "pipe" { print $2, $3, $4 }'
"""
DEATHS = 3


def address_of(function):
    symbols = subprocess.run(["nm", build.BUILD / "supervisor"], check=True, capture_output=True, text=True).stdout
    return int(re.search(rf"^(\w+) \w {function}$", symbols, re.MULTILINE)[1], 16)


def attack(path, place):
    """Whenever the supervisor comes to this place it ends."""
    supervisor = debugger.Program("supervisor")
    try:
        stub = debugger.Stub(path)
        stub.ask("qSupported")
        stub.stop()
        stub.ask(f"Z1,{place:x},1")
        while stub.go(TIME):
            if stub.place() == place and supervisor.runs_at(stub, place):
                debugger.jump_nowhere(stub, place)
            else:   # another program's: past it
                stub.ask(f"z1,{place:x},1")
                stub.ask("s")
                stub.ask(f"Z1,{place:x},1")
    except OSError:
        pass   # the guest has come to its end


def test(system):
    system.stub = Path(system.folder) / "gdb"
    threading.Thread(target=attack, args=(system.stub, address_of("memory_of_service")), daemon=True).start()
    done = system.shell(SCRIPT)
    system.equal((done.output, done.status), (b"refused\npipe\ntmpfs\nready 1 killed\n", 0), "what programs see")
    system.equal(len(re.findall("has died, and goes on", done.log)), DEATHS, "deaths of the supervisor")
    system.contains(done.log, "has ended the supervisor three times, and is refused")
