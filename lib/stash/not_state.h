/* For a variable of recoverable code that means nothing from one step to the next (a buffer for an answer), or nothing to the
 * next incarnation (what this one has mapped): it is neither kept nor saved, and begins as zeros. */
#ifndef NOT_STATE_H
#define NOT_STATE_H

#define NOT_STATE __attribute__((section(".bss.not_state")))

#endif
