/* The machine that host tests run the kernel's portable core on. */
#ifndef TESTS_HOST_MACHINE_H
#define TESTS_HOST_MACHINE_H

#include "arch/arch.h"
#include "mm/pool.h"
#include "sched/thread.h"

#define MACHINE_MEMORY (16ull << 20) /* free memory, from 1 MiB on */
#define CHECK(condition) ((condition) ? (void)0 : machine_fail(__FILE__, __LINE__, #condition))

_Noreturn void machine_fail(const char *file, int line, const char *what);
/* `--seed S --steps N` from the command line; prints the seed. */
void machine_arguments(int argc, char **argv, uint64_t *steps);
void machine_start(uint64_t seed); /* memory, classes, the root pool */
extern struct pool *machine_pool;
/* The kernel's work on the way to user mode: deferred destruction and freeing, until none is left. */
void machine_settle(void);
/* The way out of the kernel: the thread that runs next; NULL: none can. */
struct thread *machine_exit(void);
void machine_idle(void); /* until none can: those that are left die, or wait for good */
void machine_seed(uint64_t seed);
/* A thread to make kernel calls as, made current; its captable and space. */
struct thread *machine_thread(struct pool *pool, uint32_t slots);
/* One native kernel call of the current thread; restarts are made, as the hardware would. */
void machine_system_call(void); /* of the current thread, as its registers say */
status_t machine_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);

/* 0 to limit - 1 */
uint64_t machine_random(uint64_t limit);
/* Preemption points ask for a restart once in so many times; 0: never. */
extern uint32_t machine_preempt_rate;
extern uint64_t machine_time;
extern bool machine_quiet;      /* no log on stderr */

/* Each space's entries agree with the reference counts: nothing writable is shared copy-on-write. */
void machine_check_entries(void);
/* What user mode would read or write in a space, through the page tables, with faults. */
enum fault_result machine_touch(struct space *space, uint64_t address, uint8_t *byte, bool write);

#endif
