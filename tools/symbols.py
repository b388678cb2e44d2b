#!/usr/bin/python3
"""Name the places in the kernel's code that its log tells as numbers.

usage: symbols.py KERNEL < LOG

What the kernel knows of a panic is the numbers on its stack that lie in its code (kernel/arch/x86_64/traps.c). Here the
kernel's ELF file tells which of them come right after a call, and so are return addresses: those get the name of their
function and how far in they are, the others are left out.
"""
import re
import struct
import sys
from bisect import bisect
from pathlib import Path

SECTION = struct.Struct('<IIQQQQIIQQ')
SYMBOL = struct.Struct('<IBBHQQ')
PLACE = re.compile(rb'^(  |.*(?:rip|up to) )(ffffffff8[0-9a-f]{7})(\r?\n|$)', re.MULTILINE)


def text_at(table, offset):
    return table[offset:table.index(b'\0', offset)].decode()


class Code:
    """The functions of a linked kernel."""

    def __init__(self, path):
        image = Path(path).read_bytes()
        start, = struct.unpack_from('<Q', image, 40)
        size, count, names_index = struct.unpack_from('<HHH', image, 58)
        sections = [SECTION.unpack_from(image, start + i * size) for i in range(count)]
        names = self.content(image, sections[names_index])
        named = {text_at(names, section[0]): section for section in sections}
        self.start, self.bytes = named['.text'][3], self.content(image, named['.text'])
        self.functions = sorted(self.read(self.content(image, named['.symtab']), self.content(image, named['.strtab'])))

    @staticmethod
    def content(image, section):
        return image[section[4]:section[4] + section[5]]

    def read(self, table, strings):
        for name, info, _, index, value, _ in SYMBOL.iter_unpack(table):
            text = text_at(strings, name)
            if index and info & 15 in (0, 2) and self.within(value) and text and not text.startswith('.'):
                yield value, text

    def within(self, address):
        return 0 <= address - self.start < len(self.bytes)

    def follows_call(self, address):
        at = address - self.start
        return 5 <= at <= len(self.bytes) and (self.bytes[at - 5] == 0xe8 or 0xff in (self.bytes[at - 2], self.bytes[at - 3]))

    def name(self, address):
        """An address right behind the last instruction of a function that does not return is that function's."""
        at = bisect(self.functions, (address, ''))
        value, text = self.functions[max(at - 1, 0)]
        return f'{text}+{address - value:#x}'.encode()


def named(text, kernel):
    """The log's bytes, with names."""
    code = Code(kernel) if PLACE.search(text) else None

    def replace(match):
        address = int(match[2], 16)
        if match[1] == b'  ' and not code.follows_call(address):
            return b''
        return match[1] + match[2] + b' ' + code.name(address) + match[3]
    return PLACE.sub(replace, text)


def name_file(path, kernel):
    path = Path(path)
    before = path.read_bytes() if path.exists() else b''
    after = named(before, kernel)
    if after != before:
        path.write_bytes(after)


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.buffer.write(named(sys.stdin.buffer.read(), sys.argv[1]))
