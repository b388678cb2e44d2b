/* See layout.h. Nothing of a file is believed: whoever may update services may still write a bad one. */
#include "stash/layout.h"
#include "stash/stash.h"
#include <elf.h>
#include <stdio.h>
#include <string.h>

#define ROOM_ALIGNMENT 32u /* no granule is shared with what was there before */

static bool complain(char complaint[LAYOUT_COMPLAINT], const char *format, const char *name)
{
	snprintf(complaint, LAYOUT_COMPLAINT, format, name);
	return false;
}

/* --- the file --- */

static void *bytes_at(const struct layout_program *program, uint64_t offset, uint64_t size)
{
	return offset <= program->size && size <= program->size - offset ? program->bytes + offset : NULL;
}

static const Elf64_Ehdr *header_of(const struct layout_program *program)
{
	const Elf64_Ehdr *header = bytes_at(program, 0, sizeof(*header));
	if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
	    header->e_machine != EM_X86_64 || header->e_type != ET_EXEC || header->e_shentsize != sizeof(Elf64_Shdr) ||
	    header->e_shoff % 8 != 0)
		return NULL;
	return bytes_at(program, header->e_shoff, header->e_shnum * sizeof(Elf64_Shdr)) ? header : NULL;
}

static const Elf64_Shdr *section_at(const struct layout_program *program, uint64_t index)
{
	const Elf64_Ehdr *header = header_of(program);
	if (!header || index >= header->e_shnum)
		return NULL;
	return (const Elf64_Shdr *)(program->bytes + header->e_shoff) + index;
}

static void *section_bytes(const struct layout_program *program, const Elf64_Shdr *section)
{
	return section->sh_type == SHT_NOBITS || section->sh_offset % 8 != 0 ? NULL :
	       bytes_at(program, section->sh_offset, section->sh_size);
}

static bool section_is(const struct layout_program *program, const Elf64_Shdr *section, const char *name)
{
	const Elf64_Shdr *names = section_at(program, header_of(program)->e_shstrndx);
	uint64_t size = strlen(name) + 1;
	if (!names || section->sh_name > names->sh_size || size > names->sh_size - section->sh_name)
		return false;
	const char *there = bytes_at(program, names->sh_offset + section->sh_name, size);
	return there && memcmp(there, name, size) == 0;
}

static const Elf64_Shdr *section_find(const struct layout_program *program, const char *name)
{
	const Elf64_Shdr *section;
	for (unsigned i = 0; (section = section_at(program, i)); i++)
		if (section_is(program, section, name))
			return section;
	return NULL;
}

/* --- entries --- */

/* From an offset on; NULL: there is no more. */
static struct layout_entry *entry_at(const struct layout_program *program, uint64_t offset)
{
	return offset < program->entries_size ? (struct layout_entry *)(program->entries + offset) : NULL;
}

static bool entry_is_sound(const struct layout_entry *entry, uint64_t room)
{
	uint64_t names = room < sizeof(*entry) ? 0 : room - sizeof(*entry);
	if (names == 0 || entry->length % 8 != 0 || entry->length <= sizeof(*entry) || entry->length > room)
		return false;
	names = entry->length - sizeof(*entry);
	if (memchr(entry->name, 0, names) == NULL || entry->kind > LAYOUT_TYPE)
		return false;
	if (entry->kind == LAYOUT_VERSION || entry->kind == LAYOUT_TYPE)
		return true;
	return entry->alignment && (entry->alignment & (entry->alignment - 1)) == 0 && entry->size <= STASH_IMAGE_MAX &&
	       entry->place >= STASH_BASE && entry->place <= STASH_BASE + STASH_IMAGE_MAX - entry->size;
}

bool layout_open(struct layout_program *program, char complaint[LAYOUT_COMPLAINT])
{
	if (!header_of(program))
		return complain(complaint, "it is no program%s", "");
	const Elf64_Shdr *section = section_find(program, ".stash_layout");
	program->entries = section ? section_bytes(program, section) : NULL;
	program->entries_size = program->entries ? section->sh_size : 0;
	program->version = 1;
	if (!program->entries)
		return complain(complaint, "it does not say how its state is laid out%s", "");
	for (uint64_t at = 0; at < program->entries_size; at += entry_at(program, at)->length) {
		const struct layout_entry *entry = entry_at(program, at);
		if (!entry_is_sound(entry, program->entries_size - at))
			return complain(complaint, "what it says of its state is damaged%s", "");
		if (entry->kind == LAYOUT_VERSION)
			program->version = entry->hash;
	}
	return true;
}

static bool is_placed(const struct layout_entry *entry)
{
	return entry->kind == LAYOUT_VARIABLE || entry->kind == LAYOUT_CONSTANT;
}

/* The one of this kind and name; of types, which may share a name, also of this hash. */
static struct layout_entry *entry_like(const struct layout_program *program, const struct layout_entry *wanted)
{
	struct layout_entry *entry;
	for (uint64_t at = 0; (entry = entry_at(program, at)); at += entry->length)
		if (entry->kind == wanted->kind && (is_placed(wanted) || entry->hash == wanted->hash) &&
		    strcmp(entry->name, wanted->name) == 0)
			return entry;
	return NULL;
}

/* --- may one follow the other? --- */

static bool variable_agrees(const struct layout_entry *entry, const struct layout_entry *other, char complaint[LAYOUT_COMPLAINT])
{
	if (entry->hash != other->hash || entry->size != other->size)
		return complain(complaint, "variable %s is not what it is in the running build", entry->name);
	return other->place % entry->alignment == 0 || complain(complaint, "variable %s has another alignment", entry->name);
}

static bool entries_agree(const struct layout_program *program, const struct layout_program *other, bool all,
                          const char *missing, char complaint[LAYOUT_COMPLAINT])
{
	const struct layout_entry *entry;
	for (uint64_t at = 0; (entry = entry_at(program, at)); at += entry->length) {
		const struct layout_entry *like = entry->kind == LAYOUT_VERSION ? entry : entry_like(other, entry);
		if (!like && all)
			return complain(complaint, missing, entry->name);
		if (like && is_placed(entry) && !variable_agrees(entry, like, complaint))
			return false;
	}
	return true;
}

static bool layouts_agree(const struct layout_program *program, const struct layout_program *running, bool converts,
                          char complaint[LAYOUT_COMPLAINT])
{
	return entries_agree(program, running, !converts, "%s is not as in the running build, and the version is the same", complaint) &&
	       entries_agree(running, program, !converts, "%s of the running build is not in it, and the version is the same", complaint);
}

/* --- places --- */

static uint64_t round_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

uint64_t layout_end(const struct layout_program *program)
{
	uint64_t end = STASH_BASE;
	const struct layout_entry *entry;
	for (uint64_t at = 0; (entry = entry_at(program, at)); at += entry->length)
		if (is_placed(entry) && entry->place + entry->size > end)
			end = entry->place + entry->size;
	return end;
}

static bool places_choose(struct layout_program *program, const struct layout_program *running, bool *moved,
                          char complaint[LAYOUT_COMPLAINT])
{
	uint64_t room = layout_end(running);
	struct layout_entry *entry;
	*moved = false;
	for (uint64_t at = 0; (entry = entry_at(program, at)); at += entry->length) {
		if (!is_placed(entry))
			continue;
		const struct layout_entry *like = entry_like(running, entry);
		if (!like) {
			room = round_up(room, entry->alignment > ROOM_ALIGNMENT ? entry->alignment : ROOM_ALIGNMENT);
			if (room > STASH_BASE + STASH_IMAGE_MAX - entry->size)
				return complain(complaint, "there is no room for %s", entry->name);
		}
		entry->place = like ? like->place : room;
		room += like ? 0 : entry->size;
		*moved |= entry->place != entry->address;
	}
	return true;
}

/* --- instructions --- */

static const struct layout_entry *entry_of_address(const struct layout_program *program, uint64_t address)
{
	const struct layout_entry *entry;
	for (uint64_t at = 0; (entry = entry_at(program, at)); at += entry->length)
		if (is_placed(entry) && entry->address == address && entry->size > 0)
			return entry;
	return NULL;
}

static bool in_image(uint64_t address)
{
	return address >= STASH_BASE && address < STASH_BASE + STASH_IMAGE_MAX;
}

/* The field that the relocation is for must be what it says, before and after. */
static bool field_move(unsigned char *field, uint32_t type, uint64_t value, uint64_t moved)
{
	if (type == R_X86_64_64) {
		uint64_t there;
		memcpy(&there, field, sizeof(there));
		memcpy(field, &moved, sizeof(moved));
		return there == value;
	}
	int32_t there, now = (int32_t)moved;
	memcpy(&there, field, sizeof(there));
	memcpy(field, &now, sizeof(now));
	bool fits = type == R_X86_64_32 ? (uint32_t)now == moved : (uint64_t)(int64_t)now == moved;
	return there == (int32_t)value && fits;
}

static bool type_is_known(uint32_t type)
{
	return type == R_X86_64_64 || type == R_X86_64_32 || type == R_X86_64_32S || type == R_X86_64_PC32 || type == R_X86_64_PLT32;
}

static bool reference_move(struct layout_program *program, const Elf64_Shdr *section, const Elf64_Rela *reference,
                           uint64_t address)
{
	uint32_t type = ELF64_R_TYPE(reference->r_info);
	uint64_t offset = reference->r_offset - section->sh_addr, width = type == R_X86_64_64 ? 8 : 4;
	const struct layout_entry *entry = entry_of_address(program, address);
	if (!entry || !type_is_known(type) || reference->r_offset < section->sh_addr || offset > section->sh_size ||
	    width > section->sh_size - offset || section->sh_type == SHT_NOBITS || section->sh_offset > program->size)
		return false;
	unsigned char *field = bytes_at(program, section->sh_offset + offset, width);
	uint64_t value = address + (uint64_t)reference->r_addend;
	if (type == R_X86_64_PC32 || type == R_X86_64_PLT32)
		value -= reference->r_offset;
	return field && field_move(field, type, value, value + (entry->place - entry->address));
}

/* One section of them, for one of what is in memory when it runs. */
static bool references_move(struct layout_program *program, const Elf64_Shdr *references, const Elf64_Shdr *section)
{
	const Elf64_Shdr *symbols = section_at(program, references->sh_link);
	const Elf64_Sym *symbol = symbols ? section_bytes(program, symbols) : NULL;
	const Elf64_Rela *reference = section_bytes(program, references);
	if (!symbol || !reference)
		return false;
	for (uint64_t i = 0; i < references->sh_size / sizeof(*reference); i++) {
		uint64_t number = ELF64_R_SYM(reference[i].r_info);
		if (number >= symbols->sh_size / sizeof(*symbol))
			return false;
		if (!in_image(symbol[number].st_value) || symbol[number].st_shndx == SHN_ABS)
			continue;
		/* Of a section alone it is not known which variable is meant. */
		if (ELF64_ST_TYPE(symbol[number].st_info) == STT_SECTION ||
		    !reference_move(program, section, &reference[i], symbol[number].st_value))
			return false;
	}
	return true;
}

static bool program_move(struct layout_program *program, char complaint[LAYOUT_COMPLAINT])
{
	const Elf64_Shdr *references;
	unsigned found = 0;
	for (unsigned i = 0; (references = section_at(program, i)); i++) {
		const Elf64_Shdr *section = references->sh_type == SHT_RELA ? section_at(program, references->sh_info) : NULL;
		if (!section || !(section->sh_flags & SHF_ALLOC))
			continue;
		found++;
		if (!references_move(program, references, section))
			return complain(complaint, "its relocations are not understood%s", "");
	}
	return found || complain(complaint, "its variables are elsewhere, and its relocations have been stripped (strip -g leaves them)%s", "");
}

bool layout_fit(struct layout_program *program, const struct layout_program *running, bool *converts,
                char complaint[LAYOUT_COMPLAINT])
{
	bool moved;
	*converts = program->version == running->version + 1;
	if (!*converts && program->version != running->version) {
		snprintf(complaint, LAYOUT_COMPLAINT, "its version is %lu, and the running one %lu", (unsigned long)program->version,
		         (unsigned long)running->version);
		return false;
	}
	return layouts_agree(program, running, *converts, complaint) && places_choose(program, running, &moved, complaint) &&
	       (!moved || program_move(program, complaint));
}

/* --- contents --- */

/* What the file has for this address; NULL: zeros, or nothing that is whole. */
static const unsigned char *contents_of(const struct layout_program *program, const struct layout_entry *entry)
{
	const Elf64_Ehdr *header = header_of(program);
	const Elf64_Phdr *segment = bytes_at(program, header->e_phoff, header->e_phnum * sizeof(*segment));
	for (unsigned i = 0; segment && header->e_phoff % 8 == 0 && i < header->e_phnum; i++) {
		uint64_t offset = entry->address - segment[i].p_vaddr;
		if (segment[i].p_type == PT_LOAD && entry->address >= segment[i].p_vaddr && offset <= segment[i].p_filesz &&
		    entry->size <= segment[i].p_filesz - offset && segment[i].p_offset <= program->size)
			return bytes_at(program, segment[i].p_offset + offset, entry->size);
	}
	return NULL;
}

/* Of this kind; that another has not, if one is named. */
static bool piece_next(const struct layout_program *program, enum layout_kind kind, const struct layout_program *before, uint64_t *at,
                       struct layout_piece *piece)
{
	const struct layout_entry *entry;
	while ((entry = entry_at(program, *at))) {
		*at += entry->length;
		if (entry->kind == kind && !(before && entry_like(before, entry))) {
			*piece = (struct layout_piece){ .place = entry->place, .bytes = contents_of(program, entry), .size = entry->size };
			return true;
		}
	}
	return false;
}

bool layout_next_variable(const struct layout_program *program, const struct layout_program *before, uint64_t *at,
                          struct layout_piece *piece)
{
	return piece_next(program, LAYOUT_VARIABLE, before, at, piece);
}

bool layout_next_constant(const struct layout_program *program, uint64_t *at, struct layout_piece *piece)
{
	return piece_next(program, LAYOUT_CONSTANT, NULL, at, piece);
}

bool layout_constants_differ(const struct layout_program *program, const struct layout_program *running)
{
	const struct layout_entry *entry;
	for (uint64_t at = 0; (entry = entry_at(program, at)); at += entry->length) {
		const struct layout_entry *there = entry->kind == LAYOUT_CONSTANT ? entry_like(running, entry) : NULL;
		const unsigned char *bytes = contents_of(program, entry), *other = there ? contents_of(running, there) : NULL;
		if (entry->kind == LAYOUT_CONSTANT && (!bytes || !other || memcmp(bytes, other, entry->size) != 0))
			return true;
	}
	return false;
}
