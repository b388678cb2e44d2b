"""What a test is to the runner: a name, a result, and why it failed."""

import threading
import time


class Failure(Exception):
    """A test found what it did not expect."""


class Report:
    """Counts and prints results as they come, from several threads."""

    def __init__(self, verbose=False):
        self.verbose = verbose
        self.passed = 0
        self.failed = []
        self.start = time.monotonic()
        self.lock = threading.Lock()

    def show(self, text):
        with self.lock:
            print(text, flush=True)

    def result(self, name, failure=None, seconds=None):
        took = f" ({seconds:.1f} s)" if seconds is not None else ""
        with self.lock:
            if failure is None:
                self.passed += 1
            else:
                self.failed.append(name)
        if failure is not None:
            self.show("\n     ".join([f"FAIL {name}{took}", *str(failure).splitlines()[:60]]))
        elif self.verbose:
            self.show(f"ok   {name}{took}")

    def say(self, text):
        self.show(f"[{time.monotonic() - self.start:5.0f} s] {text}")

    def close(self):
        if self.failed:
            print("failed: " + " ".join(self.failed))
        print(f"{self.passed} passed, {len(self.failed)} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


FLOORS = ("host", "fuzz", "system", "linux", "fault")


def selected(name, wanted):
    """Whether a test is among those asked for: all, a floor, or by a part of its name."""
    return not wanted or any(name.startswith(word + "/") if word in FLOORS else word in name for word in wanted)
