"""Servers die at instructions chosen by chance among all that they have, twice there, or two of them at once, by a debugger's hand; a
load's output stays what it is without."""

from pathlib import Path

import debugger
import fault_campaign

TIME = 120
CPUS = (1, 4)
SEED = 1
LEAST = 20
LINES = 20


def test(system):
    script = fault_campaign.workload(LINES, f"ROUNDS={40 if system.long else 3}")
    expected = system.shell(script)
    system.stub = Path(system.folder) / "gdb"
    attack = debugger.Attack(system.stub, SEED, 100 if system.long else 8, [debugger.jump_nowhere], times=2, apart=0.02)
    attack.start()
    done = system.shell(script, checked=False)
    told = f"last of {len(attack.done)} kills: {attack.done[-5:]}; {done.log[-2000:]}"
    assert (done.status, done.output, done.error) == (expected.status, expected.output, expected.error), told
    assert len(attack.done) >= LEAST, told
