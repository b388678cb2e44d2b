/* procfs: files that are written when they are read.
 *
 * A place is a name in the tree's plan (plan.c); a spot is a place together with the process and
 * thread it is about. What a gate stands for is an open spot, with its text once it was read.
 */
#ifndef PROCFS_H
#define PROCFS_H

#include "protocol_process.h"
#include "protocols/file.h"
#include "protocols/process.h"
#include "protocols/supervisor.h"
#include "server/server.h"

/* Text under construction; `failed`: memory ran out, and what is there is cut short. */
struct text {
	char *bytes;
	size_t length, capacity;
	bool failed;
};
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_bytes(struct text *text, const void *bytes, size_t length);
void text_clear(struct text *text);

struct place;
struct spot {
	const struct place *place;
	uint32_t process, thread; /* 0: none */
	uint32_t descriptor;
	bool own;                 /* of the very process that opened it: so it runs, while it reads */
};

enum place_kind {
	PLACE_DIRECTORY,
	PLACE_PROCESSES, /* the root: also one directory a process */
	PLACE_THREADS,   /* task: one directory a thread */
	PLACE_DESCRIPTORS, /* fd: one link a descriptor */
	PLACE_FILE,
	PLACE_LINK,
	PLACE_DESCRIPTOR, /* leads to an open file, which the caller is told of */
};

/* Renders what the spot shows (a link: its target). 0 or a negative errno. */
typedef int render_function(const struct spot *spot, struct text *text);

struct place {
	const char *name;
	enum place_kind kind;
	uint32_t permissions;
	render_function *render;
	/* Bytes written to the file, by the call of this id; NULL: nothing can be. */
	int (*store)(uint64_t id, const char *bytes, size_t length);
	const struct keeping *keeping; /* NULL: what is written is not kept */
	const struct place *children;  /* up to one without a name */
};

/* Of a file that keeps what is written to it. By label of the open file; only those that are open for writing. */
struct keeping {
	int (*opened)(uint64_t label);
	int (*write)(const struct request *request, uint64_t offset, uint64_t *count);
	void (*closed)(uint64_t label);
};
extern const struct keeping program_keeping; /* program.c */

static inline bool place_is_writable(const struct place *place)
{
	return place->store || place->keeping;
}

static inline struct spot spot_at(const struct place *place, uint32_t process, uint32_t thread)
{
	return (struct spot){ .place = place, .process = process, .thread = thread };
}

extern const struct place root_places[], process_places[], thread_places[];
extern const struct place root_place, process_place, thread_place, descriptor_place;

/* Who asks; found out from the process gate that came with the request, when it matters. */
struct caller {
	slot_t gate; /* 0: none came */
	bool asked;
	uint32_t process; /* 0: not known */
	struct process_credentials credentials;
};
void caller_identify(struct caller *caller);

/* Walking: as tmpfs does, on a plan instead of a tree. */
struct path_walk {
	struct caller *caller;
	struct spot spot;   /* in: where to start; out: what was found */
	const char *path;
	size_t length;
	bool follow;        /* a link at the end, too */
	unsigned redirect;  /* REDIRECT_ROOT or _DESCRIPTOR (spot): `rest` is the path to go on with */
	const char *rest;
	size_t rest_length;
};
int path_walk(struct path_walk *walk);

/* Spots */
bool spot_is_directory(const struct spot *spot);
uint32_t spot_type(const struct spot *spot);
void spot_attributes(const struct spot *spot, struct file_attributes *attributes);
int spot_child(const struct spot *spot, const char *name, size_t length, struct caller *caller,
               struct spot *child);
struct spot spot_parent(const struct spot *spot);
size_t spot_path(const struct spot *spot, char *buffer, size_t size);
/* access: 4 read, 2 write, 1 search. 0 or -EACCES. */
int spot_permit(const struct spot *spot, struct caller *caller, unsigned access);
/* linux_dirent64 records from a position, which moves on; bytes, or -EINVAL. */
int64_t spot_list(const struct spot *spot, uint64_t *position, void *buffer, size_t length);

/* What proc tells (source.c). 0 or a negative errno. */
int source_process(uint32_t process, uint32_t thread, struct process_info *info);
int source_system(struct system_info *info);
/* Part of process_command, appended to the text. */
int source_command(uint32_t process, uint32_t part, struct text *text);
uint32_t source_list(uint32_t after, uint32_t *ids, uint32_t most);
uint32_t source_threads(uint32_t process, uint32_t *ids, uint32_t most);
/* Descriptors from `first` up, as many as fit. */
uint32_t source_descriptors(uint32_t process, uint32_t first, uint32_t *numbers, uint32_t most);
/* What a descriptor is, and a capability to its gate (0: it has none), which is the caller's. */
int source_descriptor(uint32_t process, uint32_t number, uint32_t *kind, slot_t *gate);
/* What a service costs, by its number; the supervisor comes last. -ENOENT: there are no more. */
#define SERVICE_NAME_SIZE 32u
int source_service(uint32_t index, struct supervisor_service *service);
int source_service_memory(uint32_t index, char name[SERVICE_NAME_SIZE], struct supervisor_memory *memory);
int source_note(uint32_t index, struct supervisor_note *note);
int source_control(uint32_t index, uint32_t what);
/* Asked for by the call of this id. */
int source_load(uint64_t id, const char *text, size_t length);
int source_unload(uint64_t id, uint32_t index);
/* Why the last of these was refused. */
void source_refusal(struct text *text);
/* A fresh memory object for a program's file, in this slot; how much of it has been written. */
int source_program(slot_t memory);
int source_program_written(uint64_t size);
int source_limit(uint32_t process, uint32_t resource, uint64_t *soft, uint64_t *hard);
void source_count(uint32_t *processes, uint32_t *running, uint32_t *threads, uint32_t *newest);
extern const char *mount_path;    /* "/proc" */
extern const char *root_type;     /* of the root file system, for the mount table */

#define TICKS(nanoseconds) ((unsigned long long)((nanoseconds) / 10000000)) /* USER_HZ 100 */
#define NANOSECONDS 1000000000ull

/* Renderers (machine.c, kernel.c, process.c, mounts.c) */
render_function render_cmdline, render_cpuinfo, render_devices, render_filesystems, render_loadavg,
    render_meminfo, render_memory,
    render_nothing, render_control, render_services, render_updates, render_stat, render_uptime, render_version, render_swaps, render_partitions,
    render_diskstats, render_interrupts, render_mounts, render_mountinfo, render_hostname, render_ostype,
    render_osrelease, render_os_version, render_pid_max, render_ngroups_max, render_threads_max,
    render_cap_last_cap, render_uuid, render_boot_id, render_entropy, render_overcommit, render_max_map_count,
    render_file_max, render_nr_open, render_zero, render_self, render_thread_self, render_mounts_link,
    render_process_cmdline, render_comm, render_cwd, render_environ, render_exe, render_root_link,
    render_maps, render_process_stat, render_statm, render_status, render_limits, render_wchan, render_cgroup,
    render_vmstat;
int store_overcommit(uint64_t id, const char *bytes, size_t length);
int store_control(uint64_t id, const char *bytes, size_t length);
int store_hostname(uint64_t id, const char *bytes, size_t length);
int store_ignored(uint64_t id, const char *bytes, size_t length);

void fill_system_info(struct file_system_info *info);
int serve_file(struct request *request);
int serve_path(struct request *request);

/* What a gate stands for */
struct open_spot {
	struct spot spot;
	uint64_t label;
	uint64_t offset; /* bytes; a directory's position */
	uint32_t flags;
	bool rendered;
	struct text text;
};
struct open_spot *open_spot_make(const struct spot *spot, uint32_t flags);
struct open_spot *open_spot_find(uint64_t label);
void open_spot_drop(uint64_t label);
bool open_spot_is_writable(const struct open_spot *open);
/* It is one through which what is kept is written. */
bool open_spot_keeps(const struct open_spot *open);

#define LABEL_ROOT 2u /* the supervisor's gate: the root directory */

#endif
