"""Linux as the oracle: the snippets of tests/linux/*.sh run on Atoll and under Debian's kernel, in
the same QEMU with the same busybox; standard output and exit status must be equal, byte for byte.

All snippets of a system run in one boot. When a boot ends early or falls silent, the snippet that
was running has failed, and the next boot goes on behind it.
"""

import argparse
import difflib
import hashlib
import io
import json
import re
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import archive
import build
import cpio
import guest
import machine
import outputs
import qemu
import rootfs

TESTS = archive.ROOT / "tests" / "linux"
SNIPPET_LIMIT = 90        # seconds, several times what the longest takes on a busy machine: it finds hangs
STATUS_CUT_OFF = 137      # of one that came to no end within it: no answer of Linux's to be kept
SILENCE_LIMIT = SNIPPET_LIMIT + 15    # seconds without a word: the boot hangs
BOOTS_MOST = 12
CPUS = (1, 4)             # every snippet runs once with each; C programs with the first alone, since
                          # the order in which their processes print is settled only there, and those of ONE_CPU
ONE_CPU = ("text.", "files.")   # programs that do one thing after the other: more CPUs have nothing to do


COMPILERS = {"glibc": ["gcc", "-pthread"], "musl": ["musl-gcc"]}
COMPILE = ["-std=gnu17", "-O1", "-g", "-static", "-w"]


class Snippet:
    """A piece of shell; or one that runs a C program of tests/linux/programs."""

    def __init__(self, name, text, program=None):
        self.name, self.text, self.program = name, text, program


def snippets():
    """`### NAME` begins a snippet in a file of several."""
    for path in sorted(TESTS.glob("*.sh")):
        for part in re.split(r"^### ", path.read_text(), flags=re.MULTILINE)[1:]:
            heading, _, text = part.partition("\n")
            yield Snippet(f"{path.stem}.{heading.strip()}", text)
    for path in sorted((TESTS / "programs").glob("*.c")):
        for library in COMPILERS:
            name = f"{path.stem}-{library}"
            yield Snippet(f"programs.{name}", f"/tests/bin/{name}\n", (path, library))


def tests():
    """Every test: (name, snippet, CPUs)."""
    for cpus in CPUS:
        for snippet in snippets():
            if cpus != CPUS[0] and (snippet.program or snippet.name.startswith(ONE_CPU)):
                continue
            yield f"linux/{snippet.name}" + (f"@{cpus}" if cpus > 1 else ""), snippet, cpus


def program(source, library):
    """A C program linked statically with one of the C libraries, compiled when its text changes."""
    text = b"".join(file.read_bytes() for file in [source, *sorted(source.parent.glob("*.h"))]) + repr(COMPILE).encode()
    path = build.CACHE / f"{source.stem}-{library}-{hashlib.sha256(text).hexdigest()[:16]}"
    if not path.exists():
        with outputs.whole(path) as output:
            subprocess.run([*COMPILERS[library], *COMPILE, str(source), "-o", str(output)], check=True)
    return path


def add_files(add, chosen):
    """The driver and the snippets. `add(name, mode, data)` puts one file in a tree."""
    for name in ("tests", "tests/s", "tests/bin"):
        add(name, stat.S_IFDIR | 0o755, b"")
    add("tests/driver", stat.S_IFREG | 0o755, (TESTS / "driver").read_bytes())
    add("tests/limit", stat.S_IFREG | 0o644, f"{SNIPPET_LIMIT}\n".encode())
    for snippet in chosen:
        add(f"tests/s/{snippet.name}", stat.S_IFREG | 0o644, snippet.text.encode())
        if snippet.program:
            source, library = snippet.program
            add(f"tests/bin/{source.stem}-{library}", stat.S_IFREG | 0o755, program(source, library).read_bytes())


APPEND = ""   # on every kernel's command line
OPTIONS = {}  # of every guest of Atoll's, whatever its test says (bench_machine.py)
SERVICES = {} # beside its usual ones: {name: (program, manifest)} (test_main.py)
RESTARTS = Snippet("restarts", "cat /proc/atoll/services\n")   # the last one beside those


def machine_options(**more):
    values = dict(root=None, disk=None, smp=1, mem="512M", time=None, append=APPEND, icount=False, debug_kernel=False,
                  keep_log=None, env=[], directory="/", quiet=True)
    return argparse.Namespace(**{**values, **more, **OPTIONS})


def atoll_line(folder, chosen, options):
    tree, _ = rootfs.prepare(None, build.CACHE)
    output = io.BytesIO()
    writer = cpio.Writer(output)
    add_files(lambda name, mode, data: writer.entry("root/" + name, mode, data), chosen)
    writer.finish()
    text = archive.parameters("exec", ["/bin/sh", "/tests/driver"], machine.ENVIRONMENT)
    path = Path(folder) / "archive"
    more = [archive.changed_part(build.BUILD, {}, SERVICES, {}, {})] if SERVICES else []
    archive.assemble(path, archive.system_part(build.BUILD), tree, text, [*more, output.getvalue()])
    return machine.command_line(options, machine.kernel(options), path)


def linux_kernel():
    kernels = sorted(Path("/boot").glob("vmlinuz-*-cloud-amd64"))
    if not kernels:
        raise rootfs.RootError("no Debian kernel in /boot (package linux-image-cloud-amd64)")
    return kernels[-1]


def linux_line(folder, chosen, options):
    path = Path(folder) / "initramfs"
    with open(path, "wb") as output:
        tree = rootfs.Tree(cpio.Writer(output, align=False), prefix="")
        tree.add("init", stat.S_IFREG | 0o755, (TESTS / "init").read_bytes())
        add_files(tree.add, chosen)
        rootfs.fill(tree, None)
        tree.writer.finish()
    accel = qemu.accelerator(build.CACHE, quiet=True)
    return qemu.command(options, accel) + ["-kernel", str(linux_kernel()), "-initrd", str(path),
                                           "-append", "console=ttyS3 quiet panic=-1 8250.nr_uarts=4 mitigations=off"]


MARK = re.compile(rb"\x01(BEGIN|END) (\S+)(?: (\d+))?\n")


def parse(data):
    """Finished snippets, and the name of the one that was still running."""
    results, running, start = {}, None, 0
    for match in MARK.finditer(data):
        name = match[2].decode()
        if match[1] == b"BEGIN":
            running, start = name, match.end()
        elif name == running:
            results[name] = (int(match[3]), data[start:match.start()])
            running = None
    return results, running


def watch(running, path):
    """Until the guest ends or nothing new comes for SILENCE_LIMIT seconds. Why it ended early, or None."""
    size, since = 0, time.monotonic()
    while not running.finished.wait(0.2):
        now = path.stat().st_size
        if now != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > SILENCE_LIMIT:
            return "hung: nothing new came"
    if running.panicked:
        return "the kernel panicked"
    return None if running.status is not None else "the machine stopped"


def boot(line, folder):
    """One boot: (results, snippet that was running, why it ended early, tail of the log)."""
    path = Path(folder) / "output"
    with open(path, "wb") as output, open("/dev/null", "r+b") as nothing:
        streams = guest.Streams(nothing.fileno(), output.fileno(), nothing.fileno())
        running = guest.Guest(line, streams, Path(folder) / "log")
        why = watch(running, path)
        running.wait(20 if why is None else 0.1)
    results, last = parse(path.read_bytes())
    return results, last, why, guest.tail(running.log_path, 15)


def run_all(make_line, chosen, options, say):
    """Every snippet's (status, output), or a text that says why there is none."""
    results, left = {}, list(chosen)
    for _ in range(BOOTS_MOST):
        with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
            done, last, why, log = boot(make_line(folder, left, options), folder)
        results.update(done)
        left = [snippet for snippet in left if snippet.name not in done]
        if not left:
            return results
        culprit = last or left[0].name
        say(f"the boot ended at {culprit} ({why or 'the driver ended'}); {len(left) - 1} to go")
        results[culprit] = f"{why or 'the driver ended'}; the end of the log:\n{log}"
        left = [snippet for snippet in left if snippet.name != culprit]
        if not left:
            return results
    for snippet in left:
        results[snippet.name] = "not run: too many boots ended early"
    return results


def oracle(chosen, options, say):
    """Linux's answers; kept, because they change only with the snippets, busybox and the kernel."""
    digest = hashlib.sha256()
    for part in [rootfs.BUSYBOX.read_bytes(), str(linux_kernel()).encode(), (TESTS / "driver").read_bytes(),
                 (TESTS / "init").read_bytes()] + [f"{s.name}\n{s.text}".encode() for s in chosen] \
            + [program(*s.program).read_bytes() for s in chosen if s.program]:
        digest.update(hashlib.sha256(part).digest())
    kept = build.CACHE / f"oracle-{digest.hexdigest()[:24]}.json"
    if kept.exists():
        saved = json.loads(kept.read_text())
        return {name: (value[0], value[1].encode("latin-1")) for name, value in saved.items()}
    say(f"{len(chosen)} snippets under Debian's kernel")
    results = run_all(linux_line, chosen, options, say)
    cut_off = [name for name, value in results.items() if isinstance(value, str) or value[0] == STATUS_CUT_OFF]
    if not cut_off:
        build.CACHE.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({name: [value[0], value[1].decode("latin-1")] for name, value in results.items()}))
    return results


def lines_of(data):
    return data.decode("utf-8", "backslashreplace").splitlines()


def difference(expected, found):
    """None when equal; otherwise what differs, for people."""
    if isinstance(expected, str):
        return "no answer from Linux: " + expected
    if isinstance(found, str):
        return found
    if expected == found:
        return None
    lines = [] if expected[0] == found[0] else [f"status: Linux {expected[0]}, Atoll {found[0]}"]
    lines += list(difflib.unified_diff(lines_of(expected[1]), lines_of(found[1]), "Linux", "Atoll", lineterm="", n=1))
    return "\n".join(lines[:25]) or "the bytes differ"


def restarts_in(services):
    """The sum of what /proc/atoll/services says."""
    return sum(map(int, re.findall(r"^\S+ +\S+ +(\d+) ", services, re.MULTILINE)))


def restarts_tell(report, cpus, answer):
    """How often servers came back while the snippets ran; not at all: whoever ends them did not."""
    restarts = restarts_in(answer[1].decode() if isinstance(answer, tuple) else "")
    report.say(f"servers came back {restarts:,} times, the supervisor not counted")
    report.result(f"linux/restarts@{cpus}", None if restarts else f"nobody was ended: {answer}")


def run(report, chosen):
    """`chosen`: (name of the test, snippet, CPUs)."""
    wanted = {snippet.name: snippet for _, snippet, _ in chosen}
    expected = oracle(list(wanted.values()), machine_options(append=""), report.say)
    for cpus in CPUS:
        batch = [(name, snippet) for name, snippet, count in chosen if count == cpus]
        if not batch:
            continue
        report.say(f"{len(batch)} snippets on Atoll with {cpus} CPU{'s' if cpus > 1 else ''}")
        all_of_them = [snippet for _, snippet in batch] + ([RESTARTS] if SERVICES else [])
        found = run_all(atoll_line, all_of_them, machine_options(smp=cpus), report.say)
        if SERVICES:
            restarts_tell(report, cpus, found.get(RESTARTS.name))
        for name, snippet in batch:
            report.result(name, difference(expected.get(snippet.name, "absent"), found.get(snippet.name, "absent")))
