"""The status of ./atoll exec is the command's, as a shell tells it."""

TIME = 60


def test(system):
    for script, status in (("exit 0", 0), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -KILL $$", 137)):
        done = system.shell(script)
        system.equal(done.status, status, script)
        system.equal(done.output, b"", "standard output")
    done = system.shell("for i in 1 2 3; do echo $i; done | sort -r | tr 1-3 a-c; exit 7")
    system.equal((done.output, done.status), (b"c\nb\na\n", 7))
