"""The instructions of a program as a table for the fault injector (tests/fault/injector/injector.h, struct instruction)."""

import re
import struct
import subprocess

import definitions
from build import ROOT

LINE = re.compile(r"^ +([0-9a-f]+):\t((?:[0-9a-f]{2} )+)|^[0-9a-f]+ <(.*)>:$", re.MULTILINE)
BRANCH, HEAP, KERNEL, CALL, REPLY, RECEIVE = 1, 2, 4, 8, 16, 32   # enum mark
MESSAGES = {"message_call": CALL, "message_reply": REPLY, "message_receive": RECEIVE, "message_reply_receive": REPLY | RECEIVE}
SYSCALL = b"\x0f\x05"
NUMBER = b"\x48\xb8"   # of a kernel call goes to rax, shortly before
NUMBER_BEFORE = 3      # instructions, at most
PREFIXES = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3}
ONE_BYTE_OPERANDS = {op for op in range(0x40) if op & 7 < 4} | {0x63, 0x69, 0x6b, 0xc0, 0xc1, 0xc6, 0xc7, 0xf6, 0xf7,
                                                                 0xfe, 0xff} | set(range(0x80, 0x90)) | set(range(0xd0, 0xd4))
TWO_BYTE_OPERANDS = {0x1f, 0xa3, 0xa4, 0xa5, 0xab, 0xac, 0xad, 0xae, 0xaf} | set(range(0x10, 0x18)) | set(range(0x28, 0x30)) \
    | set(range(0x40, 0x77)) | set(range(0x7e, 0x80)) | set(range(0x90, 0xa0)) | set(range(0xb0, 0xc2)) | set(range(0xd0, 0xff))
NONE = 255


def operand_at(code, place, there):
    return place if there and place < len(code) else NONE


def decoded(code):
    """Where the last byte of the opcode is, where the ModR/M byte (SDM 2A 2.1), and whether it is a conditional branch."""
    at = 0
    while at < len(code) - 1 and (code[at] in PREFIXES or code[at] & 0xf0 == 0x40):
        at += 1
    if code[at] != 0x0f:
        return at, operand_at(code, at + 1, code[at] in ONE_BYTE_OPERANDS), code[at] & 0xf0 == 0x70
    at += 1
    if at < len(code) - 1 and code[at] in (0x38, 0x3a):
        return at + 1, operand_at(code, at + 2, True), False
    return at, operand_at(code, at + 1, code[at] in TWO_BYTE_OPERANDS), code[at] & 0xf0 == 0x80


def may_lack_memory():
    """Numbers of the kernel calls that may find no memory."""
    return {call.number for call in definitions.read_kernel(ROOT / "abi/kernel.def") if "NO_MEMORY" in call.errors}


def marks_of(function, first, code, before, numbers):
    """What the injector may do at this instruction; `before`: those before it."""
    if code == SYSCALL:
        if function in MESSAGES:
            return MESSAGES[function]
        called = [known[2] for known in before[-NUMBER_BEFORE:] if known.startswith(NUMBER)]
        return KERNEL if called and called[-1] in numbers else 0
    return HEAP if first and function == "stash_malloc" else 0


def listing(program):
    """[(address, digits, symbol)]: instructions, and the functions before them, which have a symbol alone."""
    text = subprocess.run(["objdump", "-d", "-w", program], check=True, stdout=subprocess.PIPE, text=True).stdout
    return LINE.findall(text)


def table(program):
    out, function, before, numbers = bytearray(), None, [], may_lack_memory()
    for address, digits, symbol in listing(program):
        if symbol:
            function, before = symbol, []
            continue
        code = bytes.fromhex(digits)
        opcode, operand, branch = decoded(code)
        marks = marks_of(function, not before, code, before, numbers) | (BRANCH if branch else 0)
        out += struct.pack("<IBBBB", int(address, 16), len(code), opcode, operand, marks)
        before.append(code)
    return bytes(out)
