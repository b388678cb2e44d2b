/* Asks servers for what no program can (tools/fault_stores.py): a gate for it is the supervisor's, or nobody uses it yet. Says
 * what came out otherwise than it should, and that it has done. */
#include "protocol_filesystem.h"
#include "protocol_log.h"
#include "protocol_serial.h"
#include "protocol_supervisor.h"
#include <errno.h>

#define PLACE "/mnt"
#define LOOK 20000000ull /* nanoseconds, until the tree is loaded */

static void expect(const char *what, int found, int expected)
{
	if (found != expected)
		log_line("%s: %d instead of %d", what, found, expected);
}

static int mount_at(slot_t tmpfs, const char *place, slot_t root)
{
	return filesystem_mount(tmpfs, NULL, 0, place, __builtin_strlen(place), root);
}

static int unmount_at(slot_t tmpfs, const char *place)
{
	return filesystem_unmount(tmpfs, NULL, 0, place, __builtin_strlen(place));
}

static void mounts(slot_t tmpfs, slot_t other)
{
	while (mount_at(tmpfs, PLACE, other) == -ENOENT)
		thread_sleep(time_now() + LOOK, 0);
	expect("a mount on a mount", mount_at(tmpfs, PLACE, other), -EBUSY);
	expect("unmount", unmount_at(tmpfs, PLACE), 0);
	expect("unmount again", unmount_at(tmpfs, PLACE), -EINVAL);
	expect("mount again", mount_at(tmpfs, PLACE, other), 0);
	expect("unmount at the end", unmount_at(tmpfs, PLACE), 0);
}

static void line(slot_t serial)
{
	expect("configure", serial_configure(serial, NULL, 115200, 0), 0);
	expect("configure to no speed", serial_configure(serial, NULL, 0, 0), -EINVAL);
	expect("drain of a line", serial_drain(serial, NULL, NULL), 0);
}

int main(void)
{
	supervisor_ready(SELF_SUPERVISOR, NULL);
	line(startup_slot("serial"));
	mounts(startup_slot("tmpfs"), startup_slot("serial"));
	expect("drain of the log", log_drain(SELF_LOG, NULL), 0);
	log_line("done");
	for (;;)
		thread_sleep(UINT64_MAX, 0);
}
