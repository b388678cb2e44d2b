"""/proc/atoll/memory tells who has the memory that is not free, and of what kind: its sum is the memory in use, and what a
file or a program takes shows where it belongs; /proc/meminfo tells the same in Linux's words."""

import re

TIME = 60
SLACK = 96   # KiB: two readings are not of one moment
SCRIPT = r"""
tell() { cat /proc/atoll/memory /proc/meminfo; echo =; }
sleep 1
tell
dd if=/dev/urandom of=/tmp/file bs=1M count=3 2> /dev/null
tell
rm /tmp/file
for i in 1 2 3 4 5 6 7 8; do sleep 100 & done
sleep 1
tell
"""
KINDS = ["code", "data", "heap", "stack", "state", "tables", "objects", "content", "sum"]


def read(text):
    """({service: {kind: KiB}}, {meminfo's name: KiB})"""
    heading, *lines = text.split("MemTotal")[0].strip().splitlines()
    assert heading.split() == ["KiB", *KINDS], heading
    rows = {name: dict(zip(KINDS, map(int, figures))) for name, *figures in map(str.split, lines)}
    return rows, {name: int(value) for name, value in re.findall(r"^([\w()]+): +(\d+) kB", text, re.MULTILINE)}


def test(system):
    told = [read(text) for text in system.shell(SCRIPT).output.decode().split("=\n")[:3]]
    for rows, info in told:
        in_use = info["MemTotal"] - info["MemFree"]
        assert abs(rows["all"]["sum"] - in_use) <= SLACK, (rows["all"], in_use)
        for kind in KINDS:
            sum_of = sum(row[kind] for name, row in rows.items() if name != "all")
            assert abs(sum_of - rows["all"][kind]) <= len(rows), (kind, sum_of, rows["all"])
        for name in ("log", "serial0", "pipe", "tmpfs", "proc", "procfs", "tty", "supervisor"):
            assert rows[name]["sum"] > 50 and rows[name]["data"] > 0, (name, rows[name])
        assert abs(info["Cached"] - rows["tmpfs"]["content"]) <= SLACK and info["Shmem"] == info["Cached"], info
        assert info["PageTables"] >= 100 and info["Slab"] >= 100, info
    (empty, empty_info), (full, full_info), (busy, _) = told
    assert 3072 <= full["tmpfs"]["content"] - empty["tmpfs"]["content"] <= 3072 + SLACK, (empty["tmpfs"], full["tmpfs"])
    assert 3072 <= full_info["Cached"] - empty_info["Cached"] <= 3072 + SLACK, (empty_info, full_info)
    assert busy["proc"]["content"] - full["proc"]["content"] > 8 * 60, (full["proc"], busy["proc"])
    assert busy["tmpfs"]["content"] - empty["tmpfs"]["content"] <= SLACK, (empty["tmpfs"], busy["tmpfs"])
