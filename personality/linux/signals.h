/* Signals: what is pending, what is done about it. */
#ifndef PERSONALITY_SIGNALS_H
#define PERSONALITY_SIGNALS_H

#include "access.h"

/* --- signals.c ------------------------------------------------------------------------------------------ */
/* On the way out, when the alert word is set: fetch, act, build handler frames. Called by entry.S. */
void signals_deliver(struct thread *thread);
/* Ask proc for what is pending, if the kernel has alerted us. */
void signals_fetch(struct thread *thread);
bool signal_is_ignored(int signal, uint64_t handler); /* with this handler */
bool signal_is_off(struct thread *thread, int signal); /* blocked or ignored */
/* Something that is not blocked is pending: the thread must look on its way out. */
void signals_look(struct thread *thread);
void signals_clear(struct signal_queue *queue);
bool signal_queue_take(struct task *task, struct signal_queue *queue, uint64_t allowed, struct process_siginfo *info);
/* A signal for the calling thread from itself (SIGPIPE, raise). */
void signal_raise(struct thread *thread, int signal, int code);
/* A signal for the process from itself, which has no other thread. */
void signal_raise_process(struct thread *thread, int signal);
/* A fault: the handler runs now, or the process ends. */
void signal_force(struct thread *thread, int signal, int code, uint64_t address);
/* A mask for the time of one blocking call (ppoll, sigsuspend). -EINVAL, -EFAULT. */
int signal_mask_for_call(struct thread *thread, uint64_t set, uint64_t set_size);
/* That call's result is this: unless a signal ended it, none is let in any more. */
int64_t signal_mask_after_call(struct thread *thread, int64_t result);
void signal_mask_set(struct thread *thread, uint64_t blocked);
/* Sleep until a signal or the deadline: -EINTR, or 0 at the deadline. */
int64_t thread_wait(uint64_t deadline);
uint64_t signals_pending_set(struct thread *thread);

/* --- frame.c --------------------------------------------------------------------------------------- */
/* Make the thread run this handler; false: the stack cannot take the frame. */
bool frame_push(struct thread *thread, const struct process_siginfo *info, const struct linux_sigaction *action,
                uint64_t mask_after);
uint64_t frame_size_most(void);
void siginfo_to_linux(const struct process_siginfo *info, struct linux_siginfo *result);

/* --- alternate.c ----------------------------------------------------------------------------------- */
bool alternate_holds(const struct thread *thread, uint64_t rsp);
bool alternate_active(const struct thread *thread, uint64_t rsp); /* in use by the code that has this rsp */
/* -EPERM while in use, -EINVAL, -ENOMEM. */
int alternate_set(struct thread *thread, const struct linux_stack *given, uint64_t rsp);

#endif
