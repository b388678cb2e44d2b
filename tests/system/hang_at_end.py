"""A server that hangs while the machine is being stopped is found out as at other times: the machine stops, and says how the program ended."""

TIME = 90


def test(system):
    for name in ("serial2", "tmpfs"):
        done = system.shell(f"svctl hang {name}; exit 3")
        system.equal((done.output, done.status), (b"", 3), f"with {name} hanging")
        system.contains(done.log, f"{name} hangs")
