/* Files of an ext4 file system on the machine's disk. */
#include "bench.h"
#include <sys/mount.h>
#include <sys/vfs.h>

#define DISK "/dev/vda"
#define MOUNTED "/mnt"
#define EXT4_MAGIC 0xef53

static bool disk_prepare(void)
{
	struct statfs status;
	CALL("mount", !mount(DISK, MOUNTED, "ext4", 0, ""));
	CALL("statfs", !statfs(MOUNTED, &status));
	RIGHT(status.f_type == EXT4_MAGIC);
	return true;
}

static uint64_t create_run(unsigned operations)
{
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		int made = open(MOUNTED "/other", O_RDWR | O_CREAT | O_EXCL, 0644);
		CALL("open", made >= 0);
		close(made);
		CALL("unlink", !unlink(MOUNTED "/other"));
	}
	return ticks_now() - start;
}

static void disk_finish(void)
{
	umount(MOUNTED);
}

const struct row disk_rows[] = {
	{"ext4-create-unlink", 40, 0, disk_prepare, create_run, disk_finish},
	{0},
};
