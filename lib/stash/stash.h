/* The stash: what a server remembers, at one address in each of its incarnations, and an undo log of the step in hand.
 *
 * Recoverable code (compiled with compiler.cc) saves the old contents of what it overwrites in the stash, so at any
 * instruction the start of the step can be had again. README.md says how, and why it works.
 *
 * In the address space, from low to high: the journal (header, then the undo log), the image (variables of recoverable
 * code, placed by stash.ld), the heap. All of it is one memory object that outlives the server: first the image and the
 * heap, then the journal. */
#ifndef STASH_H
#define STASH_H

#define STASH_JOURNAL 0x10000000 /* address of the header */
#define STASH_LOG 0x10010000     /* of the undo log */
#define STASH_BASE 0x40000000    /* of the image */
#define STASH_IMAGE_MAX 0x400000
#define STASH_HEAP (STASH_BASE + STASH_IMAGE_MAX)
#define STASH_SIZE 0x20000000    /* image and heap */
#define STASH_GRANULE_SHIFT 5
#define STASH_GRANULE (1 << STASH_GRANULE_SHIFT) /* bytes that are saved at a time */
/* Every granule is saved once a step at most, and takes a word beside its bytes. */
#define STASH_JOURNAL_SIZE (STASH_LOG - STASH_JOURNAL + STASH_SIZE / STASH_GRANULE * (STASH_GRANULE + 8))
#define STASH_OBJECT_SIZE (STASH_SIZE + STASH_JOURNAL_SIZE) /* of the memory object */
/* Offsets in the header, for save.S. */
#define STASH_AT_LOG_END 16
#define STASH_AT_STEP 32
/* Numbers of the header are multiples of the one (a prime, 2^n + 1 or - 1 for no n in question, so that a bit of damage shows,
 * and which), marks of entries differ by multiples of the other (likewise). */
#define STASH_CODE 131059
#define STASH_MARK 0x7fffffed

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STASH_MAGIC 0x326873617473ull
#define STASH_RECORD_SIZE 0x7000
#define STASH_SCRATCH_SIZE 0x1800

/* At STASH_JOURNAL. Written without hooks, in the order that stash.c argues. */
struct stash_header {
	uint64_t magic;
	uint64_t unused;
	uint64_t log_end;   /* address after the last entry of the undo log; a successor does not rest on it */
	/* Two counts of steps, each above one bit: the number of the record that counts from then on; times STASH_CODE. */
	uint64_t committed; /* one store here commits a step */
	uint64_t step;      /* whose undo log it is: of the step in hand if its count is one more, else void */
	uint64_t call;      /* in hand: to blame if the server dies; 0: none, or it dies by another's will */
	uint64_t reserved;
	uint64_t awake;     /* time at which this incarnation had its first answer ready; the user's */
	uint64_t left;      /* what `committed` was when an incarnation ended itself for another build to go on */
	_Alignas(16) unsigned char scratch[STASH_SCRATCH_SIZE]; /* the user's; never taken back */
	_Alignas(16) unsigned char record[2][STASH_RECORD_SIZE];
};
_Static_assert(sizeof(struct stash_header) <= STASH_LOG - STASH_JOURNAL, "the log begins after it");
_Static_assert(offsetof(struct stash_header, log_end) == STASH_AT_LOG_END, "save.S knows it");
_Static_assert(offsetof(struct stash_header, step) == STASH_AT_STEP, "save.S knows it");

/* An entry of the undo log. */
struct stash_entry {
	uint64_t bytes[STASH_GRANULE / 8]; /* of a granule, as they were */
	uint64_t mark; /* STASH_MARK times the granule's number, and the entry's address, and the header's step */
};

/* The granule that an entry of this step holds; STASH_GRANULES or more: this is no entry of the step at this address. */
#define STASH_GRANULES (STASH_SIZE / STASH_GRANULE)
#define STASH_MARK_INVERSE 0x38330ee4579435e5ull
_Static_assert(STASH_MARK * STASH_MARK_INVERSE == 1, "modulo 2^64");
static inline uint64_t stash_entry_granule(uint64_t mark, uint64_t address, uint64_t step)
{
	return (mark - address - step) * STASH_MARK_INVERSE;
}

/* The steps that one of the header's two counts stands for. */
static inline uint64_t stash_steps(uint64_t count)
{
	return count / STASH_CODE >> 1;
}

#define stash_journal ((struct stash_header *)STASH_JOURNAL)

/* Before anything else in a new incarnation: take back the step that its predecessor did not finish. False: the stash is
 * not one. `fresh`: no step has been committed in it. */
bool stash_open(bool *fresh);
/* How many entries of its log were damaged beyond mending: what they held is as the step left it. */
unsigned stash_lost(void);
/* A step: everything between is as if it had never been, or is there for good. With `new_record` what was prepared in
 * stash_record_next() is the record from then on, by the very store that commits. */
void stash_begin(void);
void stash_commit(bool new_record);
/* Take the step in hand back, if there is one. */
void stash_roll_back(void);
bool stash_step_in_hand(void);
/* Between two steps, where the state ends every incarnation: pointers that a bit leads out of the stash are made right; how many. */
unsigned stash_mend_pointers(void);
/* STASH_RECORD_SIZE bytes each, written without hooks: the record that counts, and the other one. */
static inline void *stash_record(void)
{
	return stash_journal->record[stash_journal->committed & 1];
}
static inline void *stash_record_next(void)
{
	return stash_journal->record[~stash_journal->committed & 1];
}

/* Save these bytes: before they are written by what is not recoverable code (the kernel, an assembly routine). Bytes
 * outside of the stash are ignored. */
static inline void stash_save_bytes(const void *address, uint64_t length)
{
	__asm__ volatile("sub $128, %%rsp\n\tcall stash_save_range\n\tadd $128, %%rsp"
	                 :
	                 : "D"(address), "S"(length)
	                 : "rax", "rdx", "r11", "xmm15", "cc", "memory");
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
bool stash_has_block(const void *address, uint64_t size); /* there may be one of this size at the address; nothing is read */

/* Given by what the stash is used in: memory for this part of the heap, before it is touched. False: there is none. */
bool stash_supply(uint64_t offset, uint64_t length);
/* Likewise: a long step has left so much of the memory object without use. */
void stash_trim(uint64_t offset, uint64_t length);
/* Likewise: bytes of the memory object, zeros where it has no memory yet, which it is not given for that. */
void stash_peek(uint64_t offset, void *to, uint64_t length);
#endif

#endif
