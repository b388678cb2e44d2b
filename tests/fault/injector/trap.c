/* Traps: a jump to itself in place of an instruction holds whoever comes to it, until the injector sees it there, changes what
 * is in its registers, and lets it go on. All threads of the victim are looked at. */
#include "injector.h"

#define LOOK 5000ull /* nanoseconds from look to look */
#define PASS 2000ull /* that a thread has to get past an instruction */

static const uint8_t jump_here[2] = { 0xeb, 0xfe };

bool victim_at(const struct victim *victim, uint64_t address, uint32_t marks)
{
	for (unsigned i = 0; i < victim->point_count; i++)
		if (victim->points[i].address == address && victim->points[i].marks & marks)
			return true;
	return false;
}

static void trap_add(struct trap *trap, uint32_t address)
{
	unsigned i = trap->count;
	if (i < POINTS_MAX && space_read(trap->victim->space, address, trap->saved[i], sizeof jump_here) == STATUS_OK &&
	    space_write(trap->victim->space, address, jump_here, sizeof jump_here) == STATUS_OK)
		trap->addresses[trap->count++] = address;
}

bool trap_set(struct trap *trap, const struct victim *victim, uint32_t marks, uint32_t after, uint64_t time)
{
	trap->victim = victim;
	trap->count = 0;
	trap->end = time_now() + time;
	for (unsigned i = 0; i < victim->point_count; i++) {
		if (victim->points[i].marks & marks)
			trap_add(trap, victim->points[i].address);
		if (victim->points[i].marks & after)
			trap_add(trap, victim->points[i].address + SYSCALL_LENGTH);
	}
	return trap->count > 0;
}

static int trap_index(const struct trap *trap, uint64_t address)
{
	for (unsigned i = 0; i < trap->count; i++)
		if (trap->addresses[i] == address)
			return (int)i;
	return -1;
}

static bool held(const struct trap *trap, slot_t thread, struct registers *registers)
{
	if (!thread_halt(thread, registers))
		return false;
	if (trap_index(trap, registers->rip) >= 0)
		return true;
	thread_start(thread);
	return false;
}

uint32_t trap_wait(const struct trap *trap, slot_t *thread, struct registers *registers)
{
	const struct victim *victim = trap->victim;
	while (time_now() < trap->end && victim_lives(victim)) {
		thread_sleep(time_now() + LOOK, 0);
		for (unsigned i = 0; i <= victim->worker_count; i++) {
			*thread = i == 0 ? victim->thread : victim->workers[i - 1];
			if (held(trap, *thread, registers))
				return (uint32_t)registers->rip;
		}
	}
	return 0;
}

static void trap_lift(const struct trap *trap, unsigned index)
{
	space_write(trap->victim->space, trap->addresses[index], trap->saved[index], sizeof jump_here);
}

void trap_pass(struct trap *trap, slot_t thread, const struct registers *registers)
{
	int index = trap_index(trap, registers->rip);
	thread_set_registers(thread, registers);
	if (index >= 0)
		trap_lift(trap, (unsigned)index);
	thread_start(thread);
	if (index < 0)
		return;
	thread_sleep(time_now() + PASS, 0);
	space_write(trap->victim->space, trap->addresses[index], jump_here, sizeof jump_here);
}

void trap_clear(struct trap *trap)
{
	for (unsigned i = 0; i < trap->count; i++)
		trap_lift(trap, i);
	trap->count = 0;
}
