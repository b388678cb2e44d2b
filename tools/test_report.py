"""What a test is to the runner: a name, a result, and why it failed."""

import sys
import time


class Failure(Exception):
    """A test found what it did not expect."""


class Report:
    """Counts and prints results as they come."""

    def __init__(self, verbose=False):
        self.verbose = verbose
        self.passed = 0
        self.failed = []
        self.start = time.monotonic()

    def result(self, name, failure=None, seconds=None):
        took = f" ({seconds:.1f} s)" if seconds is not None else ""
        if failure is None:
            self.passed += 1
            if self.verbose:
                print(f"ok   {name}{took}")
        else:
            self.failed.append(name)
            print(f"FAIL {name}{took}")
            for line in str(failure).splitlines()[:60]:
                print("     " + line)
        sys.stdout.flush()

    def say(self, text):
        print(f"[{time.monotonic() - self.start:5.0f} s] {text}", flush=True)

    def close(self):
        if self.failed:
            print("failed: " + " ".join(self.failed))
        print(f"{self.passed} passed, {len(self.failed)} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


FLOORS = ("host", "fuzz", "system", "linux", "fault")


def selected(name, wanted):
    """Whether a test is among those asked for: all, a floor, or by a part of its name."""
    return not wanted or any(name.startswith(word + "/") if word in FLOORS else word in name for word in wanted)
