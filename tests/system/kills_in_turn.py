"""A server killed each 100 ms, all of them in turn: nobody notices, none is given up, and it costs less than a fiftieth of the time."""

import endurance

TIME = 120
PLAN = endurance.Plan(cycles=1, seconds=2, periods=(0, 100), supervisor=True, after=1)


def test(system):
    found = endurance.measure(PLAN)
    killed = found.figures[100, endurance.ALL]
    assert killed.done >= 15, f"{killed.done} kills"
    assert len(found.rounds[100]) >= 10, f"{len(found.rounds[100])} rounds"
    assert found.shares()[100] >= 0.98, f"throughput {found.shares()}"
    assert killed.worst <= 1_000_000, f"worst pause {killed.worst}"
