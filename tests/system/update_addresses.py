"""Every server is replaced by a build with its variables, constants and code elsewhere, while bytes come in on the serial line; then programs
that use all of them say what they always say."""

import random

from builds import programs
from crash import workload

TIME = 150
COUNTS = dict(sorts=20, fifos=6, looks=20, lines=50, rounds=40, beside=4)


def test(system):
    script, needed, typed = workload.SCRIPT.format(**COUNTS), workload.programs(system), random.Random(1).randbytes(200000)
    whole = system.shell(script, stdin=typed, programs=needed)
    moved = programs.stripped(system.folder, **{f"{service}.moved": f"{program}-moved" for program, service in workload.SERVERS.items()})
    updates = "".join(f"svctl update {service} /bin/{service}.moved || exit 9\n" for service in workload.SERVERS.values())
    done = system.shell(updates + script, stdin=typed, programs=dict(needed, **moved))
    system.equal((done.output[-3000:], done.error, done.status), (whole.output[-3000:], whole.error, whole.status), "output after updates")
    system.equal(done.output == whole.output, True, "all of the output the same")
    system.equal(done.log.count(": done"), len(workload.SERVERS), "updates done")
