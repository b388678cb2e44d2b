/* What the whole machine tells, logs and does: figures, the kernel's log, stopping. */
#include "dev/device.h"
#include "arch/arch.h"
#include "base/log.h"
#include "base/preempt.h"
#include "ipc/notification.h"
#include "kernel_calls.h"
#include "mm/pool.h"
#include "sched/cpu.h"

#define LOG_CHUNK 256u

struct system {
	struct object object;
};

static struct spin_lock log_lock = SPIN_LOCK(LOCK_DEVICE);
static struct signal_target log_target; /* under log_lock */

/* Other CPUs' counters are read as they are: 64-bit loads do not tear, and a figure may be a moment
 * old. */
static void count_cpus(struct system_info *info)
{
	uint64_t now = arch_time_now();
	info->cpu_count = cpu_count < SYSTEM_CPUS_MAX ? cpu_count : SYSTEM_CPUS_MAX;
	for (uint32_t i = 0; i < info->cpu_count; i++) {
		struct cpu *cpu = &cpus[i];
		uint64_t since = cpu->in_idle && now > cpu->idle_since ? now - cpu->idle_since : 0;
		info->cpu[i].idle = cpu->idle_time + since;
		info->cpu[i].busy = now - cpu->online_since - info->cpu[i].idle;
		info->context_switches += cpu->context_switches;
		info->interrupts += cpu->interrupts;
	}
}

status_t handle_system_info(struct system *system, uint64_t info_address)
{
	struct system_info info = {
		.memory_total = page_total(),
		.memory_free = page_free(),
		.threads = object_count_of(OBJECT_THREAD),
		.spaces = object_count_of(OBJECT_SPACE),
		.objects = object_count(),
	};
	uint64_t in_use = info.memory_total - info.memory_free;
	uint64_t charged = __atomic_load_n(&system->object.pool->used, __ATOMIC_RELAXED);
	info.memory_kernel = in_use > charged ? in_use - charged : 0;
	count_cpus(&info);
	return arch_user_write(info_address, &info, sizeof(info));
}

/* Through a copy on the stack: the log's lock is the highest level, and user memory can fault. The
 * caller comes again for more than LOG_CHUNK. */
status_t handle_system_log_read(struct system *, uint64_t position, uint64_t buffer, uint64_t length)
{
	char bytes[LOG_CHUNK];
	uint64_t copied = log_copy(position, bytes, length < LOG_CHUNK ? length : LOG_CHUNK);
	if (!copied)
		return length ? STATUS_AGAIN : 0;
	status_t status = arch_user_write(buffer, bytes, copied);
	return status == STATUS_OK ? (status_t)copied : status;
}

/* Chunks of different writers may alternate, lines of up to LOG_CHUNK do not. After a missing page
 * the call is made again from the top, so what came before that page is in the log twice. */
status_t handle_system_log_write(struct system *, uint64_t buffer, uint32_t length)
{
	char bytes[LOG_CHUNK];
	while (length) {
		uint32_t part = length < LOG_CHUNK ? length : LOG_CHUNK;
		status_t status = arch_user_read(bytes, buffer, part);
		if (status != STATUS_OK)
			return status;
		log_append(bytes, part);
		buffer += part;
		length -= part;
		preempt_wanted();
	}
	return STATUS_OK;
}

/* On several ways out at once at most one finds the growth, and everything that grew before it
 * asked is covered. */
void system_log_signal(void)
{
	if (!log_take_growth())
		return;
	spin_lock(&log_lock);
	struct signal_target target = log_target;
	spin_unlock(&log_lock);
	if (target.notification)
		notification_signal(target.notification, target.bits);
}

status_t handle_system_log_notify(struct system *, struct notification *notification, uint64_t bits)
{
	signal_target_set(&log_target, &log_lock, notification, bits);
	notification_signal(notification, bits); /* what is there already counts as growth */
	return STATUS_OK;
}

status_t handle_system_stop(struct system *, uint32_t how)
{
	return how > 1 ? STATUS_BAD_ARGUMENT : arch_stop(how);
}

const struct object_class system_class = { .size = sizeof(struct system) };
