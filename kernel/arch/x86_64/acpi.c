/* The firmware's tables, as far as the kernel needs them: processors and interrupt controllers
 * (MADT), the power management ports (FADT), and how to switch off (the _S5 package in the DSDT, found by
 * its name: the kernel interprets no AML). Everything is below 4 GiB or in memory, so the direct
 * map shows it. Lengths come from the firmware and bound every walk. */
#include "arch/local.h"
#include "base/string.h"

#define HEADER_SIZE 36u /* of every table: signature, length, who made it */
#define RSDP_REVISION 15
#define RSDP_RSDT 16
#define RSDP_XSDT 24

struct machine machine;

/* A field at any alignment. */
static uint64_t field(const uint8_t *table, uint32_t offset, uint32_t size)
{
	uint64_t value = 0;
	memcpy(&value, table + offset, size);
	return value;
}

static uint32_t table_length(const uint8_t *table)
{
	return (uint32_t)field(table, 4, 4);
}

/* ACPI 5.2.5 (RSDP), 5.2.7 (RSDT: 32-bit addresses), 5.2.8 (XSDT: 64-bit ones, from revision 2 on).
 * Checksums are not looked at: without these tables there would be no going on anyway. */
static const uint8_t *table_find(const uint8_t *rsdp, const char *signature)
{
	uint32_t size = rsdp[RSDP_REVISION] >= 2 && field(rsdp, RSDP_XSDT, 8) ? 8 : 4; /* of an address */
	const uint8_t *list = arch_direct_map(field(rsdp, size == 8 ? RSDP_XSDT : RSDP_RSDT, size));

	for (uint32_t at = HEADER_SIZE; at + size <= table_length(list); at += size) {
		const uint8_t *table = arch_direct_map(field(list, at, size));
		if (!memcmp(table, signature, 4))
			return table;
	}
	return NULL;
}

/* Flag 0: enabled. Others are places for processors that may be plugged in. */
static void cpu_found(uint64_t apic_id, uint64_t flags)
{
	if (flags & 1 && machine.cpu_count < SYSTEM_CPUS_MAX)
		machine.cpu_apic_ids[machine.cpu_count++] = (uint32_t)apic_id;
}

/* ACPI 5.2.12.2 (local APIC), .3 (I/O APIC), .5 (interrupt source override: ISA lines are
 * edge-triggered and active high unless one says otherwise, in bits 0..1 polarity and 2..3 trigger
 * mode of its flags), .12 (local x2APIC, for ids from 255 up). */
static void madt_entry_read(const uint8_t *entry)
{
	switch (entry[0]) {
	case 0: /* processor with a local APIC */
		cpu_found(entry[3], field(entry, 4, 4));
		break;
	case 1: /* I/O APIC */
		if (machine.io_apic_count < 4)
			machine.io_apics[machine.io_apic_count++] = (struct io_apic){
				.page = arch_direct_map(field(entry, 4, 4)),
				.gsi_base = (uint32_t)field(entry, 8, 4),
			};
		break;
	case 2: /* ISA line that is wired otherwise */
		if (entry[3] >= 16)
			break;
		machine.lines[entry[3]].gsi = (uint32_t)field(entry, 4, 4);
		machine.lines[entry[3]].low = (entry[8] & 3) == 3;
		machine.lines[entry[3]].level = (entry[8] >> 2 & 3) == 3;
		break;
	case 9: /* processor with an x2APIC id */
		cpu_found(field(entry, 4, 4), field(entry, 8, 4));
		break;
	}
}

/* Name(_S5_, Package(){a, ...}): 08? "_S5_" 12 length count 0A a | a */
/* ACPI 7.4.2.6: the package of \_S5 begins with SLP_TYP for PM1a. 4.8.3.2.1: in PM1_CNT SLP_TYP is
 * bits 10..12 and SLP_EN, which makes it happen, bit 13. */
static void dsdt_read(const uint8_t *dsdt)
{
	for (uint32_t at = HEADER_SIZE; at + 12 < table_length(dsdt); at++) {
		if (memcmp(dsdt + at, "_S5_\x12", 5))
			continue;
		const uint8_t *value = dsdt + at + 5;
		value += (*value >> 6) + 2; /* package length, count */
		uint8_t type = *value == 0x0a ? value[1] : *value;
		machine.power_off_value = (uint16_t)((type & 7) << 10 | 1 << 13);
		return;
	}
}

/* ACPI 5.2.9 has the FADT's offsets (DSDT 40, PM1a_CNT_BLK 64, PM_TMR_BLK 76), 5.2.12 the MADT's
 * (entries from 44 on: a type and a length each). */
void acpi_read(physical_t rsdp)
{
	for (unsigned line = 0; line < ARCH_IRQ_LINES; line++) {
		machine.lines[line].gsi = line;
		machine.lines[line].low = machine.lines[line].level = line >= 16; /* PCI; the others are ISA */
	}
	if (!rsdp)
		return;
	const uint8_t *madt = table_find(arch_direct_map(rsdp), "APIC");
	const uint8_t *fadt = table_find(arch_direct_map(rsdp), "FACP");
	physical_t dsdt = fadt ? field(fadt, 40, 4) : 0;
	for (uint32_t at = 44; madt && at + 2 <= table_length(madt) && madt[at + 1] >= 2; at += madt[at + 1])
		madt_entry_read(madt + at);
	if (!fadt)
		return;
	machine.pm_control = (uint16_t)field(fadt, 64, 4);
	machine.pm_timer = (uint16_t)field(fadt, 76, 4);
	if (dsdt)
		dsdt_read(arch_direct_map(dsdt));
}
