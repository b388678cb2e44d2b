"""A few hundred kilobytes in each direction arrive whole."""

import hashlib
import random

TIME = 120
CPUS = (1, 4)


def test(system):
    data = random.Random(1).randbytes(300000)
    done = system.shell("cat > /tmp/f; md5sum < /tmp/f; cat /tmp/f", stdin=data)
    system.equal(done.output, hashlib.md5(data).hexdigest().encode() + b"  -\n" + data, "standard output")
    system.equal(done.status, 0, "status")
