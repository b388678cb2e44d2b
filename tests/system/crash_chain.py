"""A chain of servers that call each other and die at any store, at any instant: each call is carried out exactly once."""

import re

import build

CPUS = (1, 4)
TIME = 120
LINKS = 3
TOLD = 3000


def chain(system, program, told, more=None):
    """The log of a chain of links that was told so much; each link calls the one behind it."""
    services = {}
    for number in reversed(range(LINKS)):
        after = f"gate link{number + 1} 1 next\n" if number + 1 < LINKS else ""
        services[f"link{number}"] = build.BUILD / program, f"service link{number}\nstash\nprogram {program}\nmemory 64M\n{after}"
    services.update(more or {})
    gates = "".join(f"gate link{number} 2 link{number}\n" for number in range(LINKS))
    manifest = f"service teller\n{gates}system control system\npriority normal\nargument {told}\nargument {LINKS}\n"
    services["teller"] = build.BUILD / "teller", manifest
    return system.boot_services(services, list(services)).log


def check(system, log):
    for number in range(LINKS):
        system.contains(log, f"link{number} heard")
    assert "wrong" not in log and "refused" not in log and "given up" not in log, log[-3000:]


def test(system):
    check(system, chain(system, "link", 100))
    log = chain(system, "link-counted", TOLD)
    check(system, log)
    for number in range(LINKS):
        deaths = len(re.findall(f"link{number} died", log))
        assert deaths > 50, f"link{number}: only {deaths} deaths\n{log[-2000:]}"
    victims = "".join(f"argument link{number}\n" for number in range(LINKS))
    manifest = f"service killer\nsupervise\npriority driver\nsystem write system\nargument 4000\n{victims}"
    log = chain(system, "link", 5 * TOLD, {"killer": (build.BUILD / "killer", manifest)})
    check(system, log)
    kills = [int(number) for number in re.findall(r"killer: (\d+) kills", log)]
    assert kills and kills[-1] >= 100, log[-2000:]
