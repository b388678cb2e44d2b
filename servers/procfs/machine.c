/* Files about the machine: processors, memory, time, load. */
#include "procfs.h"

#include <cpuid.h>
#include <stdio.h>
#include <string.h>

#define KIB(bytes) ((unsigned long long)((bytes) / 1024))

static const char *const basic_flags[32] = { "fpu", "vme",  "de",   "pse",   "tsc", "msr",     "pae",
	                                     "mce", "cx8",  "apic", NULL,    "sep", "mtrr",    "pge",
	                                     "mca", "cmov", "pat",  "pse36", "pn",  "clflush", NULL,
	                                     "dts", "acpi", "mmx",  "fxsr",  "sse", "sse2",    "ss",
	                                     "ht",  "tm",   "ia64", "pbe" };
static const char *const more_flags[32] = { "pni",    "pclmulqdq", "dtes64", "monitor", "ds_cpl",
	                                    "vmx",    "smx",       "est",    "tm2",     "ssse3",
	                                    "cid",    "sdbg",      "fma",    "cx16",    "xtpr",
	                                    "pdcm",   NULL,        "pcid",   "dca",     "sse4_1",
	                                    "sse4_2", "x2apic",    "movbe",  "popcnt",  "tsc_deadline_timer",
	                                    "aes",    "xsave",     NULL,     "avx",     "f16c",
	                                    "rdrand", "hypervisor" };
static const char *const extended_flags[32] = {
	[11] = "syscall", [20] = "nx", [22] = "mmxext",   [25] = "fxsr_opt", [26] = "pdpe1gb",
	[27] = "rdtscp",  [29] = "lm", [30] = "3dnowext", [31] = "3dnow"
};
static const char *const extended_more_flags[32] = { "lahf_lm", "cmp_legacy",  "svm",
	                                             "extapic", "cr8_legacy",  "abm",
	                                             "sse4a",   "misalignsse", "3dnowprefetch" };
static const char *const seventh_flags[32] = {
	[0] = "fsgsbase", [3] = "bmi1",    [4] = "hle",      [5] = "avx2",  [7] = "smep",
	[8] = "bmi2",     [9] = "erms",    [10] = "invpcid", [11] = "rtm",  [14] = "mpx",
	[16] = "avx512f", [18] = "rdseed", [19] = "adx",     [20] = "smap", [23] = "clflushopt",
	[24] = "clwb",    [29] = "sha_ni"
};

static void add_flags(struct text *text, const char *const names[32], uint32_t bits)
{
	for (unsigned i = 0; i < 32; i++) {
		if (bits >> i & 1 && names[i])
			text_add(text, " %s", names[i]);
	}
}

struct processor {
	char vendor[13], model[49];
	uint32_t level, signature, features, more, seventh, extended, extended_more, clflush, addresses;
};

static void read_processor(struct processor *cpu)
{
	uint32_t a, b, c, d;
	*cpu = (struct processor){ .addresses = 0x3028 };
	__cpuid(0, cpu->level, b, c, d);
	memcpy(cpu->vendor, (uint32_t[]){ b, d, c }, 12);
	__cpuid(1, cpu->signature, b, cpu->more, cpu->features);
	cpu->clflush = (b >> 8 & 0xff) * 8;
	if (cpu->level >= 7)
		__cpuid_count(7, 0, a, cpu->seventh, c, d);
	uint32_t last;
	__cpuid(0x80000000, last, b, c, d);
	if (last >= 0x80000001)
		__cpuid(0x80000001, a, b, cpu->extended_more, cpu->extended);
	for (uint32_t i = 0; i < 3 && last >= 0x80000004; i++) {
		__cpuid(0x80000002 + i, a, b, c, d);
		memcpy(cpu->model + i * 16, (uint32_t[]){ a, b, c, d }, 16);
	}
	if (last >= 0x80000008)
		__cpuid(0x80000008, cpu->addresses, b, c, d);
}

static void add_processor(struct text *text, const struct processor *cpu, unsigned number, unsigned count,
                          uint64_t hertz)
{
	uint32_t family = cpu->signature >> 8 & 15, model = cpu->signature >> 4 & 15;
	if (family == 6 || family == 15)
		model |= cpu->signature >> 12 & 0xf0;
	if (family == 15)
		family += cpu->signature >> 20 & 0xff;
	unsigned long long mega = hertz / 1000000, fraction = hertz / 1000 % 1000;
	text_add(text, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n", number,
	         cpu->vendor, family, model);
	text_add(text, "model name\t: %s\nstepping\t: %u\n", cpu->model, cpu->signature & 15);
	text_add(text, "microcode\t: 0x0\ncpu MHz\t\t: %llu.%03llu\ncache size\t: 512 KB\n", mega, fraction);
	text_add(text, "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n", count, number,
	         count);
	text_add(text, "apicid\t\t: %u\ninitial apicid\t: %u\n", number, number);
	text_add(text, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\nflags\t\t:",
	         cpu->level);
	add_flags(text, basic_flags, cpu->features);
	add_flags(text, extended_flags, cpu->extended);
	add_flags(text, more_flags, cpu->more);
	add_flags(text, extended_more_flags, cpu->extended_more);
	add_flags(text, seventh_flags, cpu->seventh);
	text_add(text, "\nbugs\t\t:\nbogomips\t: %llu.%02llu\nclflush size\t: %u\ncache_alignment\t: %u\n",
	         mega * 2, fraction / 5 % 100, cpu->clflush, cpu->clflush);
	text_add(text, "address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n",
	         cpu->addresses & 0xff, cpu->addresses >> 8 & 0xff);
}

int render_cpuinfo(const struct spot *spot, struct text *text)
{
	struct processor cpu;
	struct system_info system;
	(void)spot;
	int status = source_system(&system);
	if (status)
		return status;
	read_processor(&cpu);
	uint64_t hertz = ((const struct time_page *)TIME_PAGE_ADDRESS)->tsc_frequency;
	for (unsigned i = 0; i < system.cpu_count; i++)
		add_processor(text, &cpu, i, (unsigned)system.cpu_count, hertz);
	return 0;
}

/* The sum of what was added. */
static uint64_t memory_add(struct supervisor_memory *all, const struct supervisor_memory *more)
{
	all->code += more->code;
	all->data += more->data;
	all->heap += more->heap;
	all->stack += more->stack;
	all->state += more->state;
	all->tables += more->tables;
	all->objects += more->objects;
	all->content += more->content;
	return more->code + more->data + more->heap + more->stack + more->state + more->tables + more->objects + more->content;
}

/* What all services have by kind; what tmpfs has in files, in KiB: the page cache of a system whose files are memory. */
static unsigned long long services_sum(struct supervisor_memory *all)
{
	struct supervisor_memory memory;
	char name[SERVICE_NAME_SIZE];
	unsigned long long files = 0;
	for (uint32_t i = 0; source_service_memory(i, name, &memory) == 0; i++) {
		memory_add(all, &memory);
		if (!strcmp(name, "tmpfs"))
			files = KIB(memory.content);
	}
	return files;
}

int render_meminfo(const struct spot *spot, struct text *text)
{
	struct system_info system;
	(void)spot;
	int status = source_system(&system);
	if (status)
		return status;
	unsigned long long total = KIB(system.memory_total), left = KIB(system.memory_free);
	struct supervisor_memory all = { 0 };
	unsigned long long files = services_sum(&all), tables = KIB(all.tables), used = total - left;
	unsigned long long kernel = KIB(system.memory_kernel + all.objects);
	unsigned long long known = files + tables + kernel, programs = used > known ? used - known : 0;
	const struct {
		const char *name;
		unsigned long long kibibytes;
	} lines[] = {
		{ "MemTotal", total },
		{ "MemFree", left },
		{ "MemAvailable", left },
		{ "Buffers", 0 },
		{ "Cached", files },
		{ "SwapCached", 0 },
		{ "Active", programs + files },
		{ "Inactive", 0 },
		{ "Active(anon)", programs + files },
		{ "Inactive(anon)", 0 },
		{ "Active(file)", 0 },
		{ "Inactive(file)", 0 },
		{ "Unevictable", 0 },
		{ "Mlocked", 0 },
		{ "SwapTotal", 0 },
		{ "SwapFree", 0 },
		{ "Dirty", 0 },
		{ "Writeback", 0 },
		{ "AnonPages", programs },
		{ "Mapped", 0 },
		{ "Shmem", files },
		{ "KReclaimable", 0 },
		{ "Slab", kernel },
		{ "SReclaimable", 0 },
		{ "SUnreclaim", kernel },
		{ "KernelStack", 0 },
		{ "PageTables", tables },
		{ "NFS_Unstable", 0 },
		{ "Bounce", 0 },
		{ "WritebackTmp", 0 },
		{ "CommitLimit", total },
		{ "Committed_AS", total - left },
		{ "VmallocTotal", 34359738367 },
		{ "VmallocUsed", 0 },
		{ "VmallocChunk", 0 },
		{ "Percpu", 0 },
	};
	for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
		char name[20];
		snprintf(name, sizeof name, "%s:", lines[i].name);
		text_add(text, "%-16s%8llu kB\n", name, lines[i].kibibytes);
	}
	text_add(text,
	         "HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\n"
	         "HugePages_Surp:        0\nHugepagesize:       2048 kB\nHugetlb:               0 kB\n");
	return 0;
}

#define SERVICE_LINE "%-12s%8llu%8llu%8llu%8llu%8llu%8llu%8llu%8llu%9llu\n"
static void add_service(struct text *text, const char *name, const struct supervisor_memory *memory, uint64_t sum)
{
	text_add(text, SERVICE_LINE, name, KIB(memory->code), KIB(memory->data), KIB(memory->heap), KIB(memory->stack),
	         KIB(memory->state), KIB(memory->tables), KIB(memory->objects), KIB(memory->content), KIB(sum));
}

/* Who has the memory that is not free, in KiB. The kernel's is what it keeps for nobody. */
int render_memory(const struct spot *spot, struct text *text)
{
	struct system_info system;
	struct supervisor_memory memory, all = { 0 };
	char name[SERVICE_NAME_SIZE];
	uint64_t total = 0;
	(void)spot;
	int status = source_system(&system);
	if (status)
		return status;
	text_add(text, "%-12s%8s%8s%8s%8s%8s%8s%8s%8s%9s\n", "KiB", "code", "data", "heap", "stack", "state", "tables",
	         "objects", "content", "sum");
	for (uint32_t i = 0; source_service_memory(i, name, &memory) == 0; i++) {
		uint64_t sum = memory_add(&all, &memory);
		total += sum;
		if (*name)
			add_service(text, name, &memory, sum);
	}
	memory = (struct supervisor_memory){ .objects = system.memory_kernel };
	all.objects += system.memory_kernel;
	add_service(text, "kernel", &memory, system.memory_kernel);
	add_service(text, "all", &all, total + system.memory_kernel);
	return 0;
}

int render_uptime(const struct spot *spot, struct text *text)
{
	struct system_info system;
	(void)spot;
	int status = source_system(&system);
	if (status)
		return status;
	uint64_t idle = 0, now = time_now();
	for (unsigned i = 0; i < system.cpu_count; i++)
		idle += system.cpu[i].idle;
	text_add(text, "%llu.%02llu %llu.%02llu\n", (unsigned long long)(now / NANOSECONDS), TICKS(now) % 100,
	         (unsigned long long)(idle / NANOSECONDS), TICKS(idle) % 100);
	return 0;
}

int render_stat(const struct spot *spot, struct text *text)
{
	struct system_info system;
	uint32_t processes, running, threads, newest;
	(void)spot;
	int status = source_system(&system);
	if (status)
		return status;
	uint64_t busy = 0, idle = 0;
	for (unsigned i = 0; i < system.cpu_count; i++) {
		busy += system.cpu[i].busy;
		idle += system.cpu[i].idle;
	}
	source_count(&processes, &running, &threads, &newest);
	text_add(text, "cpu  %llu 0 0 %llu 0 0 0 0 0 0\n", TICKS(busy), TICKS(idle));
	for (unsigned i = 0; i < system.cpu_count; i++)
		text_add(text, "cpu%u %llu 0 0 %llu 0 0 0 0 0 0\n", i, TICKS(system.cpu[i].busy),
		         TICKS(system.cpu[i].idle));
	text_add(text, "intr %llu\nctxt %llu\nbtime %llu\nprocesses %u\nprocs_running %u\nprocs_blocked 0\n",
	         (unsigned long long)system.interrupts, (unsigned long long)system.context_switches,
	         (unsigned long long)((time_real() - time_now()) / NANOSECONDS), newest,
	         running ? running : 1);
	text_add(text, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
	return 0;
}

/* The load average decays over 1, 5 and 15 minutes towards the busy processors since the last
 * look; there is no clock behind it, so it is brought up to date when it is read. */
#define LOAD_ONE (1ull << 20)
int render_loadavg(const struct spot *spot, struct text *text)
{
	static uint64_t load[3], last_time, last_busy;
	/* LOAD_ONE * exp(-1/60), exp(-1/300), exp(-1/900) */
	static const uint64_t decay[3] = { 1031245, 1045087, 1047412 };
	struct system_info system;
	uint32_t processes, running, threads, newest;
	(void)spot;
	int status = source_system(&system);
	if (status)
		return status;
	uint64_t busy = 0, now = time_now();
	for (unsigned i = 0; i < system.cpu_count; i++)
		busy += system.cpu[i].busy;
	uint64_t seconds = (now - last_time) / NANOSECONDS;
	if (seconds) {
		uint64_t current = (busy - last_busy) * LOAD_ONE / (now - last_time);
		for (unsigned i = 0; i < 3; i++) {
			for (uint64_t step = 0; step < seconds && step < 10000; step++)
				load[i] = (load[i] * decay[i] + current * (LOAD_ONE - decay[i])) / LOAD_ONE;
		}
		last_time = now;
		last_busy = busy;
	}
	source_count(&processes, &running, &threads, &newest);
	for (unsigned i = 0; i < 3; i++)
		text_add(text, "%llu.%02llu ", (unsigned long long)(load[i] / LOAD_ONE),
		         (unsigned long long)(load[i] % LOAD_ONE * 100 / LOAD_ONE));
	text_add(text, "%u/%u %u\n", running ? running : 1, threads ? threads : processes, newest);
	return 0;
}

int render_interrupts(const struct spot *spot, struct text *text)
{
	struct system_info system;
	(void)spot;
	int status = source_system(&system);
	if (status)
		return status;
	text_add(text, "    ");
	for (unsigned i = 0; i < system.cpu_count; i++)
		text_add(text, "       CPU%u", i);
	text_add(text, "\nTOT: %10llu   All interrupts\n", (unsigned long long)system.interrupts);
	return 0;
}

int render_vmstat(const struct spot *spot, struct text *text)
{
	struct system_info system;
	(void)spot;
	int status = source_system(&system);
	if (status)
		return status;
	text_add(text,
	         "nr_free_pages %llu\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n",
	         (unsigned long long)(system.memory_free / 4096));
	return 0;
}
