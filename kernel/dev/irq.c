/* Interrupt lines: who owns one, and what an interrupt signals. A line has at most one owner. At an interrupt it is
 * masked and its bits are signalled; irq_acknowledge unmasks it. */
#include "dev/device.h"
#include "arch/arch.h"
#include "ipc/notification.h"
#include "kernel_calls.h"
#include "sched/scheduler.h"

struct irq {
	struct object object;
	uint32_t line;               /* set at creation */
	struct signal_target target; /* under lines_lock */
};

/* Protects the table, and each owner's binding; taken by interrupts, with nothing else held. */
static struct spin_lock lines_lock = SPIN_LOCK(LOCK_DEVICE);
static struct irq *lines[ARCH_IRQ_LINES];

/* The owner, and with it the right to touch the controller for this line. irq_destroy gives it
 * back. */
static bool line_claim(struct irq *irq, uint32_t line)
{
	spin_lock(&lines_lock);
	bool free = !lines[line];
	if (free) {
		lines[line] = irq;
		irq->line = line;
	}
	spin_unlock(&lines_lock);
	return free;
}

/* Holding the system is the authority. */
status_t handle_irq_create(struct system *, struct pool *pool, uint32_t line, uint32_t slot)
{
	if (line >= ARCH_IRQ_LINES)
		return STATUS_BAD_ARGUMENT;
	struct irq *irq = (struct irq *)object_create(pool, OBJECT_IRQ);
	if (!irq)
		return STATUS_NO_MEMORY;
	irq->line = ARCH_IRQ_LINES; /* none yet, for irq_destroy */
	status_t status = line_claim(irq, line) ? arch_irq_enable(line) : STATUS_BUSY;
	if (status == STATUS_OK)
		return thread_install_new(&irq->object, slot);
	object_unreference(&irq->object);
	return status;
}

/* Unmasked once it is known whom to tell: a line that was claimed and never bound stays masked, and
 * cannot storm. */
status_t handle_irq_bind(struct irq *irq, struct notification *notification, uint64_t bits)
{
	signal_target_set(&irq->target, &lines_lock, notification, bits);
	arch_irq_unmask(irq->line);
	return STATUS_OK;
}

status_t handle_irq_acknowledge(struct irq *irq)
{
	arch_irq_unmask(irq->line);
	return STATUS_OK;
}

/* The target is copied out and signalled without the lock: the notification's lock is lower than
 * LOCK_DEVICE. If it is destroyed meanwhile its memory stays until this CPU leaves the kernel, and
 * signalling the dead does nothing. */
void kernel_interrupt_line(uint32_t line)
{
	spin_lock(&lines_lock);
	struct irq *irq = line < ARCH_IRQ_LINES ? lines[line] : NULL;
	struct signal_target target = irq ? irq->target : (struct signal_target){ 0 };
	spin_unlock(&lines_lock);
	if (target.notification) /* else it stays masked */
		notification_signal(target.notification, target.bits);
}

/* Masked before it is given up, so that no interrupt finds the next owner unprepared. */
static status_t irq_destroy(struct object *object)
{
	struct irq *irq = (struct irq *)object;
	if (irq->line == ARCH_IRQ_LINES)
		return STATUS_OK;
	arch_irq_mask(irq->line);
	spin_lock(&lines_lock);
	lines[irq->line] = NULL;
	spin_unlock(&lines_lock);
	signal_target_set(&irq->target, &lines_lock, NULL, 0);
	return STATUS_OK;
}

const struct object_class irq_class = { .size = sizeof(struct irq), .destroy = irq_destroy };
