"""A server killed each 100 ms, all of them in turn: nobody notices, none is given up, and it costs less than a fiftieth of the time."""

import endurance

TIME = 120
PLAN = endurance.Plan(cycles=1, seconds=2, periods=(0, 100), supervisor=True, after=1)


def test(system):
    found = endurance.measure(PLAN)
    killed = found[100]
    assert killed.kills >= 15, f"{killed.kills} kills"
    assert len(killed.rounds) >= 10, f"{len(killed.rounds)} rounds"
    assert endurance.shares(found)[100] >= 0.98, f"throughput {endurance.shares(found)}"
    assert max(killed.all_pauses()) <= 1_000_000, f"pauses {killed.all_pauses()}"
