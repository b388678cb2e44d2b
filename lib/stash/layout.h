/* How a build's state is laid out, and how another build takes it over.
 *
 * The state stays where it is: pointers in it stay good, whatever they are. It is the new build that is changed: its
 * variables are where the running build has those of the same name (in fresh room behind them where that has none), and
 * each of its instructions that names one is made to say so. For this the linker leaves its relocations in the file
 * (--emit-relocs), and the compiler plugin an entry for each variable and each structure (describe.cc).
 *
 * Two builds of one version must agree in all of them. One of the next version may have other structures and other variables, and
 * brings functions that convert and revert what there is (server.h: SERVER_VERSION); a variable that both have is the same. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

enum layout_kind {
	LAYOUT_VERSION,  /* its number is in `hash`; without one it is version 1 */
	LAYOUT_VARIABLE,
	LAYOUT_CONSTANT, /* kept, so that the state may point to it; each build brings its own contents (not_state.h: KEPT_CONSTANT) */
	LAYOUT_TYPE,
};

/* In the section .stash_layout, one after the other. describe.cc and server.h write them. */
struct layout_entry {
	uint64_t address; /* as the program was linked */
	uint64_t place;   /* in the stash */
	uint64_t hash;    /* of all that another build must have the same */
	uint32_t size;
	uint16_t alignment;
	uint16_t kind;
	uint32_t length;  /* of this entry, a multiple of 8 */
	uint32_t reserved;
	char name[];      /* ends with 0, within the entry */
};

/* In a function: what two builds have to agree on that is no type of recoverable code, as a number below 2^31. The name has seven letters. */
#define LAYOUT_AGREE(name_, number_)                                                                                  \
	__asm__(".pushsection .stash_layout,\"\",@progbits\n\t.balign 8\n\t.quad 0, 0, %c0\n\t.long 0\n\t.short 1, %c1\n\t" \
	        ".long 48, 0\n\t.asciz \"" name_ "\"\n\t.popsection"                                                    \
	        :                                                                                                     \
	        : "i"(number_), "i"(LAYOUT_TYPE))

#define LAYOUT_COMPLAINT 160

/* A program's file in memory. */
struct layout_program {
	unsigned char *bytes;
	uint64_t size;
	/* Found by layout_open */
	unsigned char *entries;
	uint64_t entries_size;
	uint64_t version;
};

/* False, and why: it is no program, or one without a layout. */
bool layout_open(struct layout_program *program, char complaint[LAYOUT_COMPLAINT]);
/* Fit a program to the state of another, which is changed no more. False, and why: its state is another one. Then nothing
 * of the program may be used. *converts: it is of the next version. */
bool layout_fit(struct layout_program *program, const struct layout_program *running, bool *converts,
                char complaint[LAYOUT_COMPLAINT]);

/* The address after its last variable. */
uint64_t layout_end(const struct layout_program *program);

/* A part of what a program has in the stash to begin with. */
struct layout_piece {
	uint64_t place;
	const unsigned char *bytes; /* NULL: zeros */
	uint64_t size;
};
/* The next one from *at on (an offset, 0 at first): of the variables that `before` has not; of the constants. */
bool layout_next_variable(const struct layout_program *program, const struct layout_program *before, uint64_t *at,
                          struct layout_piece *piece);
bool layout_next_constant(const struct layout_program *program, uint64_t *at, struct layout_piece *piece);
/* Whether they are others than those that are there. */
bool layout_constants_differ(const struct layout_program *program, const struct layout_program *running);

#endif
