"""gdb commands for a stopped Atoll kernel; `./atoll debug` loads them.

    atoll threads             what each CPU runs, and which threads are ready to
    atoll waiting             pool by pool, every thread of the system and what it waits for
    atoll object ADDRESS      one kernel object: type, counts, pool, and what is particular to it
    atoll captable ADDRESS    the slots of a captable that are in use
    atoll endpoint ADDRESS    its calls by state, cancel requests, receivers, bound notification
    atoll pool ADDRESS        limit, use, and the objects made from it
    atoll log                 the kernel's log

ADDRESS is any gdb expression. Lists and structures are those of kernel/*/*.h; nothing is called in
the guest, so the commands work wherever it stopped.
"""
import gdb

SLOTS_PER_BLOCK = 512
RIGHTS_MASK = 31
LEAF_TYPES = {
    "OBJECT_POOL": "pool", "OBJECT_SPACE": "space", "OBJECT_CAPTABLE": "captable", "OBJECT_THREAD": "thread",
    "OBJECT_MEMORY": "memory", "OBJECT_ENDPOINT": "endpoint", "OBJECT_GATE": "gate",
    "OBJECT_NOTIFICATION": "notification", "OBJECT_IRQ": "irq", "OBJECT_IOPORT": "ioport",
}


def pointer(expression, type_name):
    value = expression if isinstance(expression, gdb.Value) else gdb.parse_and_eval(expression)
    return value.cast(gdb.lookup_type("struct " + type_name).pointer())


def type_name_of(obj):
    number = int(obj["type"])
    for field in gdb.lookup_type("enum object_type").fields():
        if field.enumval == number:
            return field.name
    return f"type {number}"


def offset_of(struct, member):
    """In bytes; the member may be one of an unnamed structure in it. None: there is none."""
    for field in struct.fields():
        if field.name == member:
            return field.bitpos // 8
        inner = offset_of(field.type, member) if not field.name else None
        if inner is not None:
            return field.bitpos // 8 + inner
    return None


def list_members(head, type_name, member):
    """The structures on a kernel list (base/list.h), whose node is their field `member`."""
    struct = gdb.lookup_type("struct " + type_name)
    offset = offset_of(struct, member)
    node, end = head["next"], head.address
    while node != end:
        yield gdb.Value(int(node) - offset).cast(struct.pointer())
        node = node["next"]


def rights_text(rights):
    return "".join(letter if rights & 1 << bit else "-" for bit, letter in enumerate("rwxcd"))


def object_line(obj):
    obj = pointer(obj, "object")
    dead = " dead" if obj["dead"] else ""
    return (f"{int(obj):#x} {type_name_of(obj)[7:].lower()} #{int(obj['number'])}"
            f" capabilities {int(obj['capabilities'])} references {int(obj['references'])}{dead}")


def thread_line(thread):
    states, waits = gdb.lookup_type("enum thread_state"), gdb.lookup_type("enum wait_reason")
    return (f"{object_line(thread)} {gdb.Value(int(thread['state'])).cast(states)}"
            f" {gdb.Value(int(thread['wait'])).cast(waits)} level {int(thread['priority'])}"
            f" call {int(thread['call']['id']):#x}")


def call_line(call):
    """A caller's header stays in its registers (rsi); a message of the kernel has its own."""
    progress, struct = call["progress"], gdb.lookup_type("struct thread")
    source = gdb.Value(int(progress["source"])).cast(gdb.lookup_type("enum call_source"))
    marks = "".join(f" {name}" for name in ("cancelled", "delivered_before", "abandoned") if int(progress[name]))
    header, who = int(call["header"]), ""
    if str(source) == "CALL_FROM_THREAD":
        thread = gdb.Value(int(call.address) - offset_of(struct, "call")).cast(struct.pointer())
        header, who = int(thread["arch"]["registers"]["rsi"]), f" of thread #{int(thread['object']['number'])}"
    return (f"    id {int(call['id']):#x} operation {header & 0xffffffff:#x} label {int(call['label']):#x}"
            f" {source}{who}{marks}")


class Atoll(gdb.Command):
    """Look at Atoll's kernel objects: threads, waiting, object, captable, endpoint, pool, log."""

    def __init__(self):
        super().__init__("atoll", gdb.COMMAND_DATA, prefix=True)


class Subcommand(gdb.Command):
    def __init__(self):
        super().__init__("atoll " + self.name, gdb.COMMAND_DATA)


class Threads(Subcommand):
    """atoll threads: each CPU's current thread and its run queue."""
    name = "threads"

    def invoke(self, argument, from_tty):
        for index in range(int(gdb.parse_and_eval("cpu_count"))):
            cpu = gdb.parse_and_eval(f"cpus[{index}]")
            current = cpu["current"]
            print(f"CPU {index}:", thread_line(current) if int(current) else "idle")
            levels = cpu["queue"]["level"]
            for level in range(levels.type.range()[1] + 1):
                for thread in list_members(levels[level], "thread", "runnable"):
                    print("   ready:", thread_line(thread))


class Waiting(Subcommand):
    """atoll waiting: pool by pool, every thread of the system and what it waits for."""
    name = "waiting"

    def invoke(self, argument, from_tty):
        self.show(gdb.parse_and_eval("'root.c'::root.pool"), "")

    def show(self, pool, indent):
        print(f"{indent}pool #{int(pool['object']['number'])}")
        for obj in list_members(pool["objects"], "object", "in_pool"):
            kind = type_name_of(obj)
            if kind == "OBJECT_POOL":
                self.show(pointer(obj, "pool"), indent + "  ")
            elif kind == "OBJECT_THREAD":
                thread = pointer(obj, "thread")
                print(f"{indent}  {thread_line(thread)}{self.wait_text(thread)}")

    @staticmethod
    def wait_text(thread):
        """Of whom, for those that wait in a call or for a futex."""
        wait = str(gdb.Value(int(thread["wait"])).cast(gdb.lookup_type("enum wait_reason")))
        call = thread["call"]
        if wait == "WAIT_CALL" and int(call["endpoint"]):
            return f" of endpoint #{int(call['endpoint']['object']['number'])} label {int(call['label']):#x}"
        if wait == "WAIT_FUTEX":
            return f" of object #{int(thread['futex_object'])} offset {int(thread['futex_offset']):#x}"
        return ""


class Object(Subcommand):
    """atoll object ADDRESS"""
    name = "object"

    def invoke(self, argument, from_tty):
        obj = pointer(argument, "object")
        print(object_line(obj))
        leaf = LEAF_TYPES.get(type_name_of(obj))
        if leaf:
            print(pointer(obj, leaf).dereference().format_string(max_depth=2))


class Captable(Subcommand):
    """atoll captable ADDRESS"""
    name = "captable"

    def invoke(self, argument, from_tty):
        table = pointer(argument, "captable")
        for block in range((int(table["slots"]) + SLOTS_PER_BLOCK - 1) // SLOTS_PER_BLOCK):
            words = table["blocks"][block]
            if not int(words):
                continue
            for index in range(SLOTS_PER_BLOCK):
                word = int(words[index])
                if word:
                    target = gdb.Value(word & ~RIGHTS_MASK)
                    print(f"{block * SLOTS_PER_BLOCK + index:6} {rights_text(word & RIGHTS_MASK)} {object_line(target)}")


class Endpoint(Subcommand):
    """atoll endpoint ADDRESS"""
    name = "endpoint"

    def invoke(self, argument, from_tty):
        endpoint = pointer(argument, "endpoint")
        print(object_line(endpoint))
        for state in ("queued", "delivered", "parked"):
            print(f"  {state}:")
            for call in list_members(endpoint[state], "call", "in_endpoint"):
                print(call_line(call.dereference()))
        print("  cancel requests:")
        for call in list_members(endpoint["cancels"], "call", "in_cancel"):
            print(call_line(call.dereference()))
        print("  receivers:")
        for thread in list_members(endpoint["receivers"], "thread", "waiting"):
            print("   ", thread_line(thread))
        if int(endpoint["notification"]):
            print("  bound:", object_line(endpoint["notification"]))


class Pool(Subcommand):
    """atoll pool ADDRESS"""
    name = "pool"

    def invoke(self, argument, from_tty):
        pool = pointer(argument, "pool")
        print(object_line(pool), f"used {int(pool['used'])} of {int(pool['limit'])} bytes")
        for obj in list_members(pool["objects"], "object", "in_pool"):
            print("   ", object_line(obj))


class Log(Subcommand):
    """atoll log: the kernel's log ring as text."""
    name = "log"

    def invoke(self, argument, from_tty):
        ring, end = gdb.parse_and_eval("log_ring"), int(gdb.parse_and_eval("log_end"))
        size = ring.type.sizeof
        data = bytes(gdb.selected_inferior().read_memory(int(ring.address), size))
        start = max(0, end - size)
        print(b"".join(data[i % size:i % size + 1] for i in range(start, end)).decode(errors="replace"))


for command in (Atoll, Threads, Waiting, Object, Captable, Endpoint, Pool, Log):
    command()
