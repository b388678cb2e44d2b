/* The stash: what a server remembers, at one address in each of its incarnations, and its twin: the same as it was before the step
 * in hand.
 *
 * Recoverable code (compiled with compiler.cc) notes what it is about to write in the stash, so that a commit can bring it to the twin;
 * until then the start of the step can be had again at any instruction. README.md says how, and why it works.
 *
 * In the address space, from low to high: the journal (header, then the list of what the step in hand has written), the twin, the
 * image (variables of recoverable code, placed by stash.ld), the heap. All of it is one memory object that outlives the server: first
 * the image and the heap, then the journal and the twin. */
#ifndef STASH_H
#define STASH_H

#define STASH_JOURNAL 0x10000000 /* address of the header */
#define STASH_LIST 0x10010000    /* of the list: granules' numbers times STASH_CODE, 8 bytes each */
#define STASH_TWIN 0x20000000    /* of the twin of the image; that of anything is STASH_SIZE below it */
#define STASH_BASE 0x40000000    /* of the image */
#define STASH_IMAGE_MAX 0x400000
#define STASH_HEAP (STASH_BASE + STASH_IMAGE_MAX)
#define STASH_SIZE 0x20000000    /* image and heap */
#define STASH_GRANULE_SHIFT 5
#define STASH_GRANULE (1 << STASH_GRANULE_SHIFT) /* bytes that are noted at a time */
#define STASH_GRANULES (STASH_SIZE / STASH_GRANULE)
#define STASH_LIST_SIZE (STASH_GRANULES * 8) /* every granule is noted once a step at most */
#define STASH_JOURNAL_SIZE (STASH_TWIN + STASH_SIZE - STASH_JOURNAL) /* with the twin */
#define STASH_OBJECT_SIZE (STASH_SIZE + STASH_JOURNAL_SIZE) /* of the memory object; in it are, from these offsets on: */
#define STASH_LIST_OFFSET (STASH_SIZE + STASH_LIST - STASH_JOURNAL)
#define STASH_TWIN_OFFSET (STASH_SIZE + STASH_TWIN - STASH_JOURNAL)
/* Offsets in the header, for save.S. */
#define STASH_AT_LIST_END 16
#define STASH_AT_LIST_END_AGAIN 72
/* Numbers of the journal are multiples of this (a prime, 2^n + 1 or - 1 for no n in question, so that a bit of damage shows, and
 * which). */
#define STASH_CODE 131059
#define STASH_CODE_INVERSE 0x518311d3f3e1b13b /* modulo 2^64 */

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STASH_MAGIC 0x336873617473ull
#define STASH_LASTING 4 /* variables that are */
#define STASH_RECORD_SIZE 0x6400
#define STASH_SCRATCH_SIZE 0x3000

/* At STASH_JOURNAL. Written without hooks, in the order that stash.c argues. */
struct stash_header {
	uint64_t magic;
	uint64_t unused;
	uint64_t list_end;  /* address after the last entry of the list; odd while a commit brings them to the twin */
	/* Two counts of steps, each above one bit: the number of the record that counts from then on; times STASH_CODE. */
	uint64_t committed; /* one store here commits a step */
	uint64_t step;      /* in hand if its count is one more, else there is none */
	uint64_t call;      /* in hand: to blame if the server dies; 0: none, or it dies by another's will */
	uint64_t reserved;
	uint64_t awake;     /* time at which this incarnation had its first answer ready; the user's */
	uint64_t left;      /* what `committed` was when an incarnation ended itself for another build to go on */
	uint64_t list_end_again; /* a second time, never odd */
	uint64_t image_end; /* where the variables of every build so far end; times STASH_CODE */
	uint64_t lasting[STASH_LASTING]; /* stash.c */
	uint64_t checked; /* `step` of the last one that was looked at to be committed, where answers are verified */
	uint64_t fault; /* address at which the last incarnation faulted; 0: at none, UINT64_MAX: the machine does not say */
	_Alignas(16) unsigned char scratch[STASH_SCRATCH_SIZE]; /* the user's; never taken back */
	_Alignas(16) unsigned char record[2][STASH_RECORD_SIZE];
};
_Static_assert(sizeof(struct stash_header) <= STASH_LIST - STASH_JOURNAL, "the list begins after it");
_Static_assert(STASH_LIST + STASH_LIST_SIZE <= STASH_TWIN && STASH_TWIN == STASH_BASE - STASH_SIZE, "one after the other");
_Static_assert(offsetof(struct stash_header, list_end) == STASH_AT_LIST_END, "save.S knows it");
_Static_assert(offsetof(struct stash_header, list_end_again) == STASH_AT_LIST_END_AGAIN, "likewise");

/* The granule that an entry of the list stands for; STASH_GRANULES or more: it is damaged. */
static inline uint64_t stash_granule(uint64_t entry)
{
	return entry * STASH_CODE_INVERSE;
}
_Static_assert((uint64_t)STASH_CODE * STASH_CODE_INVERSE == 1, "modulo 2^64");

/* The steps that one of the header's two counts stands for. */
static inline uint64_t stash_steps(uint64_t count)
{
	return count / STASH_CODE >> 1;
}

#define stash_journal ((struct stash_header *)STASH_JOURNAL)

/* Before anything else in a new incarnation: take back the step that its predecessor did not finish. False: the stash is
 * not one. `fresh`: no step has been committed in it. */
bool stash_open(bool *fresh);
/* A step: everything between is as if it had never been, or is there for good. With `new_record` what was prepared in
 * stash_record_next() is the record from then on, by the very store that commits. */
void stash_begin(void);
void stash_commit(bool new_record);
/* Last before a commit: what the step has written is copied, and it is the copies that the commit makes count, whatever becomes of the
 * state meanwhile. Of a step that has written much nothing is copied. */
void stash_freeze(void);
/* The granule that the list's entry of this number stands for, as it will count: its copy, or itself. */
const uint64_t *stash_frozen(uint64_t number);
/* After that, and after all that looks at it: the commit may write the twin. */
void stash_open_twin(void);
/* Take the step in hand back, if there is one; else what the last one had yet to bring to the twin is brought. */
void stash_roll_back(void);
/* So many times: a second time finds what went wrong in the first. With more than one, the twin is believed where no step is in hand, too, and is read only but
 * while a step is brought to it. */
extern unsigned stash_roll_backs;
bool stash_step_in_hand(void);
/* Between two steps, where the state ends every incarnation: pointers that a bit leads out of the stash, to where the last one faulted (as the
 * header has it), are made right; how many. */
unsigned stash_mend_pointers(uint64_t fault);
/* STASH_RECORD_SIZE bytes each, written without hooks: the record that counts, and the other one. */
static inline void *stash_record(void)
{
	return stash_journal->record[stash_journal->committed & 1];
}
static inline void *stash_record_next(void)
{
	return stash_journal->record[~stash_journal->committed & 1];
}

/* A variable that no step takes back, of granules of its own (64 bytes; so is the size), written without hooks: from its first step on. At
 * most STASH_LASTING of them; the same may be told again. */
void stash_lasting(const void *address, uint64_t size);

/* Note these bytes: before they are written by what is not recoverable code (the kernel, an assembly routine). Bytes
 * outside of the stash are ignored. */
static inline void stash_save_bytes(const void *address, uint64_t length)
{
	__asm__ volatile("sub $128, %%rsp\n\tcall stash_save_range\n\tadd $128, %%rsp"
	                 :
	                 : "D"(address), "S"(length)
	                 : "rax", "rdx", "r11", "cc", "memory");
}

/* The allocator for recoverable code, under the C library's rules. free and realloc of what is not an allocated block
 * trap: a server that does so is broken. From stash_forgive() on, where it has done so again and again because its state is damaged,
 * free leaves what is none. */
void *stash_malloc(size_t size);
void *stash_calloc(size_t count, size_t size);
void *stash_realloc(void *block, size_t size);
void stash_free(void *block);
void stash_forgive(void);
char *stash_strdup(const char *text);
uint64_t stash_heap_end(void); /* there is no memory from here on; 0: the heap has not been used */
uint64_t stash_heap_end_of_twin(void);
bool stash_has_block(const void *address, uint64_t size); /* there may be one of this size at the address; nothing is read */

/* Given by what the stash is used in: zeros for this part of the heap and its twin, before it is touched. False: there is no memory. */
bool stash_supply(uint64_t offset, uint64_t length);
/* Likewise: a long step has left so much of the list without use. */
void stash_trim(uint64_t offset, uint64_t length);
/* Likewise: bytes of the memory object, zeros where it has no memory yet, which it is not given for that. */
void stash_peek(uint64_t offset, void *to, uint64_t length);
/* Likewise: the twin may only be read, or written as well. */
void stash_protect_twin(bool read_only);
#endif

#endif
