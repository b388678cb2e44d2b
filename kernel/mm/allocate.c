/* The small-object allocator: pages cut into pieces of one size class.
 *
 * A slab is a page: a header, then pieces. Each class keeps the slabs that have a free piece; a slab
 * whose last piece is freed goes back to the free frames, so that nothing is left behind.
 */
#include "arch/arch.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"
#include "mm/page.h"

struct slab {
	struct list_node in_class; /* empty: no free piece */
	void *free;                /* freed pieces, linked through their first word */
	uint16_t size;
	uint16_t used;             /* pieces in use */
	uint16_t fresh;            /* offset of the first piece never used */
};

#define HEADER 64u
#define WHOLE_PAGE 2016u /* anything larger is a page */

/* Chosen so that a page holds a whole number of pieces with little left over: (4096 - HEADER) / n,
 * rounded down to 32. All are multiples of 32, so is HEADER, and a page is aligned: every piece is
 * too, which captables rely on (the rights of a capability are in the low bits of the object's
 * address). */
static const uint16_t sizes[] = {32, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 576, 672, 800, 992, 1344, 2016};
#define CLASSES (sizeof(sizes) / sizeof(sizes[0]))

static struct spin_lock locks[CLASSES] = {[0 ... CLASSES - 1] = SPIN_LOCK(LOCK_ALLOCATE)};

/* The slabs of each class that have a free piece. */
#define NONE(class) {&partial[class], &partial[class]}
static struct list_node partial[CLASSES] = {
	NONE(0), NONE(1), NONE(2), NONE(3), NONE(4), NONE(5), NONE(6), NONE(7), NONE(8), NONE(9), NONE(10), NONE(11),
	NONE(12), NONE(13), NONE(14), NONE(15), NONE(16),
};

_Static_assert(sizeof(struct slab) <= HEADER, "the slab's header fits");

/* The class of a size, by its 32nds. */
#define CLASS(index, from, to) [(from) / 32 + 1 ... (to) / 32] = (index)
static const uint8_t classes[WHOLE_PAGE / 32 + 1] = {
	0, CLASS(0, 0, 32), CLASS(1, 32, 64), CLASS(2, 64, 96), CLASS(3, 96, 128), CLASS(4, 128, 160), CLASS(5, 160, 192),
	CLASS(6, 192, 224), CLASS(7, 224, 256), CLASS(8, 256, 320), CLASS(9, 320, 384), CLASS(10, 384, 448),
	CLASS(11, 448, 576), CLASS(12, 576, 672), CLASS(13, 672, 800), CLASS(14, 800, 992), CLASS(15, 992, 1344),
	CLASS(16, 1344, 2016),
};

static uint32_t class_of(uint32_t size)
{
	uint32_t class = classes[(size + 31) / 32];

	DEBUG_ASSERT(size <= sizes[class] && (class == 0 || size > sizes[class - 1]));
	return class;
}

/* Under the class's lock. The page lock is a higher level (base/lock.h), so a page can be had here. */
static __attribute__((noinline)) struct slab *slab_make(uint32_t class)
{
	physical_t page = page_allocate(false);

	if (!page)
		return NULL;
	struct slab *slab = arch_direct_map(page);
	*slab = (struct slab){.size = sizes[class], .fresh = HEADER};
	list_append(&partial[class], &slab->in_class);
	return slab;
}

/* Pieces that were in use before come first: they are likely to be in the cache still. The rest of
 * a fresh page is cut only as it is needed, so making a slab does not touch all of it. */
static void *slab_take(struct slab *slab)
{
	void *piece = slab->free;

	if (piece) {
		slab->free = *(void **)piece;
	} else {
		piece = (char *)slab + slab->fresh;
		slab->fresh += slab->size;
	}
	slab->used++;
	if (!slab->free && slab->fresh + slab->size > PAGE_SIZE)
		list_remove(&slab->in_class);
	return piece;
}

/* Larger sizes than WHOLE_PAGE have no slab header, so kernel_free must be told the size and tells them apart by it
 * alone. */
void *kernel_allocate(uint32_t size)
{
	void *piece = NULL;

	DEBUG_ASSERT(size <= PAGE_SIZE);
	if (size > WHOLE_PAGE) {
		physical_t page = page_allocate(false);

		return page ? arch_direct_map(page) : NULL;
	}
	uint32_t class = class_of(size);
	spin_lock(&locks[class]);
	struct slab *slab = list_empty(&partial[class]) ? slab_make(class) : list_first(&partial[class], struct slab, in_class);
	if (slab)
		piece = slab_take(slab);
	spin_unlock(&locks[class]);
	return piece;
}

void kernel_free(void *memory, uint32_t size)
{
	struct slab *slab = (struct slab *)((uint64_t)memory & ~(PAGE_SIZE - 1));

	if (size > WHOLE_PAGE) {
		page_release(arch_direct_physical(memory));
		return;
	}
	uint32_t class = class_of(size);
	DEBUG_ASSERT(slab->size == sizes[class] && slab->used);
	spin_lock(&locks[class]);
	*(void **)memory = slab->free;
	slab->free = memory;
	slab->used--;
	if (list_empty(&slab->in_class))
		list_append(&partial[class], &slab->in_class);
	/* No slab is kept for the next time: a pool that is destroyed must give back all its
	 * frames. */
	if (slab->used == 0) {
		list_remove(&slab->in_class);
		page_release(arch_direct_physical(slab));
	}
	spin_unlock(&locks[class]);
}
