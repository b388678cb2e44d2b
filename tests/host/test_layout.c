/* Programs with random variables, and references to them, are fitted to the state of others (lib/stash/layout.c): every
 * reference must mean the variable it meant, where that is now, and nothing else may have changed. What does not agree is
 * refused, and a damaged file does no harm. */
#include "stash/layout.h"
#include "stash/stash.h"
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLES 40u
#define REFERENCES 200u
#define TYPES 6u
#define TEXT 0x401000ull
#define TEXT_SIZE (REFERENCES * 16ull)

static unsigned failures;
#define CHECK(condition) ((condition) ? 0 : (failures++, printf("%s:%d: %s (seed %u)\n", __FILE__, __LINE__, #condition, seed)))

static unsigned seed;
static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return random_state >> 33;
}

/* What the source says: the same in builds that differ only in how they were linked. */
struct source {
	unsigned count;
	struct {
		unsigned name, size, alignment, hash;
		bool constant;
	} variables[VARIABLES];
	unsigned types[TYPES], type_count;
	unsigned version;
};

struct reference {
	unsigned variable, type;
	int64_t addend;
};

struct build {
	const struct source *source;
	struct layout_program program;
	uint64_t addresses[VARIABLES];
	struct reference references[REFERENCES];
	uint64_t text, image; /* offsets in the file */
};

static void *file_add(struct build *build, uint64_t size, uint64_t *offset)
{
	struct layout_program *program = &build->program;
	*offset = (program->size + 7) & ~7ull;
	program->bytes = realloc(program->bytes, *offset + size);
	memset(program->bytes + program->size, 0, *offset + size - program->size);
	program->size = *offset + size;
	return program->bytes + *offset;
}

static struct source source_make(void)
{
	struct source source = { .count = 1 + random_next() % VARIABLES, .type_count = random_next() % TYPES, .version = 1 };
	for (unsigned i = 0; i < source.count; i++) {
		source.variables[i].name = i;
		source.variables[i].size = 1 + random_next() % 100;
		source.variables[i].alignment = 1u << random_next() % 7;
		source.variables[i].hash = (unsigned)random_next();
		source.variables[i].constant = random_next() % 4 == 0;
	}
	for (unsigned i = 0; i < source.type_count; i++)
		source.types[i] = (unsigned)random_next();
	return source;
}

/* In a random order, with random gaps. */
static uint64_t build_place(struct build *build)
{
	uint64_t at = STASH_BASE;
	bool placed[VARIABLES] = { false };
	for (unsigned n = 0; n < build->source->count; n++) {
		unsigned i = random_next() % build->source->count;
		while (placed[i])
			i = (i + 1) % build->source->count;
		uint64_t alignment = build->source->variables[i].alignment;
		at = (at + random_next() % 40 + alignment - 1) & ~(alignment - 1);
		build->addresses[i] = at;
		at += build->source->variables[i].size;
		placed[i] = true;
	}
	return at - STASH_BASE;
}

static void layout_write(struct build *build, uint64_t *offset, uint64_t *size)
{
	const struct source *source = build->source;
	for (unsigned i = 0; i < source->count + source->type_count + 1; i++) {
		char name[24];
		bool variable = i < source->count, version = i == source->count + source->type_count;
		snprintf(name, sizeof(name), variable ? "variable%u" : "type%u", variable ? source->variables[i].name : i - source->count);
		uint64_t length = (sizeof(struct layout_entry) + strlen(name) + 8) & ~7ull, at;
		struct layout_entry *entry = file_add(build, length, &at);
		*offset = i == 0 ? at : *offset;
		entry->length = (uint32_t)length;
		entry->kind = variable ? source->variables[i].constant ? LAYOUT_CONSTANT : LAYOUT_VARIABLE : version ? LAYOUT_VERSION : LAYOUT_TYPE;
		entry->hash = variable ? source->variables[i].hash : version ? source->version : source->types[i - source->count];
		strcpy(entry->name, name);
		if (variable) {
			entry->address = entry->place = build->addresses[i];
			entry->size = source->variables[i].size;
			entry->alignment = (uint16_t)source->variables[i].alignment;
		}
	}
	*size = build->program.size - *offset;
}

static uint64_t reference_value(const struct reference *reference, uint64_t address, uint64_t at)
{
	return address + (uint64_t)reference->addend - (reference->type == R_X86_64_PC32 ? at : 0);
}

static void reference_write(const struct build *build, unsigned i, uint64_t address)
{
	const struct reference *reference = &build->references[i];
	uint64_t value = reference_value(reference, address, TEXT + i * 16);
	memcpy(build->program.bytes + build->text + i * 16, &value, reference->type == R_X86_64_64 ? 8 : 4);
}

static void references_make(struct build *build, Elf64_Rela *relocations)
{
	static const unsigned types[] = { R_X86_64_64, R_X86_64_32, R_X86_64_32S, R_X86_64_PC32 };
	for (unsigned i = 0; i < REFERENCES; i++) {
		struct reference *reference = &build->references[i];
		reference->variable = random_next() % build->source->count;
		reference->type = types[random_next() % 4];
		reference->addend = (int64_t)(random_next() % 400) - 200;
		memset(build->program.bytes + build->text + i * 16, 0xcc, 16);
		reference_write(build, i, build->addresses[reference->variable]);
		relocations[i] = (Elf64_Rela){ .r_offset = TEXT + i * 16, .r_info = ELF64_R_INFO(1ull + reference->variable, reference->type),
			                       .r_addend = reference->addend };
	}
}

static const char section_names[] = "\0.text\0.rela.text\0.symtab\0.stash\0.stash_layout\0.shstrtab";

static uint32_t section_name(const char *name)
{
	uint32_t at = 1;
	while (strcmp(section_names + at, name))
		at += (uint32_t)strlen(section_names + at) + 1;
	return at;
}

static void headers_write(struct build *build, const Elf64_Shdr sections[7], const Elf64_Phdr *segment)
{
	uint64_t at, segments;
	memcpy(file_add(build, 7 * sizeof(Elf64_Shdr), &at), sections, 7 * sizeof(Elf64_Shdr));
	memcpy(file_add(build, sizeof(*segment), &segments), segment, sizeof(*segment));
	Elf64_Ehdr header = { .e_machine = EM_X86_64, .e_type = ET_EXEC, .e_shoff = at, .e_shnum = 7, .e_shentsize = sizeof(Elf64_Shdr),
		              .e_shstrndx = 6, .e_phoff = segments, .e_phnum = 1, .e_phentsize = sizeof(*segment) };
	memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = ELFCLASS64;
	memcpy(build->program.bytes, &header, sizeof(header));
}

static struct build build_make(const struct source *source)
{
	struct build build = { .source = source };
	uint64_t at, symbols, relocations, layout = 0, layout_size, names, image_size = build_place(&build);
	file_add(&build, sizeof(Elf64_Ehdr), &at);
	file_add(&build, TEXT_SIZE, &build.text);
	Elf64_Sym *symbol = file_add(&build, (1 + source->count) * sizeof(*symbol), &symbols);
	for (unsigned i = 0; i < source->count; i++)
		symbol[1 + i] = (Elf64_Sym){ .st_value = build.addresses[i], .st_shndx = 4, .st_info = STT_OBJECT };
	references_make(&build, file_add(&build, REFERENCES * sizeof(Elf64_Rela), &relocations));
	unsigned char *image = file_add(&build, image_size, &build.image);
	for (uint64_t i = 0; i < image_size; i++)
		image[i] = (unsigned char)random_next();
	layout_write(&build, &layout, &layout_size);
	memcpy(file_add(&build, sizeof(section_names), &names), section_names, sizeof(section_names));
	const Elf64_Shdr sections[7] = {
		[1] = { .sh_name = section_name(".text"), .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC, .sh_addr = TEXT, .sh_offset = build.text, .sh_size = TEXT_SIZE },
		[2] = { .sh_name = section_name(".rela.text"), .sh_type = SHT_RELA, .sh_offset = relocations, .sh_size = REFERENCES * sizeof(Elf64_Rela), .sh_link = 3, .sh_info = 1 },
		[3] = { .sh_name = section_name(".symtab"), .sh_type = SHT_SYMTAB, .sh_offset = symbols, .sh_size = (1 + source->count) * sizeof(Elf64_Sym) },
		[4] = { .sh_name = section_name(".stash"), .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC, .sh_addr = STASH_BASE, .sh_offset = build.image, .sh_size = image_size },
		[5] = { .sh_name = section_name(".stash_layout"), .sh_type = SHT_PROGBITS, .sh_offset = layout, .sh_size = layout_size },
		[6] = { .sh_name = section_name(".shstrtab"), .sh_type = SHT_STRTAB, .sh_offset = names, .sh_size = sizeof(section_names) },
	};
	headers_write(&build, sections, &(Elf64_Phdr){ .p_type = PT_LOAD, .p_vaddr = STASH_BASE, .p_offset = build.image,
	                                               .p_filesz = image_size, .p_memsz = image_size });
	return build;
}

static const struct layout_entry *entry_of(const struct build *build, unsigned name)
{
	char text[24];
	snprintf(text, sizeof(text), "variable%u", name);
	for (uint64_t at = 0; at < build->program.entries_size;) {
		const struct layout_entry *entry = (const void *)(build->program.entries + at);
		if (strcmp(entry->name, text) == 0)
			return entry;
		at += entry->length;
	}
	return NULL;
}

static bool fit(struct build *build, const struct build *running, bool *converts)
{
	char complaint[LAYOUT_COMPLAINT] = "";
	bool fits = layout_open(&build->program, complaint) && layout_fit(&build->program, &running->program, converts, complaint);
	CHECK(fits == (complaint[0] == 0));
	return fits;
}

/* After a fit: what is in the file is what would have been had it been linked like this. */
static void check_references(struct build *build, const unsigned char *before)
{
	unsigned char *expected = malloc(build->program.size);
	memcpy(expected, build->program.bytes, build->program.size);
	memcpy(expected + build->text, before + build->text, TEXT_SIZE);
	struct layout_program now = build->program;
	build->program.bytes = expected;
	for (unsigned i = 0; i < REFERENCES; i++)
		reference_write(build, i, entry_of(build, build->source->variables[build->references[i].variable].name)->place);
	build->program = now;
	CHECK(memcmp(expected, now.bytes, now.size) == 0);
	free(expected);
}

static void check_apart(const struct build *build)
{
	for (unsigned i = 0; i < build->source->count; i++) {
		const struct layout_entry *one = entry_of(build, build->source->variables[i].name);
		CHECK(one->place % one->alignment == 0);
		for (unsigned j = 0; j < i; j++) {
			const struct layout_entry *other = entry_of(build, build->source->variables[j].name);
			CHECK(one->place + one->size <= other->place || other->place + other->size <= one->place);
		}
	}
}

static void check_piece(const struct build *build, const struct layout_piece *piece)
{
	for (unsigned i = 0; i < build->source->count; i++)
		if (entry_of(build, build->source->variables[i].name)->place == piece->place)
			CHECK(piece->bytes == build->program.bytes + build->image + (build->addresses[i] - STASH_BASE) &&
			      piece->size == build->source->variables[i].size);
}

/* What a program brings: as often as it should, from where it is in the file. */
static void check_pieces(const struct build *build, const struct build *before)
{
	struct layout_piece piece;
	unsigned variables = 0, constants = 0;
	for (unsigned i = 0; i < build->source->count; i++) {
		constants += build->source->variables[i].constant;
		variables += !build->source->variables[i].constant && !entry_of(before, build->source->variables[i].name);
	}
	CHECK(layout_constants_differ(&build->program, &before->program) == (constants > 0)); /* they are random */
	CHECK(!layout_constants_differ(&build->program, &build->program));
	for (uint64_t at = 0; layout_next_variable(&build->program, &before->program, &at, &piece); variables--)
		check_piece(build, &piece);
	for (uint64_t at = 0; layout_next_constant(&build->program, &at, &piece); constants--)
		check_piece(build, &piece);
	CHECK(variables == 0 && constants == 0);
}

static void check_follows(struct build *build, const struct build *running, bool next)
{
	bool converts;
	unsigned char *before = malloc(build->program.size);
	memcpy(before, build->program.bytes, build->program.size);
	CHECK(fit(build, running, &converts) && converts == next);
	for (unsigned i = 0; i < build->source->count; i++) {
		unsigned name = build->source->variables[i].name;
		const struct layout_entry *there = entry_of(running, name);
		CHECK(!there || there->place == entry_of(build, name)->place);
	}
	check_references(build, before);
	check_apart(build);
	check_pieces(build, running);
	free(before);
}

/* Some variables less, some more, structures of another kind. */
static struct source source_next(const struct source *source)
{
	struct source next = *source;
	next.version++;
	unsigned gone = random_next() % next.count;
	next.variables[gone].name = 1000 * next.version;
	next.variables[gone].size = 1 + random_next() % 300;
	if (next.count < VARIABLES) {
		next.variables[next.count] = next.variables[gone];
		next.variables[next.count++].name++;
	}
	for (unsigned i = 0; i < next.type_count; i++)
		next.types[i] ^= random_next() & 1;
	return next;
}

static void test_chain(void)
{
	struct source sources[6] = { source_make() };
	struct build running = build_make(&sources[0]);
	char complaint[LAYOUT_COMPLAINT];
	CHECK(layout_open(&running.program, complaint));
	for (unsigned i = 1; i < 6; i++) {
		bool next = random_next() % 2;
		sources[i] = next ? source_next(&sources[i - 1]) : sources[i - 1];
		struct build build = build_make(&sources[i]);
		check_follows(&build, &running, next);
		free(running.program.bytes);
		running = build;
	}
	free(running.program.bytes);
}

static void check_refused(struct source changed, const struct build *running)
{
	bool converts;
	struct build build = build_make(&changed);
	CHECK(!fit(&build, running, &converts));
	free(build.program.bytes);
}

static void test_refused(void)
{
	struct source source = source_make(), changed;
	struct build running = build_make(&source);
	char complaint[LAYOUT_COMPLAINT];
	unsigned one = random_next() % source.count;
	CHECK(layout_open(&running.program, complaint));
	for (unsigned next = 0; next < 2; next++) {
		changed = source;
		changed.version += next;
		changed.variables[one].hash++;
		check_refused(changed, &running);
		changed.variables[one].hash--;
		changed.variables[one].size++;
		check_refused(changed, &running);
	}
	changed = source;
	changed.variables[one].name = 1000;
	check_refused(changed, &running);
	changed = source;
	changed.count--;
	if (changed.count)
		check_refused(changed, &running);
	changed = source;
	if (changed.type_count-- > 0)
		check_refused(changed, &running);
	changed = source;
	changed.version += 2;
	check_refused(changed, &running);
	free(running.program.bytes);
}

/* Without its relocations it may follow one that was linked alike, and no other. */
static void test_stripped(void)
{
	struct source source = source_make();
	struct build running = build_make(&source), other = build_make(&source), same = build_make(&source);
	char complaint[LAYOUT_COMPLAINT];
	bool converts;
	same.program.bytes = realloc(same.program.bytes, running.program.size);
	memcpy(same.program.bytes, running.program.bytes, same.program.size = running.program.size);
	CHECK(layout_open(&running.program, complaint));
	struct build *const builds[] = { &other, &same };
	for (unsigned i = 0; i < 2; i++) {
		Elf64_Ehdr *header = (Elf64_Ehdr *)builds[i]->program.bytes;
		((Elf64_Shdr *)(builds[i]->program.bytes + header->e_shoff))[2].sh_type = SHT_NULL;
		bool alike = memcmp(builds[i]->addresses, running.addresses, source.count * 8) == 0 || i == 1;
		CHECK(fit(builds[i], &running, &converts) == alike);
		free(builds[i]->program.bytes);
	}
	free(running.program.bytes);
}

static void test_damaged(void)
{
	struct source source = source_make();
	struct build running = build_make(&source), build = build_make(&source);
	char complaint[LAYOUT_COMPLAINT];
	struct layout_piece piece;
	bool converts;
	unsigned char sum = 0;
	CHECK(layout_open(&running.program, complaint));
	struct layout_program damaged = { .size = random_next() % 8 ? build.program.size : random_next() % build.program.size };
	damaged.bytes = malloc(damaged.size + 1);
	memcpy(damaged.bytes, build.program.bytes, damaged.size);
	for (unsigned i = 0; damaged.size && i < 1 + seed % 8; i++) /* most often near the headers, at the end and at the beginning */
		damaged.bytes[random_next() % 2 ? random_next() % damaged.size : random_next() % 2 ? random_next() % (damaged.size < 64 ? damaged.size : 64) :
		              damaged.size - 1 - random_next() % (damaged.size < 800 ? damaged.size : 800)] = (unsigned char)random_next();
	damaged.bytes = realloc(damaged.bytes, damaged.size ? damaged.size : 1);
	if (layout_open(&damaged, complaint) && layout_fit(&damaged, &running.program, &converts, complaint))
		for (uint64_t at = 0; layout_next_constant(&damaged, &at, &piece);)
			for (uint64_t i = 0; piece.bytes && i < piece.size; i++)
				sum ^= piece.bytes[i];
	__asm__ volatile("" : : "r"(sum));
	free(damaged.bytes);
	free(build.program.bytes);
	free(running.program.bytes);
}

int main(void)
{
	for (seed = 1; seed <= 1000 && failures < 10; seed++) {
		random_state = seed * 0x9e3779b97f4a7c15ull;
		test_chain();
		test_refused();
		test_stripped();
		test_damaged();
	}
	printf("test_layout: %s\n", failures ? "FAILED" : "ok");
	return failures != 0;
}
