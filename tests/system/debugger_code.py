"""The code of servers is damaged by a debugger's hand, in memory that all their incarnations share: the supervisor mends it from the
boot archive, and a load's output stays what it is without."""

from pathlib import Path

import debugger
import fault_campaign

TIME = 120
SEED = 1
LEAST = 3
LINES = 20


def test(system):
    script = fault_campaign.workload(LINES, f"ROUNDS={20 if system.long else 3}")
    expected = system.shell(script)
    system.stub = Path(system.folder) / "gdb"
    harms = 3 * [debugger.breakpoint_into_code] + [debugger.loop_into_code]
    # The supervisor has its code to itself.
    attack = debugger.Attack(system.stub, SEED, 100 if system.long else 12, harms, times=1, apart=0.5, spared="supervisor")
    attack.start()
    done = system.shell(script, checked=False)
    told = f"last of {len(attack.done)} places: {attack.done[-5:]}; {done.log[-2000:]}"
    assert (done.status, done.output, done.error) == (expected.status, expected.output, expected.error), told
    assert len(attack.done) >= LEAST and "of its program were damaged, and are mended" in done.log, told
