/* The architecture's contract: everything portable code may ask of the machine. The portable core calls
 * nothing else; tests/host implements the same list on Linux. Types embedded in portable
 * structures come from the small headers arch/thread.h, arch/space.h and arch/cpu.h beside this one
 * (include path: kernel/arch/<architecture> is seen as arch/). */
#pragma once

#include "abi/structures.h"
#include "arch/cpu.h"
#include "arch/space.h"
#include "arch/thread.h"
#include "mm/page.h"
#include "obj/object.h"

struct thread;
struct space;
struct fault;

/* --- time and processors --- */
/* Never goes back, on any CPU. */
uint64_t arch_time_now(void);             /* nanoseconds since boot */
uint64_t arch_cycles_time(uint64_t cycles); /* arch_cycles() (arch/cpu.h) in nanoseconds */
void arch_timer_set(uint64_t deadline);   /* one-shot, this CPU; 0: none */
void arch_cpu_kick(uint32_t cpu);         /* make it look at need_reschedule */
void arch_idle(void);                     /* wait for an interrupt and serve it; no lock held */
_Noreturn void arch_kernel_leave(void);   /* empty this CPU's stack; kernel_exit() says which thread runs */
void arch_interrupt_window(void);         /* serve pending interrupts; no lock held */
void arch_spin_hint(void);

/* --- threads: registers (arch/thread.h has inline accessors for calls and messages) --- */
status_t arch_thread_init(struct thread *thread, const struct registers *registers, struct thread *like);
void arch_thread_release(struct thread *thread); /* extended state memory */
/* Both ways only of a thread that no other CPU runs: the caller holds its lock and has seen it off
 * CPU, or it is the current one. */
void arch_thread_get_registers(const struct thread *thread, struct registers *registers);
/* Sanitised: user segments, user addresses, only user-settable flags. STATUS_BAD_ARGUMENT. */
status_t arch_thread_set_registers(struct thread *thread, const struct registers *registers);
/* This CPU goes from one thread (NULL: idle or gone) to another: extended state, FS/GS, space. */
void arch_thread_switch(struct thread *from, struct thread *to);
/* Show an alert to a reflecting thread that is about to enter user mode (abi/structures.h). It is the
 * current one; nothing happens to a thread without THREAD_REFLECT. */
void arch_thread_show_alert(struct thread *thread);
/* Hand an exception of the current thread to its own reflect entry or access fixup. False: it has none
 * for this place; the exception gate is next. */
bool arch_thread_reflect(struct thread *thread, uint64_t vector, uint64_t error_code, uint64_t address);
/* Hand a system call whose number is not the kernel's to the thread's reflect entry. False: it is a bad call. (Those from
 * outside a library have gone there already, in the entry code.) */
bool arch_thread_reflect_call(struct thread *thread);
/* which: 0 FS, 1 GS. BAD_ARGUMENT: no user address. */
status_t arch_thread_set_base(struct thread *thread, uint32_t which, uint64_t base);
uint64_t arch_thread_get_base(const struct thread *thread, uint32_t which);

/* --- spaces: page tables. Under the space's table lock. Table pages are charged to `pool`. --- */
status_t arch_space_init(struct arch_space *space, struct pool *pool);
void arch_space_release(struct arch_space *space); /* frees all tables; nobody runs in it */
/* protection: MAP_READ | MAP_WRITE | MAP_EXECUTE; uncached for device memory. Replaces an entry. */
status_t arch_space_map(struct arch_space *space, uint64_t address, physical_t page, uint32_t protection,
                        bool uncached);
/* Entries for neighbouring pages, where there are none yet: frames[i] (0: none) at the i-th page from `address`, without
 * the right to write where it is shared. A table that cannot be had is no error: the entries are missing then. */
void arch_space_fill(struct arch_space *space, uint64_t address, const physical_t *frames, uint32_t count,
                     uint32_t protection);
/* At the space's end, when nothing adds entries any more: none is left, on any CPU. False: there are tables left to be
 * freed, call again. */
bool arch_space_clear(struct arch_space *space);
bool arch_space_lookup(struct arch_space *space, uint64_t address, physical_t *page, uint32_t *protection);
/* Take away protection that is not in `protection` from what is mapped in a range; 0: all, and the entries. Stops after
 * a bounded number of entries; says where. */
uint64_t arch_space_restrict(struct arch_space *space, uint64_t start, uint64_t end, uint32_t protection);
/* No CPU uses an entry any more that was replaced or restricted before. May wait for other CPUs, which serve it even
 * while they spin for a lock. */
void arch_space_flush(struct arch_space *space);

/* The frame of the time page (struct time_page), to be shown read-only at TIME_PAGE_ADDRESS in every
 * space by space_fault. */
physical_t arch_time_page(void);

/* --- the current thread's user memory, faults resolved on the way; no lock from LOCK_SPACE up held ---
 * OK, STATUS_BAD_ADDRESS, or what kernel_user_fault says (STATUS_BLOCKED: pass it up unchanged). */
status_t arch_user_read(void *to, uint64_t from, uint64_t length);
status_t arch_user_write(uint64_t to, const void *from, uint64_t length);

/* --- devices --- */
#define ARCH_IRQ_LINES 128u /* all of these take line numbers below it, whether the machine has the line or not */
/* A line that is masked loses no interrupt: a level stays asserted, an edge is remembered and comes
 * at the unmask. */
status_t arch_irq_enable(uint32_t line); /* route to this machine's boot CPU, masked; BAD_ARGUMENT: it has none */
void arch_irq_mask(uint32_t line);
void arch_irq_unmask(uint32_t line);
uint32_t arch_port_read(uint16_t port, uint32_t width);
void arch_port_write(uint16_t port, uint32_t width, uint32_t value);
bool arch_memory_is_free_ram(physical_t start, physical_t end); /* overlaps memory the kernel hands out */
void arch_console_write(const char *bytes, uint64_t length); /* polled; early and in a panic */
void arch_console_enable(bool enabled);
status_t arch_stop(uint32_t how); /* 0 power off, 1 restart */
_Noreturn void arch_halt(void);   /* after a panic: stop every CPU */
void arch_backtrace(void);        /* to the log */
/* How many CPUs run now. cpu_count is raised before each of them starts,
 * so every cpus[] entry up to SYSTEM_CPUS_MAX must be initialised before. */
uint32_t arch_cpu_start_others(void);

/* The current thread's memory as it is mapped right now: bytes copied before the first fault, which is left alone; short
 * at a range that is not the user's, too. Any lock may be held. *missing: where it faulted, which may be some bytes on
 * (a word that straddles two pages). */
uint64_t arch_user_copy(uint64_t user, void *bytes, uint64_t length, bool to_user, uint64_t *missing);
bool arch_user_touch(uint64_t user, bool write); /* such an access would not fault now */

/* --- what the portable kernel gives the architecture --- */
/* Called by the entry code with the user registers saved in current->arch, when the fast path (ipc/call.h) has not
 * done it. The thread that goes straight to user mode; NULL, and after everything else: kernel_exit() says whose
 * registers are loaded. */
struct thread *kernel_system_call(void);
void kernel_enter(void); /* first of all on an interrupt, and on an exception from user mode: accounts its time */
/* A buffer of the current system call needs a page that only a pager can supply (FAULT_PAGER): make
 * the call to the pager, with the system call set to run again (arch_call_restart). STATUS_BLOCKED;
 * STATUS_BAD_ADDRESS if there is no pager any more, or it refused this page. */
status_t kernel_user_fault(struct fault *fault);
/* An exception in user mode. page_access: the MAP_ bit of what a page fault wanted to do at `address`; 0: it is no page
 * fault. The thread goes on if the fault could be resolved, waits for its pager, or is sent to a handler. Returns
 * what kernel_system_call does. */
struct thread *kernel_exception(uint64_t vector, uint64_t error_code, uint64_t address, uint32_t page_access);
void kernel_interrupt_line(uint32_t line);  /* a device interrupt; masked and acknowledged at the controller */
void kernel_interrupt_timer(void);
/* `boot` stays; so does the archive at `archive`, of boot->archive_size bytes, which is in the direct map but not free. */
_Noreturn void kernel_main(const struct boot_info *boot, physical_t archive);
