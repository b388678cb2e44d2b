"""Writes cpio (newc) archives without being root: owners and device nodes are only numbers here.

The content of files of a page or more starts on a page boundary (an entry `padding` is put before
them), so that the boot archive can be mapped as it lies in memory. Readers skip `padding`.
"""

import stat

PAGE = 4096


class Writer:
    """Appends entries to a binary file object. Offsets count from where this archive starts."""

    def __init__(self, output, align=True):
        self.output = output
        self.offset = 0
        self.align = align
        self.inode = 0
        self.links = {}   # key of a file with several names -> its inode here

    def _write(self, data):
        self.output.write(data)
        self.offset += len(data)

    def _pad(self, multiple):
        self._write(bytes(-self.offset % multiple))

    def _header(self, name, mode, size, user=0, group=0, time=0, links=1, device=(0, 0), inode=0):
        fields = (inode, mode, user, group, links, time, size, 0, 0, device[0], device[1], len(name) + 1, 0)
        self._write(b"070701" + b"".join(b"%08X" % field for field in fields) + name + b"\0")
        self._pad(4)

    def _align_content(self, name):
        """Put the content of the entry that comes next on a page boundary."""
        if not self.align:
            return
        header = (110 + len(name) + 1 + 3) & ~3
        filler = (110 + len(b"padding") + 1 + 3) & ~3
        size = -(self.offset + filler + header) % PAGE
        self._header(b"padding", stat.S_IFREG | 0o400, size)
        self._write(bytes(size))

    def next_inode(self):
        self.inode += 1
        return self.inode

    def entry(self, name, mode, data=b"", user=0, group=0, time=0, device=(0, 0), link_key=None, links=1):
        """One file, directory, symbolic link (data: the target) or node."""
        name = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
        if link_key is not None and link_key in self.links:
            inode, data = self.links[link_key], b""
        else:
            inode = self.next_inode()
            if link_key is not None:
                self.links[link_key] = inode
        if stat.S_ISREG(mode) and len(data) >= PAGE:
            self._align_content(name)
        self._header(name, mode, len(data), user, group, int(time), links, device, inode)
        self._write(data)
        self._pad(4)

    def directory(self, name, mode=0o755, **more):
        self.entry(name, stat.S_IFDIR | mode, **more)

    def file(self, name, data, mode=0o644, **more):
        self.entry(name, stat.S_IFREG | mode, data, **more)

    def first_file(self, name, data, mode):
        """As it can be found by who only looks at the archive's first entry: without `padding`."""
        align, self.align = self.align, False
        self.file(name, data, mode)
        self.align = align

    def link(self, name, target, **more):
        self.entry(name, stat.S_IFLNK | 0o777, target.encode("utf-8", "surrogateescape"), **more)

    def node(self, name, kind, major, minor, mode):
        self.entry(name, kind | mode, device=(major, minor))

    def finish(self):
        self._header(b"TRAILER!!!", 0, 0)
        self._pad(PAGE)


def read(data):
    """The entries of a newc archive: (name, mode, user, group, time, links, inode, device, data)."""
    offset = 0
    while offset + 110 <= len(data):
        if data[offset:offset + 6] not in (b"070701", b"070702"):
            if data[offset] == 0:   # padding between archives
                offset += 4
                continue
            raise ValueError("not a cpio archive of the newc kind")
        field = [int(data[offset + 6 + 8 * i:offset + 14 + 8 * i], 16) for i in range(13)]
        inode, mode, user, group, links, time, size, _, _, major, minor, name_size, _ = field
        name = data[offset + 110:offset + 110 + name_size].rstrip(b"\0")
        start = (offset + 110 + name_size + 3) & ~3
        offset = (start + size + 3) & ~3
        if name != b"TRAILER!!!":
            yield name, mode, user, group, time, links, inode, (major, minor), data[start:start + size]
