"""Host tests: the portable kernel core and the libraries built for this machine under the
sanitizers, and short runs of the fuzz targets. tests/host and tests/fuzz list them.

A host test is a program build/tests/NAME that exits with 0; a fuzz target is a libFuzzer program
build/fuzz/NAME.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

import build

FUZZ_SECONDS = 2
FUZZ_SECONDS_LONG = 600
LIMIT = 300
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0", UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1")


def names():
    """What the configured build has: (`host/NAME` or `fuzz/NAME`, program)."""
    listing = build.BUILD / "host-tests"
    if not listing.exists():
        return []
    return [(line, build.BUILD / line.replace("/", "-")) for line in listing.read_text().split()]


def command(name, program, folder, long):
    if not name.startswith("fuzz/"):
        return [program]
    seconds = FUZZ_SECONDS_LONG if long else FUZZ_SECONDS
    return [program, f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=1024", "-print_final_stats=0", folder]


def run_one(report, name, program, long):
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        try:
            done = subprocess.run(command(name, program, folder, long), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  cwd=folder, env=ENVIRONMENT, timeout=LIMIT + (FUZZ_SECONDS_LONG if long else 0),
                                  text=True, errors="replace")
            failure = None if done.returncode == 0 else f"status {done.returncode}\n" + tail(done.stdout)
        except subprocess.TimeoutExpired as error:
            failure = f"no end after {error.timeout:g} seconds"
        except OSError as error:
            failure = str(error)
    report.result(name, failure, time.monotonic() - started)


def tail(text, lines=40):
    return "\n".join(text.splitlines()[-lines:])


def run(report, chosen, long):
    report.say(f"{len(chosen)} host tests and fuzz targets")
    for name, program in chosen:
        run_one(report, name, Path(program), long)
