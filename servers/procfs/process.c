/* Files about one process, in Linux's formats to the letter: ps, top and pgrep parse them. */
#include "procfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PART_COMMAND 0u
#define PART_ENVIRONMENT 1u
#define PART_EXECUTABLE 2u
#define PART_DIRECTORY 3u
#define PART_REGIONS 4u
#define PAGE 4096u

int render_self(const struct spot *spot, struct text *text)
{
	text_add(text, "%u", spot->process);
	return 0;
}

int render_thread_self(const struct spot *spot, struct text *text)
{
	text_add(text, "%u/task/%u", spot->process, spot->process);
	return 0;
}

int render_mounts_link(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, "self/mounts");
	return 0;
}

static int render_link(const struct spot *spot, uint32_t part, struct text *text)
{
	int status = source_command(spot->process, part, text);
	if (status)
		return status;
	return text->length && text->bytes[0] == '/' ? 0 : -ENOENT;
}

int render_exe(const struct spot *spot, struct text *text)
{
	return render_link(spot, PART_EXECUTABLE, text);
}

int render_cwd(const struct spot *spot, struct text *text)
{
	if (render_link(spot, PART_DIRECTORY, text)) {
		text->length = 0;
		text_add(text, "/"); /* nothing was told yet: it has not moved */
	}
	return 0;
}

int render_root_link(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, "/");
	return 0;
}

int render_process_cmdline(const struct spot *spot, struct text *text)
{
	return source_command(spot->process, PART_COMMAND, text);
}

int render_environ(const struct spot *spot, struct text *text)
{
	return source_command(spot->process, PART_ENVIRONMENT, text);
}

int render_comm(const struct spot *spot, struct text *text)
{
	struct process_info info;
	int status = source_process(spot->process, 0, &info);
	if (status == 0)
		text_add(text, "%s\n", info.name);
	return status;
}

int render_wchan(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, "0");
	return 0;
}

int render_cgroup(const struct spot *spot, struct text *text)
{
	(void)spot;
	text_add(text, "0::/\n");
	return 0;
}

/* proc sees a process that asks as one that waits: for us. */
static int describe(const struct spot *spot, struct process_info *info)
{
	int status = source_process(spot->process, spot->thread, info);
	if (status == 0 && spot->own && info->state == 'S')
		info->state = 'R';
	return status;
}

int render_process_stat(const struct spot *spot, struct text *text)
{
	struct process_info info;
	int status = describe(spot, &info);
	if (status)
		return status;
	long long foreground = info.terminal ? (int32_t)info.terminal_group : -1;
	text_add(text, "%u (%s) %c %u %u %u %u %lld 4194304 0 0 0 0 ",
	         spot->thread ? spot->thread : info.process, info.name, (char)info.state, info.parent,
	         info.group, info.session, info.terminal, foreground);
	text_add(text, "%llu %llu %llu %llu %d %d %u 0 %llu %llu %llu 18446744073709551615 ",
	         TICKS(info.user_time), TICKS(info.system_time), TICKS(info.children_user_time),
	         TICKS(info.children_system_time), 20 + info.nice, info.nice, info.threads,
	         TICKS(info.start_time), (unsigned long long)info.memory_size,
	         (unsigned long long)(info.memory_resident / PAGE));
	/* Addresses of code and stack, then signals (31 bits, as ever), wchan, nswap, cnswap */
	text_add(text, "0 0 0 0 0 %llu %llu %llu %llu 0 0 0 ",
	         (unsigned long long)info.signals_pending & 0x7fffffff,
	         (unsigned long long)info.signals_blocked & 0x7fffffff,
	         (unsigned long long)info.signals_ignored & 0x7fffffff,
	         (unsigned long long)info.signals_caught & 0x7fffffff);
	/* Exit signal, processor, real-time priority, policy, delays, guest times; addresses of data,
	 * heap and arguments; exit code */
	text_add(text, "17 %u 0 0 0 0 0 0 0 0 0 0 0 0 %u\n", info.last_cpu, info.exit_code);
	return 0;
}

int render_statm(const struct spot *spot, struct text *text)
{
	struct process_info info;
	int status = source_process(spot->process, 0, &info);
	if (status)
		return status;
	unsigned long long size = info.memory_size / PAGE, resident = info.memory_resident / PAGE;
	text_add(text, "%llu %llu 0 0 0 %llu 0\n", size, resident, resident);
	return 0;
}

static const char *state_name(uint32_t state)
{
	switch (state) {
	case 'R':
		return "R (running)";
	case 'T':
		return "T (stopped)";
	case 'Z':
		return "Z (zombie)";
	default:
		return "S (sleeping)";
	}
}

static void add_ids(struct text *text, const char *name, uint32_t real, uint32_t effective)
{
	text_add(text, "%s:\t%u\t%u\t%u\t%u\n", name, real, effective, effective, effective);
}

static void add_memory(struct text *text, const struct process_info *info)
{
	unsigned long long size = info->memory_size / 1024, resident = info->memory_resident / 1024;
	const struct {
		const char *name;
		unsigned long long kibibytes;
	} lines[] = { { "VmPeak", size },    { "VmSize", size },    { "VmLck", 0 },          { "VmPin", 0 },
		      { "VmHWM", resident }, { "VmRSS", resident }, { "RssAnon", resident }, { "RssFile", 0 },
		      { "RssShmem", 0 },     { "VmData", size },    { "VmStk", 0 },          { "VmExe", 0 },
		      { "VmLib", 0 },        { "VmPTE", 0 },        { "VmSwap", 0 } };
	for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++)
		text_add(text, "%s:\t%8llu kB\n", lines[i].name, lines[i].kibibytes);
}

static void add_signals(struct text *text, const struct process_info *info)
{
	text_add(text, "SigQ:\t0/4096\nSigPnd:\t%016x\nShdPnd:\t%016llx\n", 0,
	         (unsigned long long)info->signals_pending);
	text_add(text, "SigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n",
	         (unsigned long long)info->signals_blocked, (unsigned long long)info->signals_ignored,
	         (unsigned long long)info->signals_caught);
	unsigned long long capabilities = info->effective_user == 0 ? 0x1ffffffffffull : 0;
	text_add(text,
	         "CapInh:\t%016x\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%016x\n", 0,
	         capabilities, capabilities, 0x1ffffffffffull, 0);
}

/* A mask, and the same as a list of ranges. */
static void add_cpus(struct text *text, uint64_t mask)
{
	text_add(text, "Cpus_allowed:\t%llx\nCpus_allowed_list:\t", (unsigned long long)mask);
	const char *between = "";
	while (mask) {
		unsigned first = (unsigned)__builtin_ctzll(mask), last = first;
		while (mask >> (last + 1) & 1)
			last++;
		text_add(text, first == last ? "%s%u" : "%s%u-%u", between, first, last);
		between = ",";
		mask &= ~0ull << (last + 1);
	}
	text_add(text, "\n");
}

int render_status(const struct spot *spot, struct text *text)
{
	struct process_info info;
	struct system_info system;
	int status = describe(spot, &info);
	if (status)
		return status;
	text_add(
	    text,
	    "Name:\t%s\nUmask:\t0022\nState:\t%s\nTgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n",
	    info.name, state_name(info.state), info.process, spot->thread ? spot->thread : info.process,
	    info.parent);
	add_ids(text, "Uid", info.user, info.effective_user);
	add_ids(text, "Gid", info.group_id, info.effective_group);
	text_add(text, "FDSize:\t256\nGroups:\t \nNStgid:\t%u\nNSpid:\t%u\nNSpgid:\t%u\nNSsid:\t%u\n",
	         info.process, info.process, info.group, info.session);
	if (info.memory_size)
		add_memory(text, &info);
	text_add(text, "CoreDumping:\t0\nTHP_enabled:\t0\nThreads:\t%u\n", info.threads);
	add_signals(text, &info);
	unsigned count = source_system(&system) == 0 ? (unsigned)system.cpu_count : 1;
	text_add(text, "NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n");
	add_cpus(text, info.cpu_mask & ((1ull << count) - 1));
	text_add(text, "Mems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t0\nnonvoluntary_"
	               "ctxt_switches:\t0\n");
	return 0;
}

static void add_limit(struct text *text, uint64_t value)
{
	if (value == UINT64_MAX)
		text_add(text, " %-20s", "unlimited");
	else
		text_add(text, " %-20llu", (unsigned long long)value);
}

int render_limits(const struct spot *spot, struct text *text)
{
	static const struct {
		uint32_t resource;
		const char *name, *unit;
	} limits[] = {
		{ 0, "Max cpu time", "seconds" },     { 1, "Max file size", "bytes" },
		{ 2, "Max data size", "bytes" },      { 3, "Max stack size", "bytes" },
		{ 4, "Max core file size", "bytes" }, { 5, "Max resident set", "bytes" },
		{ 6, "Max processes", "processes" },  { 7, "Max open files", "files" },
		{ 8, "Max locked memory", "bytes" },  { 9, "Max address space", "bytes" },
		{ 10, "Max file locks", "locks" },    { 11, "Max pending signals", "signals" },
		{ 12, "Max msgqueue size", "bytes" }, { 13, "Max nice priority", "" },
		{ 14, "Max realtime priority", "" },  { 15, "Max realtime timeout", "us" },
	};
	text_add(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++) {
		uint64_t soft = UINT64_MAX, hard = UINT64_MAX;
		source_limit(spot->process, limits[i].resource, &soft, &hard);
		text_add(text, "%-25s", limits[i].name);
		add_limit(text, soft);
		add_limit(text, hard);
		text_add(text, " %-10s\n", limits[i].unit);
	}
	return 0;
}

/* The kernel's regions, without names of files: nobody but the program itself knows those. What lies at and
 * above the handoff is the personality's. */
int render_maps(const struct spot *spot, struct text *text)
{
	struct text regions = { 0 };
	int status = source_command(spot->process, PART_REGIONS, &regions);
	for (size_t at = 0; status == 0 && at + sizeof(struct region_info) <= regions.length;
	     at += sizeof(struct region_info)) {
		struct region_info region;
		memcpy(&region, regions.bytes + at, sizeof region);
		if (region.address >= PERSONALITY_HANDOFF)
			break;
		text_add(
		    text, "%08llx-%08llx %c%c%c%c %08llx 00:%02x %llu \n", (unsigned long long)region.address,
		    (unsigned long long)(region.address + region.length), region.flags & MAP_READ ? 'r' : '-',
		    region.flags & MAP_WRITE ? 'w' : '-', region.flags & MAP_EXECUTE ? 'x' : '-',
		    region.flags & MAP_PRIVATE_COPY ? 'p' : 's', (unsigned long long)region.offset,
		    region.memory ? 1 : 0, (unsigned long long)region.memory);
	}
	text_clear(&regions);
	return status == -EINVAL ? 0 : status;
}
