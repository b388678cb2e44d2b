"""A call that killed its server, from a system log, made again in a fresh system (./atoll debug --replay).

A server that refuses a call says so in lines of the log (lib/server/quarantine.c):

    NAME: call ID (label L, operation O, words W W W W W W) has killed its server N times and is refused
    NAME: refused call: sends N bytes, receives N, C capabilities, step N
    NAME: refused call: bytes OFFSET: HEX

of which the last appears as often as the head of the caller's buffer needs. Numbers are as in C.
"""

import re
import struct
from pathlib import Path

import build
import machine

REFUSED = re.compile(r"\] (\S+): call (\w+) \(label (\w+), operation (\w+), words ((?:\w+ ?){6})\) has killed")
BUFFERS = re.compile(r"\] (\S+): refused call: sends (\d+) bytes, receives (\d+), (\d+) capabilities")
BYTES = re.compile(r"\] (\S+): refused call: bytes (\d+): ([0-9a-f]+)")


class Call:
    """What the log tells of one refused call."""

    def __init__(self, match):
        self.server = match[1]
        self.label, self.operation = int(match[3], 0), int(match[4], 0)
        self.words = [int(word, 0) for word in match[5].split()]
        self.sends = self.receives = self.capabilities = 0
        self.data = b""

    def message(self):
        """struct replayed_call (tools/replay/replay.h)."""
        return struct.pack("<II8Q", self.operation, len(self.data), *self.words, self.sends, self.receives) + self.data


def read(path):
    """All refused calls of a log, oldest first."""
    calls = []
    for line in Path(path).read_text(errors="replace").splitlines():
        if match := REFUSED.search(line):
            calls.append(Call(match))
        elif (match := BUFFERS.search(line)) and calls and calls[-1].server == match[1]:
            calls[-1].sends, calls[-1].receives, calls[-1].capabilities = (int(match[n]) for n in (2, 3, 4))
        elif (match := BYTES.search(line)) and calls and calls[-1].server == match[1]:
            calls[-1].data += bytes.fromhex(match[3])
    if not calls:
        raise machine.Refused(f"{path}: no call in it has been refused")
    return calls


def service(call):
    """The service that makes it again, and its file: as archive.changed_part takes them."""
    manifest = f"service replay\ngate {call.server} {call.label:#x} target\nfile replay.message message\npriority normal\n"
    return {"replay": (build.BUILD / "replay", manifest)}, {"replay.message": call.message()}
