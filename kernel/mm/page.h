/* Page frames and the small allocator for kernel objects. Frames are counted references: a
 * frame shared copy-on-write has one for each memory object that holds it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SIZE 4096ull
#define PAGE_SHIFT 12
#define PAGES_CLEARED_AT_ONCE 8u /* pages filled between two preemption points: 512 instructions each */
typedef uint64_t physical_t;

static inline uint64_t page_down(uint64_t bytes)
{
	return bytes & ~(PAGE_SIZE - 1);
}

static inline uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Of at most 2^64 - PAGE_SIZE: callers bound what they round first. */
static inline uint64_t page_up(uint64_t bytes)
{
	return page_down(bytes + PAGE_SIZE - 1);
}

void page_add_range(physical_t start, physical_t end); /* at boot, free memory */
/* Once, at boot: memory that is not free but may be read and written through the direct map (the boot archive). */
void page_adopt_range(physical_t start, physical_t end);
bool page_is_memory(physical_t page); /* added or adopted: not device memory */
physical_t page_allocate(bool zeroed);                 /* 0: none; references 1 */
void page_reference(physical_t page);
void page_release(physical_t page); /* frees it with the last reference */
uint32_t page_references(physical_t page);
/* An owner's list of frames that are nobody else's, through their records: *list is the first, 0: none. */
void page_push(physical_t *list, physical_t page);
physical_t page_pop(physical_t *list); /* not empty */
physical_t page_zero(void);           /* a frame of zeros, shared by everyone, never written */
uint64_t page_total(void);           /* bytes */
uint64_t page_free(void);

/* Memory of up to a page, aligned to 32 bytes or better, with whatever was in it; NULL: none. */
void *kernel_allocate(uint32_t size);
void kernel_free(void *memory, uint32_t size);
