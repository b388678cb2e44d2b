"""A request in which a server frees what is no block kills it twice; the third time the block is lost, and the request is answered."""

import re

import build

LINK = "service link0\nstash\nprogram link\nmemory 8M\n"
TELLER = "service teller\ngate link0 7 link0\nsystem control system\npriority normal\nargument 10\nargument 1\nargument astray\n"


def test(system):
    services = {"link0": (build.BUILD / "link", LINK), "teller": (build.BUILD / "teller", TELLER)}
    log = system.boot_services(services, list(services)).log
    system.contains(log, "the answer to astray is 0")
    assert len(re.findall("link0 died", log)) == 2, log
