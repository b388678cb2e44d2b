/* Status values: what every kernel call returns.
 *
 * A kernel call returns a signed 64-bit value: negative is one of these, zero or positive is
 * success (some calls return a count or a handle there). They say nothing of Linux: the
 * personality and the servers turn them into errno values (lib/atoll/status.c has the table).
 */
#pragma once

/* A call that fails has in general done nothing. One that works through a range may have done the
 * beginning of it: a copy before BAD_ADDRESS, an unmapping or a discard before NO_MEMORY. Making
 * the call again is right after any of them. */
enum status {
	STATUS_OK = 0,
	STATUS_BAD_CALL = -1,        /* no kernel call has this number */
	STATUS_BAD_HANDLE = -2,      /* empty slot, or a slot past the table's end */
	STATUS_WRONG_TYPE = -3,      /* the capability names another type of object */
	STATUS_NO_RIGHT = -4,        /* the capability lacks a right the call needs */
	STATUS_BAD_ARGUMENT = -5,    /* a number out of range, a size not aligned, an unknown flag */
	STATUS_BAD_ADDRESS = -6,     /* a buffer (the caller's, or its peer's) is not mapped for this access */
	STATUS_NO_MEMORY = -7,       /* the pool's limit is reached, or the machine is full */
	STATUS_NO_SPACE = -8,        /* no gap of that size in the address space */
	STATUS_DESTROYED = -9,       /* the object was destroyed, before the call or while it waited */
	STATUS_INTERRUPTED = -10,    /* the thread was alerted; nothing happened */
	STATUS_TIMED_OUT = -11,      /* the deadline passed; nothing happened */
	STATUS_AGAIN = -12,          /* futex word differs; notification empty; try again */
	STATUS_BAD_CALL_ID = -13,    /* no call with this id is in a state that allows this */
	STATUS_BUSY = -14,           /* the object is in a state that does not allow this now */
	STATUS_OVERFLOW = -15,       /* the answer does not fit the buffer */
};
