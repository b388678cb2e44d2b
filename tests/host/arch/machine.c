/* The architecture's contract on Linux: see arch/space.h and machine.h. */
#define _GNU_SOURCE
#include "machine.h"
#include "ipc/call.h"
#include "kernel_calls.h"
#include "arch/arch.h"
#include "base/log.h"
#include "base/preempt.h"
#include "entry/entry.h"
#include "ipc/endpoint.h"
#include "mm/region.h"
#include "obj/quiesce.h"
#include "sched/scheduler.h"
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MEMORY_START (1ull << 20)

/* A build in one piece has its allocator under the sanitizer too: it must be able to look at free memory. */
#ifdef MACHINE_NO_POISON
#undef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(memory, size) ((void)(memory), (void)(size))
#endif

struct machine_entry {
	struct machine_entry *next;
	uint64_t address;
	physical_t page;
	uint32_t protection;
	bool uncached;
};

char *machine_memory;
struct pool *machine_pool;
uint32_t machine_preempt_rate;
uint64_t machine_time = 1;
bool machine_quiet;

static uint64_t random_state;
static struct arch_space *all_spaces;
static physical_t time_page;
static jmp_buf idle_point;
static bool idle_expected;

/* --- the test's side --- */

void machine_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
	__sanitizer_print_stack_trace();
	abort();
}

uint64_t machine_random(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state * 0x2545f4914f6cdd1dull >> 16) % limit;
}

void machine_arguments(int argc, char **argv, uint64_t *steps)
{
	uint64_t seed = (uint64_t)getpid() * 2654435761u;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	seed ^= (uint64_t)now.tv_nsec << 20;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--steps"))
			*steps = strtoull(argv[i + 1], NULL, 0);
	}
	printf("seed %llu steps %llu\n", (unsigned long long)seed, (unsigned long long)*steps);
	fflush(stdout);
	machine_start(seed);
}

void machine_seed(uint64_t seed)
{
	random_state = seed * 2 + 1;
}

void machine_start(uint64_t seed)
{
	machine_seed(seed);
	machine_memory = mmap(NULL, MEMORY_START + MACHINE_MEMORY, PROT_READ | PROT_WRITE,
	                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(machine_memory != (void *)-1);
	entry_init();
	cpus[0].self = &cpus[0];
	cpus[0].online = true;
	cpus[0].no_fast_path = machine_random(2);
	/* Two ranges in one section, and the odd page. */
	page_add_range(MEMORY_START + 100, MEMORY_START + MACHINE_MEMORY / 2);
	page_add_range(MEMORY_START + MACHINE_MEMORY / 2 + PAGE_SIZE, MEMORY_START + MACHINE_MEMORY);
	time_page = page_allocate(true);
	machine_pool = pool_create(NULL, page_free());
}

void machine_settle(void)
{
	uint32_t rate = machine_preempt_rate;

	machine_preempt_rate = 0;
	cpus[0].need_reschedule = false;
	do {
		object_destroy_some();
		quiesce_kernel_exit(0);
	} while (object_destroy_pending());
	lock_assert_none_held();
	machine_preempt_rate = rate;
}

struct thread *machine_exit(void)
{
	struct thread *volatile thread = NULL;

	idle_expected = true;
	if (setjmp(idle_point) == 0)
		thread = kernel_exit();
	idle_expected = false;
	cpus[0].in_idle = false;
	CHECK(cpus[0].current == thread);
	return thread;
}

void machine_idle(void)
{
	for (int tries = 0; machine_exit(); tries++)
		CHECK(tries < 1000);
}

struct thread *machine_thread(struct pool *pool, uint32_t slots)
{
	struct captable *table = captable_create(pool, slots);
	struct space *space = space_create(pool);
	struct thread_parameters parameters = {.priority = PRIORITY_NORMAL};
	status_t status;
	struct thread *thread = thread_create(pool, space, table, NULL, NULL, &parameters, &status);

	CHECK(table && space && thread);
	object_unreference(&table->object);
	object_unreference(&space->object);
	cpus[0].current = thread;
	thread->on_cpu = true;
	thread->state = THREAD_RUNNABLE;
	return thread;
}

/* What the entry code does. */
void machine_system_call(void)
{
	struct cpu *cpu = cpu_self();
	struct thread *self = cpu->current, *other = NULL;
	uint64_t number = arch_call_number(&self->arch);

	if (!cpu->attention && number == (NATIVE_CALL | KERNEL_CALL_CALL) && !self->arch.registers.r12)
		other = fastpath_call(self->arch.registers.rdi, self->arch.registers.rsi);
	else if (!cpu->attention && number == (NATIVE_CALL | KERNEL_CALL_REPLY_RECEIVE))
		other = fastpath_reply_receive(self->arch.registers.rdi, self->arch.registers.rsi);
	if (!other && number == (NATIVE_CALL | KERNEL_CALL_CALL) && self->arch.registers.r12)
		other = short_call_message();
	else if (!other && number == (NATIVE_CALL | KERNEL_CALL_REPLY_RECEIVE))
		other = short_answer_message();
	CHECK(!other || other == (struct thread *)1 || other == cpu->current);
	if (!other)
		kernel_system_call();
}

status_t machine_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	struct registers *registers = &cpus[0].current->arch.registers;
	uint64_t place = registers->rip = 0x400000;

	do {
		registers->rax = number | NATIVE_CALL;
		registers->rdi = a, registers->rsi = b, registers->rdx = c;
		registers->r10 = d, registers->r8 = e, registers->r9 = f;
		registers->rip = place + 2;
		cpus[0].need_reschedule = false;
		machine_system_call();
		lock_assert_none_held();
	} while (registers->rip == place);
	return (status_t)registers->rax;
}

static struct machine_entry **entry_link(struct arch_space *space, uint64_t address)
{
	struct machine_entry **link = &space->entries[address / PAGE_SIZE % MACHINE_BUCKETS];

	while (*link && (*link)->address != address)
		link = &(*link)->next;
	return link;
}

void machine_check_entries(void)
{
	for (struct arch_space *space = all_spaces; space; space = space->next) {
		CHECK(!space->stale);
		for (int i = 0; i < MACHINE_BUCKETS; i++)
			for (struct machine_entry *entry = space->entries[i]; entry; entry = entry->next)
				if ((entry->protection & MAP_WRITE) && !entry->uncached)
					CHECK(page_references(entry->page) == 1);
	}
}

enum fault_result machine_touch(struct space *space, uint64_t address, uint8_t *byte, bool write)
{
	enum fault_result result;

	struct fault fault = {.address = address, .access = write ? MAP_WRITE : MAP_READ};

	for (int tries = 0; tries < 3; tries++) {
		struct machine_entry *entry = *entry_link(&space->arch, address & ~(PAGE_SIZE - 1));

		if (entry && (!write || (entry->protection & MAP_WRITE))) {
			uint8_t *place = (uint8_t *)arch_direct_map(entry->page) + address % PAGE_SIZE;

			if (write)
				*place = *byte;
			else
				*byte = *place;
			return FAULT_RESOLVED;
		}
		result = space_fault(space, &fault);
		if (result != FAULT_RESOLVED)
			return result;
	}
	CHECK(!"the fault was resolved");
}

/* --- frames: freed ones may not be touched, nor be shown by any space --- */

static void check_not_shown(physical_t page)
{
	for (struct arch_space *space = all_spaces; space; space = space->next) {
		for (int i = 0; i < MACHINE_BUCKETS; i++)
			for (struct machine_entry *entry = space->entries[i]; entry; entry = entry->next)
				CHECK(entry->page != page);
		for (struct machine_entry *entry = space->stale; entry; entry = entry->next)
			CHECK(entry->page != page);
	}
}

physical_t __real_page_allocate(bool zeroed);
void __real_page_release(physical_t page);
void *__real_kernel_allocate(uint32_t size);
void __real_kernel_free(void *memory, uint32_t size);
physical_t __wrap_page_allocate(bool zeroed);
void __wrap_page_release(physical_t page);
void *__wrap_kernel_allocate(uint32_t size);
void __wrap_kernel_free(void *memory, uint32_t size);

physical_t __wrap_page_allocate(bool zeroed)
{
	physical_t page = __real_page_allocate(zeroed);

	if (page)
		ASAN_UNPOISON_MEMORY_REGION(arch_direct_map(page), PAGE_SIZE);
	if (page && !zeroed)
		memset(arch_direct_map(page), 0xa5, PAGE_SIZE);
	return page;
}

void __wrap_page_release(physical_t page)
{
	bool last = page_references(page) == 1;

	if (last)
		check_not_shown(page);
	__real_page_release(page);
	if (last)
		ASAN_POISON_MEMORY_REGION(arch_direct_map(page), PAGE_SIZE);
}

void *__wrap_kernel_allocate(uint32_t size)
{
	void *memory = __real_kernel_allocate(size);

	if (memory)
		ASAN_UNPOISON_MEMORY_REGION(memory, size);
	return memory;
}

void __wrap_kernel_free(void *memory, uint32_t size)
{
	__real_kernel_free(memory, size);
	ASAN_POISON_MEMORY_REGION(memory, size);
}

/* page.c and allocate.c look into free memory: they are built without the sanitizer, and with this. */
__attribute__((no_sanitize("address"))) void *machine_plain_memset(void *to, int value, uint64_t length)
{
	volatile char *bytes = to;

	for (uint64_t i = 0; i < length; i++)
		bytes[i] = (char)value;
	return to;
}

/* --- page tables --- */

status_t arch_space_init(struct arch_space *space, struct pool *pool)
{
	if (!pool_charge(pool, PAGE_SIZE))
		return STATUS_NO_MEMORY;
	space->root = page_allocate(true);
	if (!space->root) {
		pool_credit(pool, PAGE_SIZE);
		return STATUS_NO_MEMORY;
	}
	space->pool = pool;
	space->next = all_spaces;
	all_spaces = space;
	return STATUS_OK;
}

void arch_space_release(struct arch_space *space)
{
	struct arch_space **link = &all_spaces;

	while (!arch_space_clear(space))
		;
	while (*link != space)
		link = &(*link)->next;
	*link = space->next;
	page_release(space->root);
	pool_credit(space->pool, PAGE_SIZE);
}

bool arch_space_clear(struct arch_space *space)
{
	uint64_t stop = arch_space_restrict(space, 0, USER_ADDRESS_END, 0);

	arch_space_flush(space);
	return stop == USER_ADDRESS_END;
}

static void make_stale(struct arch_space *space, const struct machine_entry *entry)
{
	struct machine_entry *stale = malloc(sizeof(*stale));

	*stale = *entry;
	stale->next = space->stale;
	space->stale = stale;
}

status_t arch_space_map(struct arch_space *space, uint64_t address, physical_t page, uint32_t protection,
                        bool uncached)
{
	struct machine_entry **link = entry_link(space, address), *entry = *link;

	CHECK(address % PAGE_SIZE == 0 && address < USER_ADDRESS_END && page % PAGE_SIZE == 0 && page);
	if (!entry) {
		if (machine_preempt_rate && machine_random(500) == 0)
			return STATUS_NO_MEMORY;
		entry = *link = calloc(1, sizeof(*entry));
		entry->address = address;
	} else if (entry->page != page) {
		make_stale(space, entry);
	}
	entry->page = page;
	entry->protection = protection;
	entry->uncached = uncached;
	return STATUS_OK;
}

void arch_space_fill(struct arch_space *space, uint64_t address, const physical_t *frames, uint32_t count,
                     uint32_t protection)
{
	for (uint32_t i = 0; protection && i < count; i++)
		if (frames[i] && !*entry_link(space, address + i * PAGE_SIZE))
			arch_space_map(space, address + i * PAGE_SIZE, frames[i],
			               page_references(frames[i]) > 1 ? protection & ~MAP_WRITE : protection, false);
}

bool arch_space_lookup(struct arch_space *space, uint64_t address, physical_t *page, uint32_t *protection)
{
	struct machine_entry *entry = *entry_link(space, address);

	if (entry) {
		*page = entry->page;
		*protection = entry->protection;
	}
	return entry != NULL;
}

/* It stops where it likes, as the contract says. */
uint64_t arch_space_restrict(struct arch_space *space, uint64_t start, uint64_t end, uint32_t protection)
{
	if (end - start > PAGE_SIZE && machine_random(3) == 0)
		end = start + PAGE_SIZE * (1 + machine_random((end - start) / PAGE_SIZE));
	CHECK(start <= end && start % PAGE_SIZE == 0 && end % PAGE_SIZE == 0);
	for (int i = 0; i < MACHINE_BUCKETS; i++) {
		for (struct machine_entry **link = &space->entries[i]; *link;) {
			struct machine_entry *entry = *link;

			if (entry->address < start || entry->address >= end || !(entry->protection & ~protection)) {
				link = &entry->next;
				continue;
			}
			make_stale(space, entry);
			entry->protection &= protection;
			if (entry->protection) {
				link = &entry->next;
			} else {
				/* Until then whoever takes the frame away must find that it is shown here. */
				CHECK(region_at(container_of(space, struct space, arch), entry->address) ||
				      entry->address >= RANGE_END);
				*link = entry->next;
				free(entry);
			}
		}
	}
	return end;
}

void arch_space_flush(struct arch_space *space)
{
	struct machine_entry *entry;

	while ((entry = space->stale)) {
		space->stale = entry->next;
		free(entry);
	}
}

physical_t arch_time_page(void)
{
	return time_page;
}

/* --- user memory: what the entry code's copy with faults does --- */

static status_t user_copy(uint64_t user, void *bytes, uint64_t length, uint32_t access)
{
	struct space *space = cpus[0].current->space;

	for (uint64_t done = 0; done < length;) {
		struct fault fault;
		void *place;
		uint64_t part;

		switch (space_access(space, user + done, access, &place, &part, &fault)) {
		case FAULT_RESOLVED:
			break;
		case FAULT_PAGER:
			return kernel_user_fault(&fault);
		case FAULT_NO_MEMORY:
			return STATUS_NO_MEMORY;
		default:
			return STATUS_BAD_ADDRESS;
		}
		part = part < length - done ? part : length - done;
		if (access & MAP_WRITE)
			memcpy(place, (char *)bytes + done, part);
		else
			memcpy((char *)bytes + done, place, part);
		space_release(space);
		done += part;
	}
	return STATUS_OK;
}

bool arch_user_touch(uint64_t user, bool write)
{
	struct machine_entry *entry = *entry_link(&cpus[0].current->space->arch, user & ~(PAGE_SIZE - 1));

	return entry && (!write || (entry->protection & MAP_WRITE));
}

uint64_t arch_user_copy(uint64_t user, void *bytes, uint64_t length, bool to_user, uint64_t *missing)
{
	uint64_t done = 0;

	if (user >= USER_ADDRESS_END || length > USER_ADDRESS_END - user)
		return 0;
	for (; done < length && arch_user_touch(user + done, to_user); done++) {
		uint64_t page = (user + done) & ~(PAGE_SIZE - 1);
		uint8_t *place = (uint8_t *)arch_direct_map((*entry_link(&cpus[0].current->space->arch, page))->page);

		if (to_user)
			place[(user + done) % PAGE_SIZE] = ((uint8_t *)bytes)[done];
		else
			((uint8_t *)bytes)[done] = place[(user + done) % PAGE_SIZE];
	}
	*missing = user + done;
	if (done < length && machine_random(2))
		done -= done % 8; /* as where a word straddles two pages */
	return done;
}

status_t arch_user_read(void *to, uint64_t from, uint64_t length)
{
	return user_copy(from, to, length, MAP_READ);
}

status_t arch_user_write(uint64_t to, const void *from, uint64_t length)
{
	return user_copy(to, (void *)from, length, MAP_WRITE);
}

/* --- the rest of the machine, as far as the core looks at it --- */

struct cpu *cpu_self(void)
{
	return &cpus[0];
}

struct thread *cpu_current(void)
{
	return cpus[0].current;
}

uint64_t arch_time_now(void)
{
	return machine_time;
}

uint64_t arch_cycles(void)
{
	return arch_time_now();
}

uint64_t arch_cycles_time(uint64_t cycles)
{
	return cycles;
}

void arch_timer_set(uint64_t deadline)
{
	(void)deadline;
}

void arch_cpu_kick(uint32_t cpu)
{
	(void)cpu;
}

void arch_idle(void)
{
	CHECK(idle_expected);
	longjmp(idle_point, 1);
}

void arch_interrupt_window(void)
{
	lock_assert_none_held();
	if (machine_preempt_rate && machine_random(machine_preempt_rate) == 0)
		cpus[0].need_reschedule = true;
}

void arch_spin_hint(void)
{
	CHECK(!"one CPU spins for nobody");
}

status_t arch_thread_init(struct thread *thread, const struct registers *registers, struct thread *like)
{
	(void)like;
	return arch_thread_set_registers(thread, registers);
}

void arch_thread_release(struct thread *thread)
{
	(void)thread;
}

void arch_thread_get_registers(const struct thread *thread, struct registers *registers)
{
	*registers = thread->arch.registers;
}

status_t arch_thread_set_registers(struct thread *thread, const struct registers *registers)
{
	if (registers->rip >= USER_ADDRESS_END)
		return STATUS_BAD_ARGUMENT;
	thread->arch.registers = *registers;
	return STATUS_OK;
}

void arch_thread_switch(struct thread *from, struct thread *to)
{
	(void)from, (void)to;
}

void arch_thread_show_alert(struct thread *thread)
{
	(void)thread;
}

bool arch_thread_reflect_call(struct thread *thread)
{
	(void)thread;
	return false;
}

bool arch_thread_reflect(struct thread *thread, uint64_t vector, uint64_t error_code, uint64_t address)
{
	(void)thread, (void)vector, (void)error_code, (void)address;
	return false;
}

status_t arch_thread_set_base(struct thread *thread, uint32_t which, uint64_t base)
{
	(void)thread, (void)base;
	return which > 1 ? STATUS_BAD_ARGUMENT : STATUS_OK;
}

uint64_t arch_thread_get_base(const struct thread *thread, uint32_t which)
{
	(void)thread, (void)which;
	return 0;
}

status_t arch_irq_enable(uint32_t line)
{
	CHECK(line < ARCH_IRQ_LINES);
	return line < 24 ? STATUS_OK : STATUS_BAD_ARGUMENT;
}

void arch_irq_mask(uint32_t line)
{
	CHECK(line < ARCH_IRQ_LINES);
}

void arch_irq_unmask(uint32_t line)
{
	CHECK(line < ARCH_IRQ_LINES);
}

uint32_t arch_port_read(uint16_t port, uint32_t width)
{
	return port * width;
}

void arch_port_write(uint16_t port, uint32_t width, uint32_t value)
{
	(void)port, (void)width, (void)value;
}

bool arch_memory_is_free_ram(physical_t start, physical_t end)
{
	return start < MEMORY_START + MACHINE_MEMORY && end > MEMORY_START;
}

void arch_console_write(const char *bytes, uint64_t length)
{
	if (!machine_quiet)
		fwrite(bytes, 1, length, stderr);
}

void arch_console_enable(bool enabled)
{
	machine_quiet = !enabled;
}

status_t arch_stop(uint32_t how)
{
	(void)how;
	return STATUS_BUSY;
}

void arch_halt(void)
{
	abort();
}

void arch_backtrace(void)
{
	__sanitizer_print_stack_trace();
}

bool root_owns(const struct thread *thread)
{
	(void)thread;
	return false;
}

void root_restart(void)
{
	CHECK(!"the host has no root server");
}

void root_watch(uint64_t patience)
{
	(void)patience;
}
