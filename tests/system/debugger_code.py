"""The code of servers is damaged by a debugger's hand, in memory that all their incarnations share: the supervisor mends it from the
boot archive, and a load's output stays what it is without. (The supervisor has its code to itself.)"""

import debugger

TIME = 120
LEAST = 3


def test(system):
    rounds, seconds = (20, 100) if system.long else (8, 12)
    harms = 3 * [debugger.breakpoint_into_code] + [debugger.loop_into_code]
    done, log = debugger.attacked(system, debugger.usual_load(rounds), seconds=seconds, harms=harms, times=1, apart=0.5, spared="supervisor")
    assert len(done) >= LEAST and "of its program were damaged, and are mended" in log, (done, log[-2000:])
