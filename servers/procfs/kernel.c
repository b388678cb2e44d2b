/* Files about the system as a Linux kernel would tell them: names, versions, limits, mounts. */
#include "procfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OS_TYPE "Linux"
#define OS_RELEASE "6.1.0-atoll"
#define OS_VERSION "#1 SMP PREEMPT_DYNAMIC Atoll"
#define HOSTNAME_MAX 64u

const char *mount_path = "/proc";
const char *root_type = "tmpfs";

static char hostname[HOSTNAME_MAX + 1] = "atoll";
static char overcommit = '0';

int render_cmdline(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, "atoll\n");
	return 0;
}

int render_devices(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(
	    text,
	    "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n"
	    "240 stream\n\nBlock devices:\n");
	return 0;
}

int render_filesystems(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, "nodev\ttmpfs\nnodev\tproc\n");
	return 0;
}

int render_version(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, OS_TYPE " version " OS_RELEASE " (atoll@atoll) (gcc) " OS_VERSION "\n");
	return 0;
}

int render_swaps(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

int render_partitions(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, "major minor  #blocks  name\n\n");
	return 0;
}

int render_diskstats(const struct spot *spot, struct text *text)
{
	(void)spot;
	(void)text; /* no disks */
	return 0;
}

int render_mounts(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, "%s / %s rw,relatime 0 0\nproc %s proc rw,nosuid,nodev,noexec,relatime 0 0\n",
	         strcmp(root_type, "tmpfs") ? "/dev/root" : "tmpfs", root_type, mount_path);
	return 0;
}

int render_mountinfo(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, "20 1 0:1 / / rw,relatime - %s %s rw\n", root_type,
	         strcmp(root_type, "tmpfs") ? "/dev/root" : "tmpfs");
	text_add(text, "21 20 0:2 / %s rw,nosuid,nodev,noexec,relatime - proc proc rw\n", mount_path);
	return 0;
}

int render_hostname(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, "%s\n", hostname);
	return 0;
}

int store_hostname(uint64_t id, const char *bytes, size_t length)
{
	(void)id;
	while (length && bytes[length - 1] == '\n')
		length--;
	if (length > HOSTNAME_MAX)
		return -EINVAL;
	memcpy(hostname, bytes, length);
	hostname[length] = 0;
	return 0;
}

int render_ostype(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, OS_TYPE "\n");
	return 0;
}

int render_osrelease(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, OS_RELEASE "\n");
	return 0;
}

int render_os_version(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, OS_VERSION "\n");
	return 0;
}

static int render_number(struct text *text, unsigned long long number)
{
	text_add(text, "%llu\n", number);
	return 0;
}

int render_pid_max(const struct spot *spot, struct text *text)
{
	(void)spot;
	return render_number(text, 32768);
}

int render_ngroups_max(const struct spot *spot, struct text *text)
{
	(void)spot;
	return render_number(text, 65536);
}

int render_threads_max(const struct spot *spot, struct text *text)
{
	(void)spot;
	return render_number(text, 32768);
}

int render_cap_last_cap(const struct spot *spot, struct text *text)
{
	(void)spot;
	return render_number(text, 40);
}

int render_entropy(const struct spot *spot, struct text *text)
{
	(void)spot;
	return render_number(text, 256);
}

int render_max_map_count(const struct spot *spot, struct text *text)
{
	(void)spot;
	return render_number(text, 65530);
}

int render_file_max(const struct spot *spot, struct text *text)
{
	(void)spot;
	return render_number(text, 1048576);
}

int render_nr_open(const struct spot *spot, struct text *text)
{
	(void)spot;
	return render_number(text, 1048576);
}

int render_zero(const struct spot *spot, struct text *text)
{
	(void)spot;
	return render_number(text, 0);
}

int render_overcommit(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, "%c\n", overcommit);
	return 0;
}

int store_overcommit(uint64_t id, const char *bytes, size_t length)
{
	(void)id;
	if (length == 0 || bytes[0] < '0' || bytes[0] > '2')
		return -EINVAL;
	overcommit = bytes[0];
	return 0;
}

/* Accepted, and without effect. */
int store_ignored(uint64_t id, const char *bytes, size_t length)
{
	(void)id;
	(void)bytes;
	(void)length;
	return 0;
}

/* Identifiers only have to differ, so a mixed cycle counter does; no key comes from here. */
static void add_uuid(struct text *text, uint64_t seed)
{
	uint64_t words[2];
	for (unsigned i = 0; i < 2; i++) {
		seed += 0x9e3779b97f4a7c15ull;
		uint64_t value = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9ull;
		value = (value ^ value >> 27) * 0x94d049bb133111ebull;
		words[i] = value ^ value >> 31;
	}
	text_add(text, "%08x-%04x-4%03x-%04x-%012llx\n", (unsigned)(words[0] >> 32),
	         (unsigned)(words[0] >> 16 & 0xffff), (unsigned)(words[0] & 0xfff),
	         (unsigned)((words[1] >> 48 & 0x3fff) | 0x8000),
	         (unsigned long long)(words[1] & 0xffffffffffff));
}

int render_uuid(const struct spot *spot, struct text *text)
{
	static uint64_t count;
	(void)spot;
	add_uuid(text, __builtin_ia32_rdtsc() + (++count << 48));
	return 0;
}

int render_boot_id(const struct spot *spot, struct text *text)
{
	const struct time_page *time = (const struct time_page *)TIME_PAGE_ADDRESS;
	(void)spot;
	add_uuid(text, time->boot_time_seconds * 1000003 ^ time->tsc_base ^ time->tsc_frequency << 20);
	return 0;
}
