/* Device interrupts: the old controllers silenced, the I/O APICs routing every line to the boot CPU.
 *
 * A line is an ISA number below 16 (the firmware says where it really arrives), above that a global
 * interrupt number, which is how PCI interrupts come: level-triggered, active low. A level line is
 * masked at the controller until its driver acknowledges it. An edge would be lost meanwhile, so an
 * edge line stays open: what arrives while it is masked is remembered, and raised again by the unmask.
 */
#include "arch/local.h"
#include "base/lock.h"

#define REDIRECTION_MASKED (1u << 16)
#define REDIRECTION_LEVEL (1u << 15)
#define REDIRECTION_LOW (1u << 13)

static struct spin_lock lines_lock = SPIN_LOCK(LOCK_DEVICE + 1);
static uint32_t boot_apic_id;

/* 82093AA 3.1: IOREGSEL at 0, IOWIN at 0x10. Two accesses, so under the lock (or before there are
 * other CPUs). */
static void controller_write(struct io_apic *controller, uint32_t index, uint32_t value)
{
	controller->page[0] = index;
	controller->page[4] = value;
}

/* False: no controller has its pin. */
/* 82093AA 3.2.4: the low half of an entry at 0x10 + 2 * pin. Fixed delivery, physical destination:
 * the boot CPU, set once in the high half. A level line that stays asserted interrupts again as
 * soon as it is unmasked. */
static bool line_write(uint32_t number)
{
	struct line *line = &machine.lines[number];
	uint32_t redirection = (VECTOR_DEVICE + number) | (line->low ? REDIRECTION_LOW : 0);

	if (line->level)
		redirection |= REDIRECTION_LEVEL | (line->masked ? REDIRECTION_MASKED : 0);
	for (unsigned i = 0; i < machine.io_apic_count; i++) {
		struct io_apic *controller = &machine.io_apics[i];
		uint32_t pin = line->gsi - controller->gsi_base;
		if (line->gsi < controller->gsi_base || pin >= controller->pins)
			continue;
		controller_write(controller, 0x10 + pin * 2, redirection);
		return true;
	}
	return false;
}

/* Before the local APIC stops listening to it: a request it had made would otherwise stay pending. */
void pic_silence(void)
{
	port_write8(0x21, 0xff);
	port_write8(0xa1, 0xff);
}

/* Everything masked first: firmware may have left lines open, and their vectors mean something else
 * now. */
void ioapic_setup(void)
{
	boot_apic_id = apic_id();
	for (unsigned i = 0; i < machine.io_apic_count; i++) {
		struct io_apic *controller = &machine.io_apics[i];
		controller->page[0] = 1;
		controller->pins = (controller->page[4] >> 16 & 0xff) + 1;
		for (uint32_t pin = 0; pin < controller->pins; pin++) {
			controller_write(controller, 0x10 + pin * 2, REDIRECTION_MASKED);
			controller_write(controller, 0x11 + pin * 2, boot_apic_id << 24);
		}
	}
}

status_t arch_irq_enable(uint32_t number)
{
	struct line *line = &machine.lines[number];
	spin_lock(&lines_lock);
	line->enabled = line->masked = true;
	line->pending = false;
	bool exists = line_write(number);
	spin_unlock(&lines_lock);
	return exists ? STATUS_OK : STATUS_BAD_ARGUMENT;
}

static void line_mask(uint32_t number, bool masked)
{
	machine.lines[number].masked = masked;
	if (machine.lines[number].level)
		line_write(number);
}

void arch_irq_mask(uint32_t number)
{
	spin_lock(&lines_lock);
	line_mask(number, true);
	spin_unlock(&lines_lock);
}

void arch_irq_unmask(uint32_t number)
{
	spin_lock(&lines_lock);
	line_mask(number, false);
	if (machine.lines[number].pending) /* an edge came meanwhile: let it come again */
		apic_send(boot_apic_id, VECTOR_DEVICE + number);
	machine.lines[number].pending = false;
	spin_unlock(&lines_lock);
}

/* Masked before the end of interrupt is told: a level line that is still asserted would come right
 * back. `enabled` is read without the lock: it is set before the line can interrupt, and never
 * taken back. */
void ioapic_interrupt(uint8_t vector)
{
	uint32_t number = (uint32_t)vector - VECTOR_DEVICE;
	bool deliver = false;

	if (number < ARCH_IRQ_LINES && machine.lines[number].enabled) {
		spin_lock(&lines_lock);
		deliver = !machine.lines[number].masked;
		machine.lines[number].pending = !deliver && !machine.lines[number].level;
		line_mask(number, true);
		spin_unlock(&lines_lock);
	}
	apic_end_interrupt();
	if (deliver)
		kernel_interrupt_line(number);
}
