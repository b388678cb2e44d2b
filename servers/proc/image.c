/* The personality image, and address spaces that show it.
 *
 * The image is an ELF file linked at PERSONALITY_BASE. Each of its loadable segments becomes one
 * memory object, filled once; every space maps it, read-only segments shared, writable ones with
 * private copies of the pages it writes. So a process costs only the pages it changes. */
#include "proc.h"
#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#define SEGMENTS_MAX 8
#define COPY_CHUNK 4096u
#define PAGE_MASK (ATOLL_PAGE_SIZE - 1)

static struct {
	struct {
		uint64_t address, length;
		uint32_t flags; /* enum map_flags */
		slot_t memory;
	} segments[SEGMENTS_MAX];
	unsigned count;
	struct personality_header header;
} image;

uint64_t image_entry(void)
{
	return image.header.entry;
}

uint64_t image_descriptors(void)
{
	return image.header.descriptors;
}

uint64_t image_block(void)
{
	return image.header.block;
}

uint64_t image_robust_head(void)
{
	return image.header.robust_head;
}

static int segment_copy(slot_t to, uint64_t to_offset, uint64_t from_offset, uint64_t length)
{
	static NOT_STATE char chunk[COPY_CHUNK];
	for (uint64_t done = 0; done < length;) {
		uint64_t piece = length - done < COPY_CHUNK ? length - done : COPY_CHUNK;
		if (memory_read(state.personality, from_offset + done, chunk, piece) != (int64_t)piece ||
		    memory_write(to, to_offset + done, chunk, piece) != (int64_t)piece)
			return -ENOEXEC;
		done += piece;
	}
	return 0;
}

static int segment_load(const Elf64_Phdr *program)
{
	if (image.count == SEGMENTS_MAX || program->p_vaddr < PERSONALITY_BASE)
		return -ENOEXEC;
	uint64_t start = program->p_vaddr & ~PAGE_MASK, offset = program->p_vaddr & PAGE_MASK;
	uint64_t length = (offset + program->p_memsz + PAGE_MASK) & ~PAGE_MASK;
	slot_t memory = slot_for_new();
	int64_t status = memory ? memory_create(SELF_POOL, length, MEMORY_ZERO, memory) : STATUS_NO_MEMORY;
	if (status < 0)
		return status_to_errno(status);
	uint32_t flags = (program->p_flags & PF_R ? MAP_READ : 0) | (program->p_flags & PF_X ? MAP_EXECUTE : 0);
	if (program->p_flags & PF_W)
		flags |= MAP_WRITE | MAP_PRIVATE_COPY;
	image.segments[image.count].address = start;
	image.segments[image.count].length = length;
	image.segments[image.count].flags = flags;
	image.segments[image.count].memory = memory;
	image.count++;
	if (start == PERSONALITY_BASE)
		memory_read(state.personality, program->p_offset, &image.header, sizeof image.header);
	return segment_copy(memory, offset, program->p_offset, program->p_filesz);
}

/* Beside the image every process sees the table of relations. */
static int relations_show(void)
{
	if (image.count == SEGMENTS_MAX)
		return -ENOEXEC;
	image.segments[image.count].address = PERSONALITY_RELATIONS;
	image.segments[image.count].length = ID_END * sizeof(struct process_relation);
	image.segments[image.count].flags = MAP_READ;
	image.segments[image.count].memory = relation_memory();
	image.count++;
	return 0;
}

int image_load(void)
{
	Elf64_Ehdr file;
	if (!state.personality || memory_read(state.personality, 0, &file, sizeof file) != sizeof file)
		return -ENOENT;
	if (__builtin_memcmp(file.e_ident, ELFMAG, SELFMAG) != 0 || file.e_machine != EM_X86_64)
		return -ENOEXEC;
	for (unsigned i = 0; i < file.e_phnum; i++) {
		Elf64_Phdr program;
		uint64_t at = file.e_phoff + (uint64_t)i * file.e_phentsize;
		if (memory_read(state.personality, at, &program, sizeof program) != sizeof program)
			return -ENOEXEC;
		int status = program.p_type == PT_LOAD && program.p_memsz ? segment_load(&program) : 0;
		if (status < 0)
			return status;
	}
	return image.header.magic == PERSONALITY_MAGIC ? relations_show() : -ENOEXEC;
}

struct account *account_create(void)
{
	struct account *account = calloc(1, sizeof *account);
	if (!account)
		return NULL;
	account->pool = slot_for_new();
	account->users = 1;
	if (!account->pool || pool_create(state.pool, LIMIT_INFINITY >> 1, account->pool) < 0) {
		if (account->pool)
			slot_free(account->pool);
		free(account);
		return NULL;
	}
	return account;
}

void account_release(struct account *account)
{
	if (--account->users)
		return;
	object_end(account->pool); /* and all that was made from it */
	free(account);
}

static struct address_space *address_space_new(struct account *account)
{
	struct address_space *space = calloc(1, sizeof *space);
	if (space && !(space->space = slot_for_new())) {
		free(space);
		return NULL;
	}
	if (!space)
		return NULL;
	space->users = 1;
	space->account = account;
	account->users++;
	return space;
}

struct address_space *address_space_create(struct account *account)
{
	struct address_space *space = address_space_new(account);
	if (!space)
		return NULL;
	int64_t status = space_create(account->pool, space->space);
	for (unsigned i = 0; i < image.count && status >= 0; i++)
		status = space_map(space->space, image.segments[i].memory, image.segments[i].address,
		                   image.segments[i].length, 0, image.segments[i].flags);
	if (status >= 0)
		status = space_set_reflect(space->space, &image.header.reflect);
	if (status >= 0)
		return space;
	address_space_release(space);
	return NULL;
}

struct address_space *address_space_clone(struct account *account, const struct address_space *source)
{
	struct address_space *space = address_space_new(account);
	if (!space)
		return NULL;
	if (space_clone(account->pool, source->space, space->space) >= 0)
		return space;
	address_space_release(space);
	return NULL;
}

void address_space_release(struct address_space *space)
{
	if (--space->users)
		return;
	object_end(space->space);
	account_release(space->account);
	free(space);
}
