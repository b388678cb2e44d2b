#!/usr/bin/env python3
"""The front door behind ./atoll: reads the command line and hands over to one command."""

import argparse
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

DESCRIPTION = """\
Atoll: a microkernel operating system that runs unmodified Linux programs.

    ./atoll run                     boot, and give you a shell on this terminal
    ./atoll exec -- uname -a        boot, run one command, exit with its status
    ./atoll test                    all tests; the last line says how many passed
    ./atoll image -o atoll.iso      a bootable ISO (BIOS and UEFI)
    ./atoll debug                   gdb attached to the kernel, with symbols
    ./atoll trace -- ls             run a command and decode the messages it caused
    ./atoll bench                   speed, side by side with Linux in the same QEMU
    ./atoll endurance               servers killed in turn beside a checked load

Each command has its own --help. What is missing on this machine is installed with apt first;
--no-install says what is missing instead."""


def seconds(text):
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("a positive number of seconds")
    return value


def assignment(text):
    if "=" not in text:
        raise argparse.ArgumentTypeError("NAME=VALUE")
    return text


def add_machine_options(parser):
    group = parser.add_argument_group("the machine")
    group.add_argument("--root", metavar="DIR|FILE",
                       help="what becomes / in the guest: a directory, or a tar or cpio archive "
                            "(default: Debian's busybox-static)")
    group.add_argument("--disk", metavar="IMAGE", help="not there yet: a disk image")
    group.add_argument("--smp", type=int, default=1, metavar="N", help="number of CPUs (default 1)")
    group.add_argument("--mem", default="512M", metavar="SIZE", help="memory (default 512M)")
    group.add_argument("--time", type=seconds, metavar="S", help="stop the guest after S seconds, with status 124")
    group.add_argument("--append", default="", metavar="TEXT", help="put TEXT on the kernel's command line")
    group.add_argument("--icount", action="store_true",
                       help="count instructions: time in the guest is one nanosecond each, the same in every run "
                            "(software emulation)")
    group.add_argument("--debug-kernel", action="store_true", help="the kernel with lock and leak checks and a trace")
    group.add_argument("--verify", action="store_true",
                       help="an answer of a server counts only if two incarnations come to it: finds what damaged memory does, at "
                            "some 200,000 instructions more for each call")
    group.add_argument("--keep-log", metavar="FILE", help="write the system log (kernel and servers) to FILE")
    group.add_argument("--env", action="append", default=[], type=assignment, metavar="NAME=VALUE",
                       help="add to the command's environment")
    group.add_argument("--directory", default="/", metavar="DIR", help="the command's working directory")


def command_parser(commands, name, summary, text, machine=True):
    parser = commands.add_parser(name, help=summary, description=text,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    if machine:
        add_machine_options(parser)
    return parser


def add_bench_command(commands):
    bench = command_parser(commands, "bench", "speed, side by side with Linux", """\
Boot Atoll and Debian's Linux kernel in the same QEMU, run the same programs on both, and print one
table: instructions executed (the same in every run) and time (interleaved, best of several), with
ratios, geometric means and what must be reached. Rows about the kernel alone stand beside seL4.

    ./atoll bench                                  everything but interrupts-off, which runs the tests, for minutes
    ./atoll bench stat pipe                        rows by name (`pipe` is all that begin with pipe-)
    ./atoll bench --clock instructions             without the rounds that are timed: half a minute
    ./atoll bench --clock instructions --system atoll stat     seconds: for work on one row
    ./atoll bench --json FILE --plot FILE.svg --markdown docs/performance.md

A row that cannot run says why, and the rest go on.""", machine=False)
    bench.add_argument("names", nargs="*", metavar="NAME", help="rows (default: all)")
    bench.add_argument("--list", action="store_true", help="only name the rows")
    bench.add_argument("--clock", choices=("both", "instructions", "time"), default="both")
    bench.add_argument("--system", choices=("both", "atoll", "linux"), default="both")
    bench.add_argument("--rounds", type=int, default=4, metavar="N", help="of timed boots of each kind (default 4)")
    bench.add_argument("--json", metavar="FILE", help="write everything measured")
    bench.add_argument("--plot", metavar="FILE.svg", help="write a picture of the ratios")
    bench.add_argument("--markdown", metavar="FILE", help="write the page docs/performance.md")


def add_endurance_command(commands):
    endurance = command_parser(commands, "endurance", "servers killed in turn beside a checked load", """\
Boot, run a load whose output is compared with Linux's, and kill all servers in turn meanwhile: in some phases one each
100 ms, in some one each second, in some none. Tells the throughput of the first over that of the last, and how long the pauses are.

    ./atoll endurance                               a minute of killing, instructions counted
    ./atoll endurance --clock time --minutes 10     ten minutes of each, half an hour altogether
    ./atoll endurance --supervisor                  the root server is one of those killed
    ./atoll endurance --clock time --smp 4 --markdown docs/reliability.md

The status is 0 when nobody noticed and the figures are those wanted.""", machine=False)
    endurance.add_argument("--clock", choices=("instructions", "time"), default="instructions")
    endurance.add_argument("--minutes", type=seconds, default=1, metavar="M", help="of killing at each rate (default 1)")
    endurance.add_argument("--every", default="100,1000", metavar="MS,...", help="milliseconds from kill to kill (default 100,1000)")
    endurance.add_argument("--smp", type=int, default=1, metavar="N", help="number of CPUs (default 1)")
    endurance.add_argument("--supervisor", action="store_true", help="kill the supervisor in its turn, too")
    endurance.add_argument("--markdown", metavar="FILE", help="put the figures into docs/reliability.md")


def make_parser():
    parser = argparse.ArgumentParser(prog="./atoll", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = command_parser(commands, "run", "a shell on this terminal", """\
Boot in QEMU and give you a shell on this terminal (or run COMMAND with it).

    ./atoll run
    ./atoll run --smp 4 -- top

The terminal is the guest's serial line, in raw mode: Ctrl-C and Ctrl-Z go to the guest.
Ctrl-A x ends the machine; so does leaving the shell.""")
    run.add_argument("arguments", nargs="*", metavar="COMMAND", help="default: /bin/sh -l")
    execute = command_parser(commands, "exec", "run one command", """\
Boot, run one command with its input and output here, exit with its status.

    ./atoll exec -- /bin/sh -c 'echo hello; exit 7'
    tar c . | ./atoll exec -- tar t
    ./atoll exec --root DIR --smp 4 --time 60 -- /usr/bin/program

Standard input, output and error are passed apart and unchanged. The status is the command's
(128 + n when signal n ended it), 124 after --time, 125 when the system itself failed (the
end of its log is shown), 127 when the command is not in the guest's PATH.""")
    execute.add_argument("arguments", nargs="+", metavar="COMMAND")
    test = command_parser(commands, "test", "run the tests", """\
Run all tests, or those whose name starts with (or contains) a NAME. The last line is
`N passed, N failed`; the status is 0 when none failed.

    ./atoll test                      everything, some 20 minutes on 2 CPUs
    ./atoll test host                 libraries and kernel core on this machine, under sanitizers
    ./atoll test system               what boots, and what is expected of it
    ./atoll test linux                shell snippets, compared with Debian's own kernel
    ./atoll test linux/sed-1          one of them
    ./atoll test linux --kill-every 20
                                      the same while servers and the supervisor are killed in turn, one each 20 ms
    ./atoll test fault                servers killed and corrupted while programs use them
    ./atoll test fault --faults 100000 --seed 7 --json found --markdown docs/reliability.md
                                      a long run of all kinds of faults, which can be cut off and goes on with the same line
    ./atoll test --list               the names""", machine=False)
    test.add_argument("names", nargs="*", metavar="NAME")
    test.add_argument("--list", action="store_true", help="only name the tests")
    test.add_argument("--verbose", action="store_true", help="one line for each test that passes, too")
    test.add_argument("--append", default="", metavar="TEXT",
                      help="put TEXT on the kernel's command line: fast-path=off")
    test.add_argument("--kill-every", type=int, metavar="MS", help="kill servers in turn, one each MS milliseconds, while the snippets compared with Linux run")
    test.add_argument("--long", action="store_true", help="the long runs of the fuzz targets and of the stress test too")
    test.add_argument("--faults", type=int, metavar="N", help="faults in all, shared among the fault tests that were asked for (default: some hundreds of each)")
    test.add_argument("--seed", type=int, default=1, metavar="S", help="of the first boot with faults; each further boot has the next")
    test.add_argument("--smp", type=int, default=1, metavar="N", help="CPUs of the fault tests; with more than one nothing is repeatable")
    test.add_argument("--no-blame", action="store_true", help="where something was noticed, name the last fault before it rather than looking for the one")
    test.add_argument("--json", metavar="FILE", help="keep what each boot with faults found there; a run with the same file goes on behind it")
    test.add_argument("--markdown", metavar="FILE", help="write what the fault tests found, after each boot: docs/reliability.md")
    debug = command_parser(commands, "debug", "gdb attached to the kernel", """\
Boot the debug kernel stopped at its first instruction, with gdb attached and symbols loaded.

    ./atoll debug                       a shell; its terminal is on another pty (its name is printed)
    ./atoll debug -- /bin/ls            one command
    ./atoll debug --batch 'bt'          run gdb commands instead of a session (may be repeated)
    ./atoll debug --replay LOG          a call that killed its server three times is made again

tools/gdb/atoll.py adds commands that print objects, captables and endpoints (`help atoll`).""")
    debug.add_argument("--batch", action="append", default=[], metavar="COMMAND", help="a gdb command to run")
    debug.add_argument("--replay", metavar="LOG", help="a system log (--keep-log) that tells of a refused call")
    debug.add_argument("arguments", nargs="*", metavar="COMMAND", help="default: /bin/sh -l")
    image = command_parser(commands, "image", "make a bootable ISO", """\
Make an ISO that GRUB boots on BIOS and on UEFI machines, with your own root tree in it.

    ./atoll image -o atoll.iso
    ./atoll image --root DIR -o mine.iso -- /bin/sh -l
    qemu-system-x86_64 -m 512 -cdrom atoll.iso -serial stdio

The shell (or COMMAND) is on the first serial line.""", machine=False)
    image.add_argument("--root", metavar="DIR|FILE", help="as for exec")
    image.add_argument("-o", "--output", required=True, metavar="FILE.iso")
    image.add_argument("--append", default="", metavar="TEXT", help="put TEXT on the kernel's command line")
    image.add_argument("--debug-kernel", action="store_true", help="the kernel with checks")
    image.add_argument("--verify", action="store_true", help="as for exec")
    image.add_argument("arguments", nargs="*", metavar="COMMAND", help="default: /bin/sh -l")
    trace = command_parser(commands, "trace", "a decoded trace of messages", """\
Run one command on the debug kernel and print, decoded, the last records of its trace: kernel
calls, messages, switches, exceptions, interrupts. The command's own output goes to standard error.

    ./atoll trace -- ls /
    ./atoll trace --last 200 -- sh -c 'echo hi'""")
    trace.add_argument("--last", type=int, default=1000, metavar="N", help="how many records (default 1000)")
    trace.add_argument("arguments", nargs="+", metavar="COMMAND")
    add_bench_command(commands)
    add_endurance_command(commands)
    return parser


def dispatch(options):
    if options.command == "bench":
        import bench
        return bench.main(options)
    if options.command == "endurance":
        import endurance
        return endurance.main(options)
    if options.command == "test":
        import test_main
        return test_main.main(options)
    if options.command == "image":
        import image
        return image.make(options)
    if options.command == "debug":
        import debug
        return debug.main(options)
    if options.command == "trace":
        import trace_run
        return trace_run.main(options)
    import machine
    if options.command == "run":
        return machine.interact(options, options.arguments or ["/bin/sh", "-l"])
    return machine.execute(options, options.arguments)


def split_command(arguments):
    """Everything after the first -- is the guest's command, whatever it looks like."""
    if "--" in arguments:
        position = arguments.index("--")
        return arguments[:position], arguments[position + 1:]
    return arguments, None


def report(error):
    print(f"atoll: {error}", file=sys.stderr)
    return getattr(error, "status", 125)


def main(arguments):
    parser = make_parser()
    before, after = split_command(arguments)
    if after and before and before[0] in ("run", "exec", "debug", "image", "trace"):
        # argparse must see at least one word of a command it requires, but none of its options.
        options = parser.parse_args(before + ["COMMAND"])
        options.arguments = options.arguments[:-1] + after
    else:
        options = parser.parse_args(before)
    if not options.command:
        parser.print_help()
        return 0
    import archive
    import bench_rows
    import build
    import machine
    import rootfs
    try:
        return dispatch(options)
    except build.BuildError as error:
        print(f"{error}\natoll: the build failed", file=sys.stderr)
        return 125
    except (archive.ArchiveError, machine.Refused, rootfs.RootError, bench_rows.UnknownRow) as error:
        return report(error)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)   # threads that still wait for our input must not hold the exit up
