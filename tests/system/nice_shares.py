"""Three busy Linux programs get CPU time by their nice values as on Linux, within 3 % (bench/linux/shares.c)."""

import bench_machine

TIME = 90


def test(system):
    difference, _ = bench_machine.nice_shares(None)
    assert difference <= 3, f"{difference} % from a share"
