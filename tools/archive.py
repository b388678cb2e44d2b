"""Puts the boot archive together (docs/boot-archive.md): system files, the root tree, parameters."""

import io
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import cpio
import outputs

ROOT = Path(__file__).resolve().parent.parent
SAFE = "/-_.,:=+@%^"   # with letters and digits: what stands for itself in parameters


class ArchiveError(Exception):
    """Something that has to be in the archive is missing."""


def encode(text):
    if isinstance(text, bytes):
        return quote(text, safe=SAFE.replace("%", ""))
    return quote(text, safe=SAFE.replace("%", ""), errors="surrogateescape")


def parameters(mode, arguments, environment, directory="/"):
    lines = [f"mode {mode}"] + [f"argument {encode(argument)}" for argument in arguments]
    lines += [f"environment {encode(f'{name}={value}')}" for name, value in environment.items()]
    return "\n".join(lines + [f"directory {encode(directory)}"]) + "\n"


def manifests():
    """Every manifest of a server or driver: name in the archive -> path."""
    found = {}
    for folder in ("servers", "drivers"):
        for path in sorted((ROOT / folder).glob("*/*manifest")):
            name = path.parent.name if path.name == "manifest" else path.name.removesuffix(".manifest")
            found[name] = path
    return found


def program_of(name, path):
    return program_in(path.read_text(), name)


def recovers(manifest):
    return any(line.split("#")[0].split() == ["stash"] for line in manifest.splitlines())


def program_in(manifest, name):
    for line in manifest.splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["program"]:
            return words[1]
    return name


def stripped(program, build):
    """A program without its symbols; gdb reads them from the build directory."""
    kept = build / "stripped" / program.name
    if not kept.exists() or kept.stat().st_mtime < program.stat().st_mtime:
        with outputs.whole(kept) as output:
            subprocess.run(["strip", "-o", output, program], check=True)
    return kept.read_bytes()


def services():
    for path in (ROOT / "servers/supervisor/services", ROOT / "servers/services"):
        if path.exists():
            return path.read_bytes()
    raise ArchiveError("servers/supervisor/services is missing")


def begin(output, supervisor):
    """The root server, which the kernel takes from the very beginning, and what can follow it."""
    writer = cpio.Writer(output)
    writer.first_file("system/supervisor", supervisor, 0o755)
    writer.directory("system")
    return writer


def system_part(build, only_supervisor=None, verify=False):
    """The programs and manifests. `only_supervisor`: another program in the root server's place; `verify`: services that recover have
    their answers verified."""
    output = io.BytesIO()
    if only_supervisor:
        writer = begin(output, Path(only_supervisor).read_bytes())
        writer.finish()
        return output.getvalue()
    found = manifests()
    programs = {"personality"} | {program_of(name, path) for name, path in found.items()}
    writer = begin(output, stripped(build / "supervisor", build))
    for name in sorted(programs):
        path = build / ("personality.elf" if name == "personality" else name)
        if not path.is_file():
            raise ArchiveError(f"{path.name} was not built")
        writer.file(f"system/{name}", stripped(path, build), 0o755)
    for name, path in found.items():
        text = path.read_text()
        writer.file(f"system/{name}.manifest", (text + "verify\n" if verify and recovers(text) else text).encode())
    writer.file("system/services", services())
    writer.finish()
    return output.getvalue()


def changed_part(build, replaced, more, files, programs):
    """What counts instead of, or beside, the other parts: other programs of services {name: path}, more services {name:
    (path, manifest text)}, files for them {name: bytes}, Linux programs for /bin {name: path}."""
    output = io.BytesIO()
    writer = cpio.Writer(output)
    for name, path in replaced.items():
        writer.file(f"system/{name}", stripped(path, build), 0o755)
    for name, content in files.items():
        writer.file(f"system/{name}", content)
    for name, (path, manifest) in more.items():
        writer.file(f"system/{program_in(manifest, name)}", stripped(path, build), 0o755)
        writer.file(f"system/{name}.manifest", manifest.encode())
    for name, path in programs.items():
        writer.file(f"root/bin/{name}", Path(path).read_bytes(), 0o755)
    if more:
        writer.file("system/services", services() + "".join(f"{name}\n" for name in more).encode())
    writer.finish()
    return output.getvalue()


def parameter_part(text):
    output = io.BytesIO()
    writer = cpio.Writer(output)
    writer.directory("boot")
    writer.file("boot/parameters", text.encode())
    writer.finish()
    return output.getvalue()


def assemble(path, system, root_tree, parameter_text, more=()):
    """Write a whole boot archive. `more`: further parts as bytes."""
    with open(path, "wb") as output:
        output.write(system)
        if root_tree:
            with open(root_tree, "rb") as tree:
                shutil.copyfileobj(tree, output, 1 << 20)
        for part in more:
            output.write(part)
        if parameter_text is not None:
            output.write(parameter_part(parameter_text))


def service_part(build, programs, names):
    """A system of chosen native programs: {service name: (program path, manifest text)}, started in the
    order of `names`; services of the usual system may be among them."""
    output = io.BytesIO()
    writer = begin(output, stripped(build / "supervisor", build))
    usual = manifests()
    written = set()
    for name in names:
        if name in programs:
            path, manifest = programs[name]
        else:
            path, manifest = build / program_of(name, usual[name]), usual[name].read_text()
        writer.file(f"system/{name}.manifest", manifest.encode())
        if Path(path).name not in written:
            written.add(Path(path).name)
            writer.file(f"system/{Path(path).name}", stripped(Path(path), build), 0o755)
    writer.file("system/services", ("\n".join(names) + "\n").encode())
    writer.finish()
    return output.getvalue()
