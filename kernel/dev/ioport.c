/* Port input and output, within the range that a capability names. */
#include "dev/device.h"
#include "arch/arch.h"
#include "kernel_calls.h"
#include "sched/thread.h"

#define IOPORT_COUNT 65536u
#define BUFFER_MAX 64u

struct ioport {
	struct object object;
	uint32_t first, count; /* set at creation */
};

/* Holding the system is the authority. */
status_t handle_ioport_create(struct system *, struct pool *pool, uint32_t first, uint32_t count,
                              uint32_t slot)
{
	if (first >= IOPORT_COUNT || count == 0 || count > IOPORT_COUNT - first)
		return STATUS_BAD_ARGUMENT;
	struct ioport *ports = (struct ioport *)object_create(pool, OBJECT_IOPORT);
	if (!ports)
		return STATUS_NO_MEMORY;
	ports->first = first;
	ports->count = count;
	return thread_install_new(&ports->object, slot);
}

/* All bytes of an access, also the last: a word at the range's last port would reach its
 * neighbour's. */
static bool access_is_inside(const struct ioport *ports, uint32_t port, uint32_t width)
{
	return (width == 1 || width == 2 || width == 4) && port >= ports->first && port - ports->first < ports->count &&
	       width <= ports->count - (port - ports->first);
}

status_t handle_ioport_read(struct ioport *ports, uint32_t port, uint32_t width)
{
	return access_is_inside(ports, port, width) ? (status_t)arch_port_read((uint16_t)port, width) : STATUS_BAD_ARGUMENT;
}

status_t handle_ioport_write(struct ioport *ports, uint32_t port, uint32_t width, uint32_t value)
{
	if (!access_is_inside(ports, port, width))
		return STATUS_BAD_ARGUMENT;
	arch_port_write((uint16_t)port, width, value);
	return STATUS_OK;
}

/* A port does not forget: a page that is missing is brought in while the bytes are here. */
status_t handle_ioport_read_buffer(struct ioport *ports, uint32_t port, uint64_t words, uint32_t count)
{
	uint16_t bytes[BUFFER_MAX];
	if (!access_is_inside(ports, port, 1) || count > BUFFER_MAX)
		return STATUS_BAD_ARGUMENT;
	for (uint32_t i = 0; i < count; i++)
		bytes[i] = (uint16_t)(IOPORT_READ | arch_port_read((uint16_t)port, 1));
	return arch_user_write(words, bytes, count * sizeof(bytes[0]));
}

/* Read whole before anything is written. */
status_t handle_ioport_write_buffer(struct ioport *ports, uint32_t port, uint64_t buffer, uint32_t length,
                                    uint64_t progress, uint64_t reached)
{
	uint8_t bytes[BUFFER_MAX];
	if (!access_is_inside(ports, port, 1) || length > BUFFER_MAX)
		return STATUS_BAD_ARGUMENT;
	status_t status = arch_user_read(bytes, buffer, length);
	for (uint32_t i = 0; status == STATUS_OK && i < length; i++)
		arch_port_write((uint16_t)port, 1, bytes[i]);
	return status == STATUS_OK ? arch_user_write(progress, &reached, sizeof(reached)) : status;
}

const struct object_class ioport_class = { .size = sizeof(struct ioport) };
