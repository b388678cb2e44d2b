/* The plan of /proc: every name, and what renders it. */
#include "procfs.h"

#define DIRECTORY(name_, children_)                                                                          \
	{                                                                                                    \
		.name = name_, .kind = PLACE_DIRECTORY, .permissions = 0555, .children = children_           \
	}
#define FILE_(name_, render_) { .name = name_, .kind = PLACE_FILE, .permissions = 0444, .render = render_ }
#define SETTING(name_, render_, store_) \
	{ .name = name_, .kind = PLACE_FILE, .permissions = 0644, .render = render_, .store = store_ }
#define LINK(name_, render_) { .name = name_, .kind = PLACE_LINK, .permissions = 0777, .render = render_ }
#define END { .name = NULL }

static KEPT_CONSTANT const struct place random_places[] = {
	FILE_("boot_id", render_boot_id),
	FILE_("entropy_avail", render_entropy),
	FILE_("uuid", render_uuid),
	END,
};

static KEPT_CONSTANT const struct place kernel_places[] = {
	FILE_("cap_last_cap", render_cap_last_cap),
	SETTING("hostname", render_hostname, store_hostname),
	FILE_("ngroups_max", render_ngroups_max),
	FILE_("osrelease", render_osrelease),
	FILE_("ostype", render_ostype),
	FILE_("pid_max", render_pid_max),
	DIRECTORY("random", random_places),
	FILE_("threads-max", render_threads_max),
	FILE_("version", render_os_version),
	END,
};

static KEPT_CONSTANT const struct place memory_places[] = {
	FILE_("max_map_count", render_max_map_count),
	SETTING("overcommit_memory", render_overcommit, store_overcommit),
	END,
};

static KEPT_CONSTANT const struct place file_places[] = {
	FILE_("file-max", render_file_max),
	FILE_("nr_open", render_nr_open),
	END,
};

static KEPT_CONSTANT const struct place system_places[] = {
	DIRECTORY("fs", file_places),
	DIRECTORY("kernel", kernel_places),
	DIRECTORY("vm", memory_places),
	END,
};

static KEPT_CONSTANT const struct place atoll_places[] = {
	{ .name = "control", .kind = PLACE_FILE, .permissions = 0600, .render = render_control, .store = store_control },
	FILE_("memory", render_memory),
	{ .name = "program", .kind = PLACE_FILE, .permissions = 0200, .render = render_nothing, .keeping = &program_keeping },
	FILE_("services", render_services),
	FILE_("updates", render_updates),
	END,
};

KEPT_CONSTANT const struct place root_places[] = {
	DIRECTORY("atoll", atoll_places),
	FILE_("cmdline", render_cmdline),
	FILE_("cpuinfo", render_cpuinfo),
	FILE_("devices", render_devices),
	FILE_("diskstats", render_diskstats),
	FILE_("filesystems", render_filesystems),
	FILE_("interrupts", render_interrupts),
	FILE_("loadavg", render_loadavg),
	FILE_("meminfo", render_meminfo),
	LINK("mounts", render_mounts_link),
	FILE_("partitions", render_partitions),
	LINK("self", render_self),
	FILE_("stat", render_stat),
	FILE_("swaps", render_swaps),
	DIRECTORY("sys", system_places),
	LINK("thread-self", render_thread_self),
	FILE_("uptime", render_uptime),
	FILE_("version", render_version),
	FILE_("vmstat", render_vmstat),
	END,
};

static KEPT_CONSTANT const struct place empty_places[] = { END };

#define OF_PROCESS_AND_THREAD \
	FILE_("cgroup", render_cgroup), \
	FILE_("cmdline", render_process_cmdline), \
	SETTING("comm", render_comm, store_ignored), \
	LINK("cwd", render_cwd), \
	{ .name = "environ", .kind = PLACE_FILE, .permissions = 0400, .render = render_environ }, \
	LINK("exe", render_exe), \
	{ .name = "fd", .kind = PLACE_DESCRIPTORS, .permissions = 0500, .children = empty_places }, \
	FILE_("limits", render_limits), \
	FILE_("maps", render_maps), \
	FILE_("mountinfo", render_mountinfo), \
	FILE_("mounts", render_mounts), \
	SETTING("oom_score_adj", render_zero, store_ignored), \
	FILE_("oom_score", render_zero), \
	LINK("root", render_root_link), \
	FILE_("stat", render_process_stat), \
	FILE_("statm", render_statm), \
	FILE_("status", render_status), \
	FILE_("wchan", render_wchan)

KEPT_CONSTANT const struct place process_places[] = {
	OF_PROCESS_AND_THREAD,
	{ .name = "task", .kind = PLACE_THREADS, .permissions = 0555, .children = empty_places },
	END,
};

KEPT_CONSTANT const struct place thread_places[] = {
	OF_PROCESS_AND_THREAD,
	END,
};

KEPT_CONSTANT const struct place root_place = {
	.name = "", .kind = PLACE_PROCESSES, .permissions = 0555, .children = root_places
};
KEPT_CONSTANT const struct place process_place = {
	.name = "", .kind = PLACE_DIRECTORY, .permissions = 0555, .children = process_places
};
KEPT_CONSTANT const struct place descriptor_place = {
	.name = "", .kind = PLACE_DESCRIPTOR, .permissions = 0700, .children = empty_places
};
KEPT_CONSTANT const struct place thread_place = {
	.name = "", .kind = PLACE_DIRECTORY, .permissions = 0555, .children = thread_places
};
