/* Starting the root server: a static ELF64 program with the first capabilities.
 *
 * Its captable outlives it. If it faults, a fresh space and thread start from the same image with the same
 * captable: that is all the kernel knows of recovery. */
#include "entry/entry.h"
#include "arch/arch.h"
#include "base/log.h"
#include "base/string.h"
#include "mm/pool.h"
#include <elf.h>

/* cpio in the portable ASCII format ("newc"): a header of 8-digit hexadecimal fields, the name, the content, each
 * padded to 4 bytes. The root server is the first file, whatever its name. */
#define ARCHIVE_MAGIC "070701"
#define ARCHIVE_HEADER_SIZE 110u
#define ARCHIVE_FILE_SIZE 54u
#define ARCHIVE_NAME_SIZE 94u

#define ROOT_SLOTS 16384u
#define STACK_TOP 0x7fff00000000ull
#define STACK_SIZE (256 * 1024ull)
#define ROOT_STACK_EMPTY 256u /* zeros above its stack pointer: to a C library, no arguments and nothing else */
#define RESTARTS_AT_ONCE 20u         /* within RESTART_PERIOD; the next one waits as long */
#define RESTART_PERIOD 100000000ull  /* nanoseconds */

static struct {
	struct pool *pool;
	const struct boot_info *boot; /* the kernel's own, for good: each incarnation gets a copy */
	struct captable *captable;
	struct space *space; /* of the living incarnation; only compared with */
	struct thread *thread; /* likewise: to be started */
	struct timer timer, watch;
	uint64_t patience;  /* nanoseconds; 0: it is not watched */
	bool late;          /* these have gone by once: perhaps the machine stood still */
	bool restarting;    /* on one CPU at a time */
	const uint8_t *program; /* in the boot archive */
	uint64_t program_size;
	uint64_t period_start;
	unsigned restarts;
} root;

/* What is no number is read as some number, like any other that is wrong. */
static uint64_t archive_field(const uint8_t *digits)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < 8; i++)
		value = value << 4 | ((digits[i] + (digits[i] > '9' ? 9 : 0)) & 15);
	return value;
}

/* Sizes are 32-bit fields, so sums in 64 bits do not wrap; both are checked against the archive's end. */
static bool program_find(const uint8_t *archive, uint64_t size)
{
	if (size < ARCHIVE_HEADER_SIZE || memcmp(archive, ARCHIVE_MAGIC, sizeof(ARCHIVE_MAGIC) - 1) != 0)
		return false;
	uint64_t content = (ARCHIVE_HEADER_SIZE + archive_field(archive + ARCHIVE_NAME_SIZE) + 3) & ~3ull;
	root.program = archive + content;
	root.program_size = archive_field(archive + ARCHIVE_FILE_SIZE);
	return content <= size && root.program_size <= size - content;
}

/* A copy of `size` bytes at an offset into fresh memory, mapped at a page address. */
static bool map_copy(uint64_t address, uint64_t length, uint64_t offset, const void *bytes, uint64_t size,
                     uint32_t protection)
{
	struct memory *memory = memory_create(root.pool, length, 0);
	if (!memory)
		return false;
	bool done = memory_copy_in(memory, offset, bytes, size) == size &&
	            space_map(root.space, memory, RIGHTS_ALL, address, length, 0, protection) == (status_t)address;
	object_unreference(&memory->object); /* the mapping keeps it */
	return done;
}

static uint32_t segment_protection(const Elf64_Phdr *segment)
{
	return (segment->p_flags & PF_R ? MAP_READ : 0) | (segment->p_flags & PF_W ? MAP_WRITE : 0) |
	       (segment->p_flags & PF_X ? MAP_EXECUTE : 0);
}

/* The image comes from the boot archive and is trusted to run, not to be well formed: bounds are
 * checked so that a bad one is a clean panic. Each of them is written so that it cannot wrap. */
static bool map_segment(const Elf64_Phdr *segment)
{
	uint64_t start = page_down(segment->p_vaddr);
	if (segment->p_offset > root.program_size || segment->p_filesz > root.program_size - segment->p_offset ||
	    segment->p_memsz < segment->p_filesz || segment->p_memsz > USER_ADDRESS_END ||
	    segment->p_vaddr > USER_ADDRESS_END - segment->p_memsz)
		return false;
	return map_copy(start, page_up(segment->p_vaddr + segment->p_memsz) - start, segment->p_vaddr - start,
	                root.program + segment->p_offset, segment->p_filesz, segment_protection(segment));
}

static const Elf64_Ehdr *program_header(void)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)root.program;
	if (root.program_size < sizeof(*header) || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_type != ET_EXEC || header->e_machine != EM_X86_64 ||
	    header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phoff > root.program_size ||
	    header->e_phnum > (root.program_size - header->e_phoff) / sizeof(Elf64_Phdr))
		return NULL;
	return header;
}

static bool map_program(const Elf64_Ehdr *header)
{
	const Elf64_Phdr *segments = (const Elf64_Phdr *)(root.program + header->e_phoff);
	for (unsigned i = 0; i < header->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD && !map_segment(&segments[i]))
			return false;
	return true;
}

static bool install(uint32_t slot, struct object *object, uint32_t rights)
{
	return object && captable_install(root.captable, slot, object, rights) == STATUS_OK;
}

_Static_assert(sizeof(struct boot_info) <= PAGE_SIZE, "the boot information is one page");

/* A fresh space and thread for the program, which is not started yet. */
/* A half-made incarnation is not taken apart: the caller panics. The slots of the space and the
 * thread are replaced, all others are as the last incarnation left them. */
static bool incarnate(void)
{
	const Elf64_Ehdr *header = program_header();
	/* Before all that it watches, even if they spin. */
	struct thread_parameters parameters = { .flags = THREAD_REFLECT, .priority = PRIORITY_DRIVER - 1, .weight = WEIGHT_NORMAL };
	status_t status;
	if (!header || !(root.space = space_create(root.pool)))
		return false;
	if (!map_program(header) || !map_copy(STACK_TOP - STACK_SIZE, STACK_SIZE, 0, NULL, 0, MAP_READ | MAP_WRITE) ||
	    !map_copy(BOOT_INFO_ADDRESS, PAGE_SIZE, 0, root.boot, sizeof(*root.boot), MAP_READ))
		return false;
	parameters.registers.rip = header->e_entry;
	parameters.registers.rsp = STACK_TOP - ROOT_STACK_EMPTY;
	struct thread *thread = thread_create(root.pool, root.space, root.captable, NULL, NULL, &parameters, &status);
	bool ready = thread && install(ROOT_SPACE, &root.space->object, RIGHTS_ALL) &&
	             install(ROOT_THREAD, &thread->object, RIGHTS_ALL);
	object_unreference(&root.space->object);
	if (thread)
		thread->cpu_mask = ~0ull; /* not that of whoever was interrupted */
	root.thread = thread;
	return ready;
}

static void start_late(struct timer *timer)
{
	(void)timer;
	thread_start(root.thread);
}

void root_watch(uint64_t patience)
{
	root.patience = patience;
	root.late = false;
	if (patience)
		timer_set(&root.watch, arch_time_now() + patience);
	else
		timer_cancel(&root.watch);
}

static void watch_expired(struct timer *timer)
{
	root.late = !root.late;
	if (root.late) {
		timer_set(timer, arch_time_now() + root.patience / 2);
		return;
	}
	log_print("kernel: the root server hangs\n");
	root_restart();
}

/* Once. The archive stays where the loader put it, and the program in it: a restart needs no memory
 * for the image. */
void root_start(struct pool *pool, const struct boot_info *boot, physical_t archive)
{
	root.pool = pool;
	root.boot = boot;
	root.timer.expire = start_late;
	root.watch.expire = watch_expired;
	if (!program_find(arch_direct_map(archive), boot->archive_size))
		panic("the boot archive (%lu bytes) has no root server", boot->archive_size);
	root.captable = captable_create(pool, ROOT_SLOTS);
	struct object *system = object_create(pool, OBJECT_SYSTEM);
	struct memory *memory = memory_create_physical(pool, archive, page_up(boot->archive_size), false);
	if (!root.captable || !system || !memory ||
	    !install(ROOT_CAPTABLE, &root.captable->object, RIGHTS_ALL) ||
	    !install(ROOT_POOL, &pool->object, RIGHTS_ALL) || !install(ROOT_SYSTEM, system, RIGHTS_ALL) ||
	    !install(ROOT_ARCHIVE, &memory->object, RIGHT_READ | RIGHT_EXECUTE | RIGHT_COPY) || !incarnate())
		panic("the root server cannot be started from the boot archive");
	thread_start(root.thread);
	object_unreference(system);
	object_unreference(&memory->object);
}

bool root_owns(const struct thread *thread)
{
	return thread->space == root.space;
}

static void destroy_later(uint32_t slot, enum object_type type)
{
	struct object *object;
	if (captable_lookup(root.captable, slot, type, 0, &object) == STATUS_OK)
		object_destroy_later(object);
}

/* By the thread that faulted, which has ended itself already, or by the watchdog. The old space is destroyed on the way
 * out; its threads go with it at their next entry. A fault at every start would keep the machine
 * busy for ever: hence the wait. */
void root_restart(void)
{
	uint64_t now = arch_time_now();
	if (__atomic_exchange_n(&root.restarting, true, __ATOMIC_ACQUIRE))
		return;
	if (now - root.period_start > RESTART_PERIOD) {
		root.period_start = now;
		root.restarts = 0;
	}
	log_print("kernel: the root server is started again\n");
	destroy_later(ROOT_THREAD, OBJECT_THREAD);
	destroy_later(ROOT_SPACE, OBJECT_SPACE);
	if (!incarnate())
		panic("the root server cannot be started again");
	bool often = ++root.restarts > RESTARTS_AT_ONCE;
	root_watch(root.patience);
	__atomic_store_n(&root.restarting, false, __ATOMIC_RELEASE); /* once it runs it may fault, on another CPU */
	if (often)
		timer_set(&root.timer, now + RESTART_PERIOD);
	else
		thread_start(root.thread);
}
