/* The symbol table: a section of fixed size that the linker leaves empty and tools/symbols.py fills
 * after the link: a count, that many pairs (offset from the kernel's base, offset of the name), sorted,
 * and the names. */
#include "base/symbols.h"
#include <stddef.h>

extern const char kernel_base[];
extern const uint32_t kernel_symbols[];

/* By the last entry not beyond the address. The table is sorted; it may be empty (an image that was
 * not finished). */
const char *symbol_find(uint64_t address, uint64_t *offset)
{
	uint32_t count = kernel_symbols[0], low = 0, high = count;
	uint64_t relative = address - (uint64_t)kernel_base;

	while (low < high) { /* the first entry beyond the address */
		uint32_t middle = (low + high) / 2;
		if (kernel_symbols[1 + middle * 2] > relative)
			high = middle;
		else
			low = middle + 1;
	}
	if (low == 0 || low == count) /* the last entry marks the end of the code */
		return NULL;
	*offset = relative - kernel_symbols[1 + (low - 1) * 2];
	return (const char *)kernel_symbols + kernel_symbols[2 + (low - 1) * 2];
}
