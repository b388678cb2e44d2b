"""The tree that becomes / in the guest: Debian's busybox alone, or a directory, tar or cpio file.

Made once and kept in build/cache under a key of what it was made from, as one part of a boot
archive (every path below `root/`) with a list of the program paths beside it.
"""

import gzip
import hashlib
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import cpio
import outputs

BUSYBOX = Path("/bin/busybox")
SVCTL = Path(__file__).resolve().parent / "svctl"   # Atoll's own command
TIME = 1704067200   # of files that have none of their own: 2024-01-01
PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")

NODES = [   # name, major, minor, mode
    ("null", 1, 3, 0o666), ("zero", 1, 5, 0o666), ("full", 1, 7, 0o666), ("random", 1, 8, 0o666),
    ("urandom", 1, 9, 0o666), ("kmsg", 1, 11, 0o644), ("tty", 5, 0, 0o666), ("console", 5, 1, 0o600),
    ("ptmx", 5, 2, 0o666), ("ttyS0", 4, 64, 0o620), ("ttyS1", 4, 65, 0o620), ("ttyS2", 4, 66, 0o620),
    ("ttyS3", 4, 67, 0o620),
]
DEVICE_LINKS = [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
                ("stderr", "/proc/self/fd/2")]

ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\n"
              "user:x:1000:1000:user:/home/user:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": "root:x:0:\ndaemon:x:1:\ntty:x:5:\nusers:x:100:user\nuser:x:1000:\nnogroup:x:65534:\n",
    "hostname": "atoll\n",
    "hosts": "127.0.0.1 localhost atoll\n",
    "profile": "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
               "export PS1='\\w \\$ '\nalias ll='ls -l'\nalias svc=svctl\n",   # busybox's shell has a svc of its own
    "shells": "/bin/sh\n",
    "issue": "Atoll\n",
    "os-release": 'NAME="Atoll"\nID=atoll\nPRETTY_NAME="Atoll"\n',
}


class RootError(Exception):
    """The tree cannot be made from what was given."""


class Tree:
    """Collects entries below a prefix, remembering names so that nothing is written twice."""

    def __init__(self, writer, prefix="root/"):
        self.writer = writer
        self.prefix = prefix
        self.seen = {""}
        self.programs = []

    def parents(self, name):
        parent = name.rpartition("/")[0]
        if parent and parent not in self.seen:
            self.add(parent, stat.S_IFDIR | 0o755)

    def add(self, name, mode, data=b"", **more):
        self.parents(name)
        if name in self.seen:
            return
        self.seen.add(name)
        if mode & 0o111 and not stat.S_ISDIR(mode):
            self.programs.append("/" + name)
        more.setdefault("time", TIME)
        self.writer.entry(self.prefix + name, mode, data, **more)

    def add_devices(self):
        """What a tree made without root lacks."""
        self.add("dev", stat.S_IFDIR | 0o755)
        for name, major, minor, mode in NODES:
            group = 5 if name.startswith("tty") else 0
            self.add("dev/" + name, stat.S_IFCHR | mode, device=(major, minor), group=group)
        for name, target in DEVICE_LINKS:
            self.add("dev/" + name, stat.S_IFLNK | 0o777, target.encode())
        for name, mode in (("proc", 0o555), ("tmp", 0o1777), ("dev/pts", 0o755), ("sys", 0o555)):
            self.add(name, stat.S_IFDIR | mode)


def applets():
    """Applet paths as `busybox --list-full` tells them: bin/sh, usr/bin/awk, ..."""
    listing = subprocess.run([BUSYBOX, "--list-full"], capture_output=True, text=True, check=True).stdout
    return [line.strip() for line in listing.split() if line.strip() != "bin/busybox"]


def busybox_tree(tree):
    for name, mode in (("bin", 0o755), ("sbin", 0o755), ("usr", 0o755), ("usr/bin", 0o755), ("usr/sbin", 0o755),
                       ("etc", 0o755), ("root", 0o700), ("home", 0o755), ("var", 0o755), ("var/log", 0o755),
                       ("var/tmp", 0o1777), ("var/spool", 0o755), ("var/spool/cron", 0o755),
                       ("var/spool/cron/crontabs", 0o755), ("run", 0o755), ("mnt", 0o755), ("srv", 0o755),
                       ("opt", 0o755), ("usr/local", 0o755), ("usr/local/bin", 0o755)):
        tree.add(name, stat.S_IFDIR | mode)
    tree.add("home/user", stat.S_IFDIR | 0o755, user=1000, group=1000)
    tree.add("bin/busybox", stat.S_IFREG | 0o755, BUSYBOX.read_bytes())
    for name in applets():
        tree.add(name, stat.S_IFLNK | 0o777, b"/bin/busybox")
    tree.add("usr/local/sbin", stat.S_IFDIR | 0o755)
    tree.add("usr/local/sbin/svctl", stat.S_IFREG | 0o755, SVCTL.read_bytes())
    tree.add("usr/local/sbin/svc", stat.S_IFLNK | 0o777, b"svctl")
    for name, text in ETC.items():
        tree.add("etc/" + name, stat.S_IFREG | 0o644, text.encode())
    tree.add("etc/mtab", stat.S_IFLNK | 0o777, b"/proc/mounts")


def walk(top):
    """Every path below a directory with its lstat, parents first, in a fixed order."""
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(folders + names):
            path = os.path.join(folder, name)
            yield os.path.relpath(path, top), path, os.lstat(path)


def directory_tree(tree, top):
    own = os.getuid()
    for name, path, status in walk(top):
        mode = status.st_mode
        if stat.S_ISSOCK(mode):
            continue
        data = b""
        if stat.S_ISREG(mode):
            data = Path(path).read_bytes()
        elif stat.S_ISLNK(mode):
            data = os.fsencode(os.readlink(path))
        # Who is not root cannot own root's files; what is theirs becomes root's, as in a container.
        user = 0 if own and status.st_uid == own else status.st_uid
        group = 0 if own and status.st_gid == os.getgid() else status.st_gid
        several = stat.S_ISREG(mode) and status.st_nlink > 1
        tree.add(name, mode, data, user=user, group=group, time=status.st_mtime,
                 device=(os.major(status.st_rdev), os.minor(status.st_rdev)),
                 link_key=(status.st_dev, status.st_ino) if several else None,
                 links=status.st_nlink if several else 1)


TAR_KINDS = {tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK, tarfile.CHRTYPE: stat.S_IFCHR,
             tarfile.BLKTYPE: stat.S_IFBLK, tarfile.FIFOTYPE: stat.S_IFIFO}


def clean_name(name):
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise RootError(f"{name}: a path with ..")
    return "/".join(parts)


def tar_tree(tree, path):
    with tarfile.open(path) as archive:
        counts = {}
        for member in archive:
            if member.islnk():
                counts[clean_name(member.linkname)] = counts.get(clean_name(member.linkname), 1) + 1
        for member in archive:
            name = clean_name(member.name)
            if not name:
                continue
            target = clean_name(member.linkname) if member.islnk() else name
            data = b""
            if member.isreg() or member.islnk():
                data = archive.extractfile(member).read()
            elif member.issym():
                data = os.fsencode(member.linkname)
            kind = TAR_KINDS.get(member.type, stat.S_IFREG)
            tree.add(name, kind | (0o777 if member.issym() else member.mode), data, user=member.uid,
                     group=member.gid, time=member.mtime, device=(member.devmajor, member.devminor),
                     link_key=target if target in counts else None, links=counts.get(target, 1))


def cpio_tree(tree, path):
    data = Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    contents = {}   # of files with several names: the bytes come with any one of them, often the last
    for _, mode, _, _, _, links, inode, _, content in cpio.read(data):
        if links > 1 and stat.S_ISREG(mode) and content:
            contents[inode] = content
    for name, mode, user, group, time, links, inode, device, content in cpio.read(data):
        several = links > 1 and stat.S_ISREG(mode)
        content = contents.get(inode, content) if several else content
        text = clean_name(os.fsdecode(name))
        if text:
            tree.add(text, mode, content, user=user, group=group, time=time, device=device, links=links,
                     link_key=inode if several else None)


def is_cpio(path):
    with open(path, "rb") as file:
        head = file.read(6)
    if head[:2] == b"\x1f\x8b":
        with gzip.open(path) as file:
            head = file.read(6)
    return head in (b"070701", b"070702")


def key_of(source):
    """A name for the cached tree that changes with what it is made from."""
    digest = hashlib.sha256()
    for program in (__file__, cpio.__file__):
        digest.update(Path(program).read_bytes())
    if source is None:
        if not BUSYBOX.exists():
            raise RootError(f"{BUSYBOX} is missing (package busybox-static)")
        digest.update(BUSYBOX.read_bytes() + SVCTL.read_bytes())
    elif Path(source).is_dir():
        for name, _, status in walk(source):
            digest.update(repr((name, status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_rdev,
                                status.st_mtime_ns, status.st_ctime_ns, status.st_ino)).encode())
    else:
        status = os.stat(source)
        digest.update(repr((os.path.abspath(source), status.st_size, status.st_mtime_ns, status.st_ino)).encode())
    return digest.hexdigest()[:24]


def fill(tree, source):
    if source is None:
        busybox_tree(tree)
    elif Path(source).is_dir():
        directory_tree(tree, source)
    elif tarfile.is_tarfile(source):
        tar_tree(tree, source)
    elif is_cpio(source):
        cpio_tree(tree, source)
    else:
        raise RootError(f"{source} is neither a directory nor a tar or cpio archive")
    tree.add_devices()


def forget_old(cache, keep=6):
    trees = sorted(cache.glob("root-*.cpio"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in trees[keep:]:
        path.unlink(missing_ok=True)
        path.with_suffix(".programs").unlink(missing_ok=True)


def prepare(source, cache):
    """The archive part for a tree and the paths of its programs, made now or found in the cache."""
    if source is not None and not Path(source).exists():
        raise RootError(f"{source} does not exist")
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"root-{key_of(source)}.cpio"
    programs = path.with_suffix(".programs")
    if not (path.exists() and programs.exists()):
        with outputs.whole(path) as partial, open(partial, "wb") as output:
            writer = cpio.Writer(output)
            writer.directory("root", time=TIME)
            tree = Tree(writer)
            fill(tree, source)
            writer.finish()
        with outputs.whole(programs) as partial:
            partial.write_text("\n".join(tree.programs), errors="surrogateescape")
        forget_old(cache)
    else:
        os.utime(path)
    return path, set(programs.read_text(errors="surrogateescape").split("\n"))


def find_program(name, programs):
    """The path of a command as a shell with the usual PATH would find it; None if there is none."""
    if "/" in name:
        return name
    for folder in PATH:
        if f"{folder}/{name}" in programs:
            return f"{folder}/{name}"
    return None
