/* Page frames.
 *
 * Memory is divided into sections of 32 MiB. Each section that has free memory has an array of its
 * frames' records, placed at the beginning of the first free memory seen in it. Free frames are on one
 * list through those records (never through the frames), so a freed frame is used again while it is in the cache.
 */
#include "mm/page.h"
#include "arch/arch.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/string.h"

/* 8 bytes for each 4 KiB. */
struct frame {
	uint32_t references; /* atomic; 0: free or not ours */
	uint32_t next;       /* frame number on the list of free frames, or on an owner's; 0: end of list */
};

#define SECTION_FRAMES 8192ull
#define SECTION_BYTES (SECTION_FRAMES * PAGE_SIZE)
#define SECTIONS 16384 /* 512 GiB; memory above is left alone */
#define SECTION_RECORDS (SECTION_FRAMES * sizeof(struct frame))

/* Written at boot, by one CPU; read without a lock ever after. NULL: no free memory there. */
static struct frame *sections[SECTIONS];
static physical_t adopted_start, adopted_end; /* set at boot */

static struct spin_lock lock __attribute__((aligned(64))) = SPIN_LOCK(LOCK_PAGE); /* the list and counts */
static physical_t free_list;
static uint64_t total_frames, free_frames;
static physical_t zero_frame;

static struct frame *frame_record(uint64_t number)
{
	uint64_t section = number / SECTION_FRAMES;

	if (section >= SECTIONS || !sections[section])
		return NULL;
	return &sections[section][number % SECTION_FRAMES];
}

/* Of a frame that was allocated here. */
static struct frame *frame_of(physical_t page)
{
	return &sections[page / SECTION_BYTES][page / PAGE_SIZE % SECTION_FRAMES];
}

/* The part of a free range in one section. */
/* A section's records are taken from its own first free memory, so they need no memory before there
 * is any. A section with less free memory than its records take (128 KiB) is given up. */
static void add_in_section(physical_t start, physical_t end)
{
	uint64_t section = start / SECTION_BYTES;

	if (section >= SECTIONS)
		return;
	if (!sections[section]) {
		if (end - start < SECTION_RECORDS)
			return;
		sections[section] = arch_direct_map(start);
		memset(sections[section], 0, SECTION_RECORDS);
		start += SECTION_RECORDS;
	}
	/* From the end, so that low memory is handed out first. */
	total_frames += (end - start) / PAGE_SIZE;
	free_frames += (end - start) / PAGE_SIZE;
	for (physical_t page = end; page > start; page -= PAGE_SIZE)
		page_push(&free_list, page - PAGE_SIZE);
}

void page_add_range(physical_t start, physical_t end)
{
	if (start < PAGE_SIZE)
		start = PAGE_SIZE; /* frame 0 means none */
	start = page_up(start);
	end = page_down(end);
	spin_lock(&lock);
	while (start < end) {
		physical_t boundary = (start / SECTION_BYTES + 1) * SECTION_BYTES;
		physical_t stop = boundary < end ? boundary : end;

		add_in_section(start, stop);
		start = stop;
	}
	spin_unlock(&lock);
	if (!zero_frame)
		zero_frame = page_allocate(true);
}

void page_adopt_range(physical_t start, physical_t end)
{
	ASSERT(adopted_end == 0);
	adopted_start = start;
	adopted_end = end;
}

/* What the kernel may touch through the direct map. A frame that is free counts as device memory
 * here, but no page table shows one, and this is only asked of pages that some table shows. */
bool page_is_memory(physical_t page)
{
	struct frame *frame = frame_record(page / PAGE_SIZE);

	return (frame && __atomic_load_n(&frame->references, __ATOMIC_RELAXED)) ||
	       (page >= adopted_start && page < adopted_end);
}

physical_t page_allocate(bool zeroed)
{
	physical_t page = 0;

	spin_lock(&lock);
	if (free_list) {
		page = page_pop(&free_list);
		frame_of(page)->references = 1;
		free_frames--;
	}
	spin_unlock(&lock);
	if (page && zeroed)
		memset(arch_direct_map(page), 0, PAGE_SIZE);
	return page;
}

/* Relaxed is enough: the caller holds a reference, or a lock under which one is held, so the count
 * cannot reach 0 meanwhile. */
void page_reference(physical_t page)
{
	DEBUG_ASSERT(page_references(page) != 0);
	__atomic_fetch_add(&frame_of(page)->references, 1, __ATOMIC_RELAXED);
}

/* Release, so that every use of the frame comes before its next owner's; acquire, so that the last
 * one sees the others' uses. */
void page_release(physical_t page)
{
	struct frame *frame = frame_of(page);

	DEBUG_ASSERT(frame->references != 0 && page != zero_frame);
	if (__atomic_sub_fetch(&frame->references, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	spin_lock(&lock);
	page_push(&free_list, page);
	free_frames++;
	spin_unlock(&lock);
}

uint32_t page_references(physical_t page)
{
	return __atomic_load_n(&frame_of(page)->references, __ATOMIC_ACQUIRE);
}

void page_push(physical_t *list, physical_t page)
{
	frame_of(page)->next = (uint32_t)(*list / PAGE_SIZE);
	*list = page;
}

physical_t page_pop(physical_t *list)
{
	physical_t page = *list;

	*list = frame_of(page)->next * PAGE_SIZE;
	return page;
}

physical_t page_zero(void)
{
	return zero_frame;
}

uint64_t page_total(void)
{
	return total_frames * PAGE_SIZE;
}

uint64_t page_free(void)
{
	return __atomic_load_n(&free_frames, __ATOMIC_RELAXED) * PAGE_SIZE;
}
