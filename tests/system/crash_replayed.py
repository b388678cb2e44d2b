"""A call that killed its server is in the log with all its bytes, and is made again from there."""

import re
from pathlib import Path

import build
import replay

TEXT = "deadly-" + 56 * "x"
LINK = "service link0\nstash\nprogram link\nsystem write system\n"
TELLER = f"service teller\ngate link0 7 link0\nsystem control system\npriority normal\nargument 10\nargument 1\nargument {TEXT}\n"


def test(system):
    services = {"link0": (build.BUILD / "link", LINK), "teller": (build.BUILD / "teller", TELLER)}
    log = system.boot_services(services, list(services)).log
    system.contains(log, f"the answer to {TEXT} is -5")
    system.contains(log, "link0 heard 10 of 10: right")
    kept = Path(system.folder) / "kept"
    kept.write_text(log)
    (call,) = replay.read(kept)
    system.equal((call.server, call.label, call.operation, call.words[0], call.sends, call.data),
                 ("link0", 7, 0x800, 5, len(TEXT), TEXT.encode()), "the call")
    more, files = replay.service(call)
    again = system.execute(["/bin/sleep", "1"], services={"link0": services["link0"], **more}, files=files).log
    system.contains(again, "replay: it was answered with -5")
    assert len(re.findall("link0 died", again)) == 3, again
    kept.write_text(again)
    system.equal(replay.read(kept)[0].message(), call.message(), "the call made again")
    done = system.front_door("debug", "--replay", str(kept), "--batch", "print 6 * 7")
    system.contains(done.stdout.decode(), "= 42")
    system.contains(done.stderr.decode(), "operation 0x800 will be called again through label 0x7 of link0")
