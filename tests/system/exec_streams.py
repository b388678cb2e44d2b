"""exec passes input, output and error apart, unchanged, and the status."""

TIME = 60


def test(system):
    every_byte = bytes(range(256)) * 17 + b"\x10E\x10\x10\x10"
    done = system.execute(["/bin/sh", "-c", "cat; echo problem >&2; exit 7"], stdin=every_byte)
    system.equal(done.output, every_byte, "standard output")
    system.equal(done.error, b"problem\n", "standard error")
    system.equal(done.status, 7, "status")
