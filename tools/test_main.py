"""`./atoll test`: gathers the tests of all floors, runs those asked for, counts.

There are two lanes, side by side where the machine has two processors: one is system tests, the other all else, and then those of the system tests
that are still waiting."""

import collections
import os
import threading
import traceback

import build
import endurance
import test_fault
import test_host
import test_linux
import test_system
from test_report import Report, selected



def main(options):
    build.build("build.ninja")   # configured is enough to know the names
    host = [(name, program) for name, program in test_host.names() if selected(name, options.names)]
    system = [entry for entry in test_system.tests() if selected(entry[0], options.names)]
    linux = [entry for entry in test_linux.tests() if selected(entry[0], options.names)]
    fault = test_fault.tests(options.names)
    if options.list:
        print("\n".join([entry[0] for entry in host + system + linux] + fault))
        return 0
    if not host and not system and not linux and not fault:
        print(f"atoll: no test is called {' or '.join(options.names)}; ./atoll test --list names them")
        return 2
    build.build(*(["host"] if host else []), *(["system"] if system or linux or fault else []),
                *(["system-tests", "bench"] if system else []), *(["system-tests"] if fault else []), *(["bench"] if options.kill_every else []),
                *(target for _, module, _ in system for target in getattr(module, "TARGETS", ())))
    report = Report(options.verbose)
    test_linux.APPEND = options.append
    test_system.LONG = options.long
    if options.kill_every:
        test_linux.SERVICES = endurance.killer(options.kill_every)

    waiting = collections.deque(system)

    def lane_of_system():
        if system:
            report.say(f"{len(system)} system tests")
            test_system.run(report, waiting)

    def lane_of_others():
        if host:
            test_host.run(report, host, options.long)
        if fault:
            test_fault.run(report, fault, options)
        if linux:
            test_linux.run(report, linux)
        test_system.run(report, waiting)
    run_lanes(report, lane_of_others, lane_of_system)
    return report.close()


def run_lanes(report, *lanes):
    if os.cpu_count() == 1:
        for lane in lanes:
            lane_run(report, lane)
        return
    threads = [threading.Thread(target=lane_run, args=(report, lane), daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def lane_run(report, lane):
    """What its tests do not catch is a failure too."""
    try:
        lane()
    except (Exception, SystemExit):   # pylint: disable=broad-except
        report.result(f"all after that of {lane.__name__}", traceback.format_exc())
