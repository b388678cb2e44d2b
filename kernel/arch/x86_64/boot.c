/* What the loader says, in one form whoever it was; then the machine is set up in order and the
 * portable kernel starts. Everything the loader left in memory is copied before any memory is
 * handed out. */
#include "arch/local.h"
#include "base/string.h"
#include "sched/cpu.h"

#define PVH_MAGIC 0x336ec578u
#define MULTIBOOT_MAGIC 0x36d76289u
#define MEMORY_USABLE 1u
#define LOW_MEMORY_END 0x100000ull /* never handed out: firmware's, the trampoline, the RSDP */
#define RSDP_COPY 0x9000ull
#define RANGES_MAX 64u

struct range {
	physical_t start, end;
};

static struct range ranges[RANGES_MAX]; /* usable memory */
static unsigned range_count;
static struct range archive;
static struct boot_info boot_info;
_Noreturn void boot_main(uint32_t magic, uint32_t information);

/* Both loaders describe memory alike, though their entries need not have the same size. */
struct memory_entry {
	uint64_t address, size;
	uint32_t type;
};

/* e820 as it was: types other than 1 (ACPI tables, reserved, defective) are left alone. What does
 * not fit in `ranges` is memory that is not used, never memory that is used wrongly. */
static void memory_map_read(const char *at, const char *end, uint32_t entry_size)
{
	for (; at + entry_size <= end && range_count < RANGES_MAX; at += entry_size) {
		const struct memory_entry *entry = (const void *)at;
		if (entry->type == MEMORY_USABLE && entry->size)
			ranges[range_count++] = (struct range){ entry->address, entry->address + entry->size };
	}
}

static void command_line_found(const char *text)
{
	uint64_t length = strlen(text);

	if (length >= sizeof(boot_info.command_line))
		length = sizeof(boot_info.command_line) - 1;
	memcpy(boot_info.command_line, text, length);
	boot_info.command_line_length = length;
}

/* --- QEMU --- */
/* struct hvm_start_info of Xen's start_info.h, version 1 (with the memory map). All addresses are
 * physical. */
struct pvh_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, command_line, rsdp, memory_map;
	uint32_t memory_map_count, reserved;
};
struct pvh_module {
	uint64_t address, size, command_line, reserved;
};

static void pvh_read(const struct pvh_info *info)
{
	const struct pvh_module *modules = arch_direct_map(info->modules);
	const char *map = arch_direct_map(info->memory_map);

	if (info->command_line)
		command_line_found(arch_direct_map(info->command_line));
	if (info->module_count)
		archive = (struct range){ modules[0].address, modules[0].address + modules[0].size };
	boot_info.acpi_root = info->rsdp;
	memory_map_read(map, map + info->memory_map_count * sizeof(struct memory_entry), sizeof(struct memory_entry));
}

/* --- GRUB --- */
enum multiboot_tag_type {
	TAG_COMMAND_LINE = 1,
	TAG_MODULE = 3,
	TAG_MEMORY_MAP = 6,
	TAG_ACPI_OLD = 14,
	TAG_ACPI_NEW = 15,
};
/* Multiboot2 3.6, "Boot information format": tags of any order, each padded to 8 bytes. */
struct multiboot_tag {
	uint32_t type, size;
	union {
		char text[1];
		struct { uint32_t start, end; } module;
		struct { uint32_t entry_size, version; } memory;
	};
};

static const struct multiboot_tag *rsdp; /* a copy of it is all we get */

static void multiboot_tag_read(const struct multiboot_tag *tag)
{
	switch (tag->type) {
	case TAG_COMMAND_LINE:
		command_line_found(tag->text);
		break;
	case TAG_MODULE:
		if (!archive.end)
			archive = (struct range){ tag->module.start, tag->module.end };
		break;
	case TAG_MEMORY_MAP:
		memory_map_read((const char *)tag + 16, (const char *)tag + tag->size, tag->memory.entry_size);
		break;
	case TAG_ACPI_OLD:
	case TAG_ACPI_NEW:
		if (!rsdp || tag->type == TAG_ACPI_NEW)
			rsdp = tag;
		break;
	}
}

/* Up to the total size, which is the first word. A command line may be missing;
 * without a memory map or an archive the kernel panics once it can say so. */
static void multiboot_read(const char *information)
{
	const char *at = information + 8, *end = information + *(const uint32_t *)information;

	while (at < end) {
		const struct multiboot_tag *tag = (const void *)at;
		multiboot_tag_read(tag);
		at += (tag->size + 7) & ~7u;
	}
	if (!rsdp)
		return;
	boot_info.acpi_root = RSDP_COPY; /* where drivers may look at it */
	memcpy(arch_direct_map(RSDP_COPY), rsdp->text, rsdp->size - 8);
}

/* --- memory --- */
/* What below LOW_MEMORY_END is called usable is never handed out, so drivers may map it (firmware
 * tables, video memory). Everything else that the loader called usable is refused, whether it is
 * free now or the kernel's own. */
bool arch_memory_is_free_ram(physical_t start, physical_t end)
{
	for (unsigned i = 0; i < range_count; i++)
		if (end > LOW_MEMORY_END && start < ranges[i].end && end > ranges[i].start)
			return true;
	return false;
}

/* All but low memory, the kernel right above it, and the archive. */
/* The kernel lies at 1 MiB, at the beginning of a range, so what is below its end is skipped.
 * Memory above what the direct map reaches is left alone. */
static void memory_give(void)
{
	physical_t limit = paging_extend_direct_map(), low = kernel_physical(kernel_end);

	for (unsigned i = 0; i < range_count; i++) {
		physical_t start = ranges[i].start < low ? low : ranges[i].start;
		physical_t end = ranges[i].end > limit ? limit : ranges[i].end;
		if (start < archive.end && end > archive.start) {
			page_add_range(start, archive.start);
			start = archive.end;
		}
		page_add_range(start, end);
	}
}

/* The order matters. Nothing is allocated before memory_give, and that comes when the loader's
 * words have been read, for they lie in memory that it hands out. The GS base is set in cpu_setup:
 * before it no lock may be taken and no panic shown. The clock needs the local APIC and the ACPI
 * timer's port; locks and the log work without it. */
void boot_main(uint32_t magic, uint32_t information)
{
	const void *loader = arch_direct_map(information);

	if (magic == PVH_MAGIC)
		pvh_read(loader);
	else if (magic == MULTIBOOT_MAGIC)
		multiboot_read(loader);
	boot_info.archive_size = archive.end - archive.start;
	features_detect();
	traps_apply_patches();
	idt_setup();
	paging_protect_kernel();
	cpu_setup(0);
	arch_console_enable(true);
	memory_give();
	acpi_read(boot_info.acpi_root);
	page_add_range(kernel_physical(&cpu_stacks[machine.cpu_count + 1]), kernel_physical(&cpu_stacks[SYSTEM_CPUS_MAX]));
	pic_silence();
	apic_setup_cpu();
	ioapic_setup();
	clock_setup();
	cpus[0].online = true;
	cpu_count = 1;
	kernel_main(&boot_info, archive.start);
}
