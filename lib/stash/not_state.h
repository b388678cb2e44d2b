/* For a variable of recoverable code that means nothing from one step to the next (a buffer for an answer), or nothing to the
 * next incarnation (what this one has mapped): it is neither kept nor saved, and begins as zeros. */
#ifndef NOT_STATE_H
#define NOT_STATE_H

#define NOT_STATE __attribute__((section(".bss.not_state")))

/* For a structure that is nowhere but in such variables and on the stack: stores through pointers to it need no hook. (Recoverable
 * code knows the mark: recoverable.h.) */
#ifndef NOT_STATE_TYPE
#define NOT_STATE_TYPE
#endif

/* For a constant that the state points to: another build has it at the same place, with its own contents. (Nothing else of a
 * program may be pointed to from one step to the next: neither functions nor constants are where they were in another build.) */
#define KEPT_CONSTANT __attribute__((section(".stash.constant")))

#endif
