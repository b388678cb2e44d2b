"""What ./atoll itself does: statuses of its own, refusals, a hung guest."""

TIME = 60


def test(system):
    done = system.front_door("exec", "--time", "4", "--", "sleep", "100")
    system.equal(done.returncode, 124, "status of a hung guest")
    done = system.front_door("exec", "--", "nosuchprogram")
    system.equal((done.returncode, done.stdout), (127, b""))
    done = system.front_door("exec", "--disk", "x", "--", "true")
    system.equal(done.returncode, 2, "--disk")
    done = system.front_door("bench", "nosuchrow")
    system.equal((done.returncode, done.stdout), (2, b""), "bench of a row that is not there")
    for command in ("run", "exec", "test", "debug", "image", "trace", "bench"):
        done = system.front_door(command, "--help")
        system.equal(done.returncode, 0, command + " --help")
        assert len(done.stdout) > 100
    done = system.front_door("exec", "--", "/bin/sh", "-c", "read x; echo got $x; echo bad >&2; exit 3", stdin=b"line\n")
    system.equal((done.returncode, done.stdout), (3, b"got line\n"))
    system.contains(done.stderr.decode(), "bad\n")
    done = system.front_door("exec", "--env", "A=b c", "--directory", "/tmp", "--", "sh", "-c", "echo $A; pwd")
    system.equal(done.stdout, b"b c\n/tmp\n")
