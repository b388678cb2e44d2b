#!/usr/bin/python3
"""Copy a linked kernel and fill its .symbols section, so that a panic can name functions.

usage: symbols.py LINKED OUTPUT

The section holds a count, that many pairs of 32-bit numbers (offset of a function from
kernel_base, offset of its name from the section's start), sorted, and the names. The last pair
marks the end of the code. kernel/base/symbols.c reads it.
"""
import struct
import sys

SECTION = struct.Struct('<IIQQQQIIQQ')
SYMBOL = struct.Struct('<IBBHQQ')


def text_at(table, offset):
    return table[offset:table.index(b'\0', offset)].decode()


def read_sections(image):
    start, = struct.unpack_from('<Q', image, 40)
    size, count, names_index = struct.unpack_from('<HHH', image, 58)
    sections = [SECTION.unpack_from(image, start + i * size) for i in range(count)]
    names = sections[names_index]
    table = image[names[4]:names[4] + names[5]]
    return {text_at(table, section[0]): section for section in sections}


def read_symbols(image, sections):
    symbols, strings = sections['.symtab'], sections['.strtab']
    table = image[strings[4]:strings[4] + strings[5]]
    for at in range(symbols[4], symbols[4] + symbols[5], SYMBOL.size):
        name, info, _, index, value, _ = SYMBOL.unpack_from(image, at)
        if name and index:
            yield text_at(table, name), info & 15, value


def make_table(symbols, code_start, code_end, base):
    functions = {}
    for name, kind, value in symbols:
        if kind in (0, 2) and code_start <= value < code_end and not name.startswith('.'):
            functions.setdefault(value - base, name)
    entries = sorted(functions.items()) + [(code_end - base, '')]
    names, pairs = b'', b''
    for offset, name in entries:
        pairs += struct.pack('<II', offset, 4 + 8 * len(entries) + len(names))
        names += name.encode() + b'\0'
    return struct.pack('<I', len(entries)) + pairs + names


def main():
    linked, output = sys.argv[1:]
    with open(linked, 'rb') as file:
        image = bytearray(file.read())
    sections = read_sections(image)
    symbols = list(read_symbols(image, sections))
    base = next(value for name, _, value in symbols if name == 'kernel_base')
    code, room = sections['.text'], sections['.symbols']
    table = make_table(symbols, code[3], code[3] + code[5], base)
    if len(table) > room[5]:
        sys.exit(f'symbols.py: {len(table)} bytes do not fit the {room[5]} of .symbols in kernel.ld')
    image[room[4]:room[4] + len(table)] = table
    with open(output, 'wb') as file:
        file.write(image)


if __name__ == '__main__':
    main()
