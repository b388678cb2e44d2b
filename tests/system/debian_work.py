"""Work with Debian's own programs (SQLite, git, make and gcc, Python, GNU's tools and bash; tests/system/debian) comes to what it comes to
here; and to the same while all servers, drivers and the supervisor are ended in turn, each five milliseconds one of them."""

import os
import subprocess
from pathlib import Path

import endurance
import test_linux
from debian import tree

TIME = 240
CPUS = (1, 4)
WORK = Path(tree.__file__).parent
PROGRAMS = """bash cat chmod cp diff find git grep gzip head ln ls make mawk md5sum mkdir mkfifo mv paste perl readlink rm sed seq sh sha256sum
    sleep sort split sqlite3 tar timeout touch tr uname uniq wc xargs xz yes""".split()
RUN = """
export PATH=/usr/bin:/bin LC_ALL=C
for script in "$SCRIPTS"/*.sh; do
	echo "== ${script##*/}"
	rm -rf "$WORK"; mkdir -p "$WORK"; cd "$WORK"
	bash "$script"
done < /dev/null
"""
TELL = "cat /proc/atoll/services >&2"
EACH = 10         # milliseconds from kill to kill
LEAST = 20        # restarts


def root_tree(folder):
    top = Path(folder) / "debian"
    tree.add(top, [f"/usr/bin/{name}" for name in PROGRAMS])
    tree.compiler_add(top)
    tree.python_add(top)
    tree.folder_add(top, "/usr/share/git-core/templates")
    (top / "bin").symlink_to("usr/bin")
    (top / "work").mkdir()
    for script in WORK.glob("*.sh"):
        (top / "work" / script.name).write_text(script.read_text())
    return top


def run(system, top, rounds=1, tell="", **more):
    script = f"export SCRIPTS=/work WORK=/tmp/work; for round in $(seq {rounds}); do {RUN}\ndone\n{tell}"
    return system.execute(["/bin/bash", "-c", script], root=str(top), mem="1G", **more)


def here(folder):
    environment = dict(os.environ, SCRIPTS=str(WORK), WORK=str(Path(folder) / "scratch"))
    return subprocess.run(["/bin/bash", "-c", RUN], capture_output=True, env=environment)


def same(expected, done, what):
    different = test_linux.difference((0, expected.stdout), (done.status, done.output))
    assert not different, f"other than {what}:\n{different}\n{done.error.decode()[-2000:]}"


def test(system):
    top, expected = root_tree(system.folder), here(system.folder)
    if system.smp == 1:
        same(expected, run(system, top), "here")
    killed = run(system, top, tell=TELL, services=endurance.killer(EACH))
    same(expected, killed, "here, while servers are ended")
    assert test_linux.restarts_in(killed.error.decode()) >= LEAST, killed.error.decode()
