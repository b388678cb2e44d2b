"""Reads abi/kernel.def and protocols/*.proto into plain records; no output here.

How kernel.def is written (protocols/README.md says it for the others):

  call NAME NUMBER (ARGUMENT: TYPE, ...) errors STATUS...
                          arguments in order: rdi rsi rdx r10 r8 r9; errors beyond BAD_HANDLE, WRONG_TYPE,
                          NO_RIGHT, which every handle can give; may go on in the next line
    returns MEANING       what a non-negative result is; absent: 0
    ; one line of meaning (and comments begin with a ; in the first column)

TYPE: u64 u32 i64   numbers; a u32 with high bits set is BAD_ARGUMENT
      slot          a slot number in the caller's captable (checked against its size)
      address       a user address, checked by the call itself
      OBJECT(RIGHTS)     a handle in the caller's captable: type and rights checked by the decoder;
                         the handler gets the object, which cannot be freed before it returns
      OBJECT(RIGHTS)?    the same, or 0 for none (the handler gets NULL)
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path


ONCE_BYTES = 8192   # REQUEST_INLINE_MAX: what arrives with a call


class DefinitionError(Exception):
    """A definition file says something this program does not understand."""


@dataclass
class Argument:
    name: str
    kind: str            # u64 u32 i64 i32 slot address object
    object: str = ""     # object: its type
    rights: tuple = ()   # object: rights needed
    optional: bool = False
    with_rights: bool = False


@dataclass
class KernelCall:
    name: str
    number: int
    is_message: bool
    arguments: list = field(default_factory=list)
    returns: str = ""
    errors: list = field(default_factory=list)
    meaning: str = ""


@dataclass
class Operation:
    name: str
    number: int
    inputs: list = field(default_factory=list)    # (name, type)
    outputs: list = field(default_factory=list)
    send: tuple = ()      # ("data", least, most) or ("struct", name)
    receive: tuple = ()   # ("data",) or ("struct", name)
    caps_in: list = field(default_factory=list)   # (name, optional)
    caps_out: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    once: bool = False    # a server may have it carried out exactly once
    meaning: str = ""


@dataclass
class Protocol:
    name: str
    first: int
    meaning: str = ""
    operations: list = field(default_factory=list)


OBJECT = re.compile(r"([a-z]+)\(([A-Z|]+)\)(\?)?(\+rights)?$")


def parse_argument(name, text):
    if text in ("u64", "u32", "i64", "slot", "address"):
        return Argument(name, text)
    match = OBJECT.match(text)
    if not match:
        raise DefinitionError(f"unknown argument type {text}")
    return Argument(name, "object", match[1], tuple(match[2].split("|")), bool(match[3]), bool(match[4]))


def lines_of(path, comment="#"):
    """Lines that are not empty, nor begin with a comment."""
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        if line.strip() and not line.startswith(comment):
            yield number, line.strip()


def at_line(path, number, function, *arguments):
    try:
        return function(*arguments)
    except (DefinitionError, ValueError, IndexError) as error:
        sys.exit(f"{path}:{number}: {error}")


CALL = re.compile(r"(call|message) (\w+) (\d+) \((.*)\)(?: errors ([A-Z_ ]+))?$")


def call_line(text):
    match = CALL.match(text)
    if not match:
        raise DefinitionError("a call is `call NAME NUMBER (ARGUMENT: TYPE, ...) errors STATUS...`")
    parts = [part.split(":", 1) for part in match[4].split(",") if part.strip()]
    if len(parts) > 6:
        raise DefinitionError(f"{match[2]} has more than six arguments")
    arguments = [parse_argument(name.strip(), kind.strip()) for name, kind in parts]
    return KernelCall(match[2], int(match[3]), match[1] == "message", arguments,
                      errors=(match[5] or "").split())


def kernel_line(calls, text):
    words = text.split()
    if words[0] in ("call", "message"):
        calls.append(call_line(text))
    elif words[0] == "returns":
        calls[-1].returns = text[len("returns "):]
    elif words[0] == ";":
        calls[-1].meaning = text[2:]
    else:
        raise DefinitionError(f"unknown word {words[0]}")


def joined(lines):
    """A declaration goes on until the line that says what the call returns or means."""
    begun = None
    for number, text in lines:
        if begun and not text.startswith(("returns ", "; ")):
            begun = begun[0], f"{begun[1]} {text}"
            continue
        if begun:
            yield begun
        begun = (number, text) if text.startswith(("call ", "message ")) else None
        if not begun:
            yield number, text


def read_kernel(path):
    calls = []
    for number, text in joined(lines_of(path, ";")):
        at_line(path, number, kernel_line, calls, text)
    numbers = [call.number for call in calls]
    if len(set(numbers)) != len(numbers):
        sys.exit(f"{path}: a number is used twice")
    return calls


def words_list(text):
    """`offset: i64, length: u64` -> [("offset", "i64"), ...]"""
    result = []
    for part in text.split(","):
        name, kind = (piece.strip() for piece in part.split(":"))
        if kind not in ("u64", "i64", "u32", "i32"):
            raise DefinitionError(f"unknown word type {kind}")
        result.append((name, kind))
    if len(result) > 6:
        raise DefinitionError("more than six words")
    return result


def caps_list(text):
    caps = [(part.strip().rstrip("?"), part.strip().endswith("?")) for part in text.split(",")]
    if len(caps) > 4:
        raise DefinitionError("more than four capabilities")
    return caps


def buffer_of(words, sends):
    if words[0] == "struct":
        return ("struct", words[1])
    if words[0] != "data":
        raise DefinitionError("a buffer is `data` or `struct NAME`")
    return ("data", int(words[1], 0), int(words[2], 0)) if sends else ("data",)


def protocol_line(protocol, text):
    word, _, rest = text.partition(" ")
    rest = rest.split("  #")[0].strip()
    operation = protocol.operations[-1] if protocol.operations else None
    if word == "op":
        name, number = rest.split()
        protocol.operations.append(Operation(name, int(number)))
    elif text[0] == '"' and operation:
        operation.meaning = text.strip('"')
    elif text[0] == '"':
        protocol.meaning = text.strip('"')
    elif word == "in":
        operation.inputs = words_list(rest)
    elif word == "out":
        operation.outputs = words_list(rest)
    elif word == "send":
        operation.send = buffer_of(rest.split(), True)
    elif word == "receive":
        operation.receive = buffer_of(rest.split(), False)
    elif word == "caps_in":
        operation.caps_in = caps_list(rest)
    elif word == "caps_out":
        operation.caps_out = caps_list(rest)
    elif word == "errors":
        operation.errors = rest.split()
    elif word == "once":
        operation.once = True
    else:
        raise DefinitionError(f"unknown line: {text}")


def check_once(operation):
    """Nobody waits for its answer, and the last word holds the number."""
    answers = operation.outputs or operation.receive or operation.caps_out
    long = operation.send[:1] == ("data",) and operation.send[2] > ONCE_BYTES
    if operation.once and (answers or operation.caps_in or long or len(operation.inputs) > 5):
        raise DefinitionError(f"{operation.name} is `once`: at most 5 words and {ONCE_BYTES} bytes, and no answer but the status")


def read_protocol(path):
    protocol = None
    for number, text in lines_of(path):
        if text.startswith("protocol "):
            _, name, first = text.split()
            protocol = Protocol(name, int(first, 0))
            continue
        if protocol is None:
            sys.exit(f"{path}:{number}: a `protocol NAME NUMBER` line comes first")
        at_line(path, number, protocol_line, protocol, text)
    numbers = [operation.number for operation in protocol.operations]
    if len(set(numbers)) != len(numbers):
        sys.exit(f"{path}: an operation number is used twice")
    for operation in protocol.operations:
        at_line(path, 0, check_once, operation)
    return protocol


def protocol_operations(folder):
    """{number: (protocol, operation)} of all protocols there."""
    protocols = map(read_protocol, sorted(folder.glob("*.proto")))
    return {protocol.first + operation.number: (protocol.name, operation.name) for protocol in protocols for operation in protocol.operations}
