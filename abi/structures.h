/* Structures shared between the kernel and programs, other than messages. */
#pragma once

#include <stdint.h>

#define ATOLL_PAGE_SIZE 4096ull

/* A native call number is one of enum kernel_call with the top bit set. */
#define NATIVE_CALL (1ull << 63)

/* The first address a program may map, and the end of its part of the address space. Below the
 * first, so that a null pointer and what is near it never is valid. The end is a page short of
 * where x86-64 addresses stop being canonical: a SYSCALL in the very last page would leave a return
 * address that SYSRET cannot go back to safely (Intel's faults in ring 0). */
#define USER_ADDRESS_FIRST 0x10000ull
#define USER_ADDRESS_END 0x7ffffffff000ull
/* The time page (struct time_page) is mapped read-only here in every space. No region of the space
 * says so: it can be neither unmapped nor replaced, and space_query does not show it. */
#define TIME_PAGE_ADDRESS 0x7fffffffe000ull

/* Registers of a stopped thread (thread_get_registers), and what an
 * exception frame holds. Order is the kernel's save order. */
struct registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags, fs_base, gs_base;
};
_Static_assert(sizeof(struct registers) == 160, "registers cross the kernel boundary");

#define IOPORT_READ 0x100 /* ioport_read_buffer: this word holds a byte */

/* space_map flags. Protection is the rights bits READ, WRITE and EXECUTE; what may be written or
 * executed can also be read, since the hardware has no other way. No protection bit at all is a
 * mapping that faults on any touch but keeps its place and its pages. */
enum map_flags {
	MAP_READ = 1 << 0,
	MAP_WRITE = 1 << 1,
	MAP_EXECUTE = 1 << 2,
	/* A private mapping: writes go to pages of the mapping's own (charged to the space's pool);
	 * pages not written show the memory object's, or zeros where there is none. A clone of the
	 * space shares them copy-on-write. Without it the mapping is shared, also by a clone. */
	MAP_PRIVATE_COPY = 1 << 3,
	/* Replace what is mapped there. Without it, and with an address, an overlap is STATUS_BUSY. */
	MAP_REPLACE = 1 << 4,
	/* The address is only a hint: choose the highest free gap below MAP_ANYWHERE_END. */
	MAP_ANYWHERE = 1 << 5,
	/* With MAP_ANYWHERE: choose below 2 GiB (MAP_32BIT). */
	MAP_LOW = 1 << 6,
	/* Not copied to a clone of the space (MADV_DONTFORK). */
	MAP_NOT_CLONED = 1 << 7,
};
#define MAP_ANYWHERE_END 0x7fffa0000000ull

/* space_query: the region that holds an address, or the next one above it. */
/* A region is one mapping as the kernel keeps it: neighbours that were mapped alike and continue
 * each other are one region, so what comes back need not be what was mapped in one call. `resident`
 * is counted when asked and may be out of date when read. */
struct region_info {
	uint64_t address, length; /* bytes */
	uint64_t offset;          /* into the memory object */
	uint64_t flags;           /* enum map_flags */
	uint64_t memory;          /* number of the memory object; 0: none */
	uint64_t resident;        /* bytes with a page present, own or shared */
};

/* memory_create flags. Pages that are allocated at once are charged at once, so the call says
 * NO_MEMORY where a touch would have faulted later. A pinned object's pages stay where they are: it
 * cannot be resized, discarded from or supplied from, and their physical addresses (memory_physical)
 * may be given to a device for as long as the object lives. */
enum memory_flags {
	MEMORY_ZERO = 0,           /* anonymous: pages are zero-filled on first touch */
	MEMORY_POPULATE = 1 << 0,  /* all pages are allocated at once */
	MEMORY_PINNED = 1 << 1     /* for devices (implies POPULATE); each page is wherever it is */
};

/* The size is always whole pages. `resident` counts pages that other objects share as well: each
 * object pays for all it holds. `number` tells whether two capabilities name the same object. */
struct memory_info {
	uint64_t size;             /* bytes */
	uint64_t resident;         /* bytes of pages present */
	uint64_t number;           /* unique while the object lives */
};

/* In a new pool's limit: it, and pools below, leave the machine's last memory to others. */
#define POOL_SPARING (1ull << 63)

/* `used` may exceed `limit`, which can be set below what is used. The objects of pools below are
 * charged here but not counted in `objects`. */
struct pool_info {
	uint64_t limit, used; /* bytes, all that is charged, below pools included */
	uint64_t objects;     /* objects alive in this pool itself */
};

/* Thread states, as thread_info tells them. A stopped thread that was in a wait stays BLOCKED until
 * the wait ends, then is STOPPED; a dead one stays until its last capability is gone. */
enum thread_state { THREAD_RUNNABLE, THREAD_BLOCKED, THREAD_STOPPED, THREAD_DEAD };

/* A snapshot taken without stopping the thread: the members need not be of one moment. Time that
 * passes between a kernel entry and exit is system time, whoever's work the kernel did in it. */
struct thread_info {
	uint64_t number;       /* unique while the thread lives */
	uint64_t state;        /* enum thread_state */
	uint64_t user_time;    /* nanoseconds outside the kernel */
	uint64_t system_time;  /* nanoseconds inside the kernel */
	uint64_t priority, weight;
	uint64_t last_cpu;
	uint64_t switches;     /* times it was switched to */
	uint64_t waiting_call; /* id of its call in progress, or 0 */
	uint64_t on_cpu;       /* 1: it runs at this moment */
};

/* Priorities: level 0 is the most urgent, and a runnable thread of a lower number always goes
 * first. Within a level CPU time is shared by weight. A call lends its level to the server that
 * works on it, so a level is about who waits, not about who serves. */
#define PRIORITY_LEVELS 32
#define PRIORITY_DRIVER 4
#define PRIORITY_SERVER 8
#define PRIORITY_NORMAL 16
#define WEIGHT_NORMAL 1024

/* Where foreign system calls, exceptions and alerts of a space's reflecting threads go.
 * Addresses in that space. See docs/kernel/reflect.md.
 *
 * Which syscall instructions of a thread with THREAD_REFLECT are foreign is decided by place: with
 * a library ([library_begin, library_end) not empty) every one outside it, whatever its number
 * (a program's syscall(-1) must reach its personality), and none inside it. Without a library
 * (begin = end = 0: native servers on musl) every one whose number has the top bit clear. A thread
 * without THREAD_REFLECT makes only native calls.
 *
 * - A foreign syscall: rcx = return address, r11 = rflags as syscall sets them, every other
 *   register as it was, rip = system_call_entry.
 * - An exception with rip outside the library, of a thread with THREAD_REFLECT and where
 *   exception_entry is not 0: the kernel writes a struct reflect_frame at
 *   gs_base + frame_offset and sets rip = exception_entry. All other registers are as they were.
 *   Where the frame cannot be written, the exception goes to the exception endpoint.
 * - An alert with rip outside the library: as an exception, with vector REFLECT_VECTOR_ALERT.
 * - An alert with rip inside the library: the kernel writes 1 to the 64-bit word at gs_base +
 *   alert_offset. If rip lies in [exit_begin, exit_end), rip = exit_restart.
 * - An exception with rip in [access_begin, access_end): rip = access_fault, rax = fault address.
 *   Any other exception inside the library goes to the exception endpoint.
 * - A syscall from inside the library with the top bit clear returns STATUS_BAD_CALL.
 */
struct reflect_config {
	uint64_t system_call_entry, exception_entry;
	uint64_t library_begin, library_end;
	uint64_t exit_begin, exit_end, exit_restart;
	uint64_t access_begin, access_end, access_fault;
	uint64_t frame_offset, alert_offset;
};
#define REFLECT_VECTOR_ALERT 256

struct reflect_frame {
	struct registers registers; /* of the program, at the exception */
	uint64_t vector, error_code, fault_address;
};

/* thread_create flags */
enum thread_flags {
	THREAD_REFLECT = 1 << 0,     /* foreign system calls go to the space's reflect entry */
	THREAD_NO_EXTENDED = 1 << 1, /* uses no extended state (FPU, SSE): switching moves none */
	THREAD_COPY_EXTENDED = 1 << 2, /* start with a copy of the extended state of the thread in
	                                  `like`; it must be stopped, blocked, or the caller */
};

/* The thread is made stopped; thread_start lets it run. The kernel checks `registers`:
 * addresses beyond the user's part are BAD_ARGUMENT, flags a program may
 * not choose are ignored. */
struct thread_parameters {
	struct registers registers; /* at the start */
	uint64_t flags;             /* enum thread_flags */
	uint64_t slot;              /* where the capability goes */
	uint64_t priority, weight;  /* 0: the caller's */
};

/* Read by everyone, written by the kernel once at boot.
 * now (ns since boot) = (rdtsc - tsc_base) * multiplier >> shift, the product taken in 128 bits. */
struct time_page {
	uint64_t tsc_base;
	uint64_t multiplier;
	uint64_t shift;
	uint64_t tsc_frequency;     /* Hz */
	uint64_t boot_time_seconds; /* real-time clock at boot: seconds since 1970 UTC */
};

/* The figures of one moment, as near as can be had without stopping the machine. Each CPU's busy
 * and idle time together are the time since it came online. `memory_kernel` is what is in use and
 * charged to no pool: slabs that are partly free, the CPUs' stacks, the page of zeros. */
#define SYSTEM_CPUS_MAX 32
struct system_info {
	uint64_t memory_total, memory_free; /* bytes */
	uint64_t memory_kernel;             /* bytes of frames used by the kernel itself */
	uint64_t cpu_count;
	uint64_t threads, spaces, objects;  /* alive */
	uint64_t context_switches, interrupts;
	struct {
		uint64_t busy, idle; /* nanoseconds */
	} cpu[SYSTEM_CPUS_MAX];
};

/* What system_switch turns on and off. */
enum system_switch {
	SYSTEM_EARLY_CONSOLE, /* the kernel's own polled output: off once a driver owns the port; a panic turns it on again */
	SYSTEM_FAST_PATH,     /* messages of words alone, straight from thread to thread; off: the same, slower */
	SYSTEM_WATCHDOG,      /* on: milliseconds within which this must be said again, or the root server hangs and is started again; 0: never */
};

/* What the root server finds: its first slots, and a read-only copy of struct boot_info at BOOT_INFO_ADDRESS. */
enum root_slot {
	ROOT_CAPTABLE = 1,
	ROOT_SPACE = 2,
	ROOT_THREAD = 3,
	ROOT_POOL = 4,
	ROOT_SYSTEM = 5,
	ROOT_ARCHIVE = 6, /* memory: the boot archive, READ | EXECUTE | COPY */
	ROOT_FIRST_FREE = 16,
};
#define BOOT_INFO_ADDRESS 0x7fffffffd000ull
struct boot_info {
	uint64_t archive_size; /* bytes */
	uint64_t command_line_length;
	uint64_t acpi_root;           /* physical address of the RSDP; 0: not found */
	char command_line[2048];      /* NUL-terminated */
};
