/* procfs on the host: the walk through the plan, listings, permissions, and the columns that ps, top and free
 * read, for a small made-up set of processes in place of proc. */
#define _GNU_SOURCE
#include "check.h"
#include "servers/procfs/procfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* --- the made-up machine: processes 1, 2 and 7; 7 belongs to user 1000 and has two threads --- */

static const uint32_t processes[] = { 1, 2, 7 };

uint64_t time_now(void)
{
	return 12345670000000;
}

uint64_t time_real(void)
{
	return 1700000000000000000;
}

uint64_t step_recall(uint64_t value)
{
	return value;
}

int source_process(uint32_t process, uint32_t thread, struct process_info *info)
{
	if (process != 1 && process != 2 && process != 7)
		return -ENOENT;
	*info = (struct process_info){ .process = process,
		                       .parent = 2,
		                       .group = process,
		                       .session = 2,
		                       .threads = 2,
		                       .state = 'S',
		                       .terminal = 0x440,
		                       .terminal_group = 7,
		                       .start_time = 3000000000,
		                       .user_time = 1230000000,
		                       .memory_size = 1 << 20,
		                       .memory_resident = 1 << 16,
		                       .user = 5,
		                       .last_cpu = thread == 8 ? 1 : 0,
		                       .cpu_mask = thread == 8 ? 2 : ~0ull,
		                       .effective_user = process == 7 ? 1000 : 0 };
	strcpy(info->name, "a (b) c");
	return 0;
}

int source_system(struct system_info *info)
{
	*info = (struct system_info){ .memory_total = 256 << 20,
		                      .memory_free = 200 << 20,
		                      .memory_kernel = 3 << 20,
		                      .cpu_count = 2,
		                      .cpu = { { 5000000000, 9000000000 }, { 0, 14000000000 } } };
	return 0;
}

int source_service_memory(uint32_t index, char name[SERVICE_NAME_SIZE], struct supervisor_memory *memory)
{
	strcpy(name, index ? "supervisor" : "a");
	*memory = (struct supervisor_memory){ .code = 4096, .heap = 8192, .content = index ? 0 : 1 << 20 };
	return index < 2 ? 0 : -ENOENT;
}

int source_service(uint32_t index, struct supervisor_service *service)
{
	if (index >= 2)
		return -ENOENT;
	*service = (struct supervisor_service){ .state = SERVICE_READY, .cause = index ? CAUSE_HUNG : CAUSE_NONE,
	                                        .restarts = index, .thread = 5, .doubts = 3 * index, .update = index ? UPDATE_REFUSED : UPDATE_NONE,
	                                        .pause = index * 123456, .memory = 8192 };
	strcpy(service->name, index ? "pipe" : "log");
	return 0;
}

static unsigned control_index, control_what;

int source_note(uint32_t index, struct supervisor_note *note)
{
	snprintf(note->text, sizeof note->text, "note %u", index);
	return 0;
}

int source_control(uint32_t index, uint32_t what)
{
	control_index = index;
	control_what = what;
	return 0;
}

/* The supervisor's side of /proc/atoll/program. */
static slot_t program_slot;
static uint64_t program_bytes, program_told;

int source_program(slot_t memory)
{
	program_slot = memory;
	program_bytes = program_told = 0;
	return 0;
}

int source_program_written(uint64_t size)
{
	program_told = size;
	return 0;
}

slot_t slot_allocate(void)
{
	static slot_t last = 100;
	return ++last;
}

void slot_free(slot_t slot)
{
	(void)slot;
}

int64_t request_read_memory(const struct request *request, uint64_t offset, slot_t memory, uint64_t memory_offset, uint64_t length)
{
	if (memory != program_slot || offset + length > request->send_length)
		return -EINVAL;
	program_bytes = memory_offset + length > program_bytes ? memory_offset + length : program_bytes;
	return (int64_t)length;
}

static uint64_t load_id, load_length;
static uint32_t unload_index;

int source_load(uint64_t id, const char *text, size_t length)
{
	load_id = id;
	load_length = length;
	return memcmp(text, "a\nstash", length < 7 ? length : 7) ? -EEXIST : 0;
}

int source_unload(uint64_t id, uint32_t index)
{
	load_id = id;
	unload_index = index;
	return 0;
}

void source_refusal(struct text *text)
{
	text_add(text, "because\n");
}

int source_command(uint32_t process, uint32_t part, struct text *text)
{
	const struct region_info region = { .address = 0x400000,
		                            .length = 0x1000,
		                            .flags = MAP_READ | MAP_PRIVATE_COPY };
	(void)process;
	switch (part) {
	case 2:
		text_add(text, "/bin/program");
		break;
	case 3:
		text_add(text, "/tmp");
		break;
	case 4:
		text_bytes(text, &region, sizeof region);
		break;
	default:
		text_bytes(text, "sh\0-c", 6);
	}
	return 0;
}

uint32_t source_list(uint32_t after, uint32_t *ids, uint32_t most)
{
	uint32_t count = 0;
	for (unsigned i = 0; i < 3 && count < most; i++) {
		if (processes[i] > after)
			ids[count++] = processes[i];
	}
	return count;
}

uint32_t source_threads(uint32_t process, uint32_t *ids, uint32_t most)
{
	(void)most;
	ids[0] = process;
	ids[1] = process + 1;
	return 2;
}

/* Every process has 0 and 5 open. */
uint32_t source_descriptors(uint32_t process, uint32_t first, uint32_t *numbers, uint32_t most)
{
	uint32_t count = 0;
	(void)process;
	if (first == 0 && count < most)
		numbers[count++] = 0;
	if (first <= 5 && count < most)
		numbers[count++] = 5;
	return count;
}

int source_limit(uint32_t process, uint32_t resource, uint64_t *soft, uint64_t *hard)
{
	(void)process;
	*soft = resource == 7 ? 1024 : UINT64_MAX;
	*hard = UINT64_MAX;
	return 0;
}

void source_count(uint32_t *count, uint32_t *running, uint32_t *threads, uint32_t *newest)
{
	*count = 3;
	*running = 1;
	*threads = 4;
	*newest = 7;
}

/* The gate's number stands for the process it belongs to. */
void caller_identify(struct caller *caller)
{
	caller->asked = true;
	caller->process = caller->gate;
	caller->credentials.file_user = caller->gate == 7 ? 1000 : 0;
}

/* --- the tests --- */

static int walk(const char *path, uint32_t asker, bool follow, struct path_walk *walk)
{
	static struct caller caller;
	caller = (struct caller){ .gate = asker };
	*walk = (struct path_walk){ .caller = &caller,
		                    .spot = spot_at(&root_place, 0, 0),
		                    .path = path,
		                    .length = strlen(path),
		                    .follow = follow };
	return path_walk(walk);
}

static bool leads_to(const char *path, const char *expected)
{
	char found[256];
	struct path_walk at;
	if (walk(path, 7, true, &at) || at.redirect)
		return false;
	size_t length = spot_path(&at.spot, found, sizeof found);
	return length == strlen(expected) && memcmp(found, expected, length) == 0;
}

static bool leaves_to(const char *path, const char *expected)
{
	struct path_walk at;
	return walk(path, 7, true, &at) == 0 && at.redirect == REDIRECT_ROOT &&
	       at.rest_length == strlen(expected) && memcmp(at.rest, expected, at.rest_length) == 0;
}

static const char *show(const char *path)
{
	static char shown[8192];
	struct text text = { 0 };
	struct path_walk at;
	shown[0] = 0;
	if (walk(path, 7, true, &at) == 0 && !at.redirect && at.spot.place->render(&at.spot, &text) == 0)
		snprintf(shown, sizeof shown, "%.*s", (int)text.length, text.bytes);
	text_clear(&text);
	return shown;
}

static void test_walk(void)
{
	struct path_walk at;
	CHECK(leads_to("", "/proc") && leads_to(".", "/proc") && leads_to("self", "/proc/7") &&
	      leads_to("self/", "/proc/7"));
	CHECK(leads_to("mounts", "/proc/7/mounts") && leads_to("thread-self/comm", "/proc/7/task/7/comm"));
	CHECK(leads_to("self/task/8/../../../2/./comm", "/proc/2/comm"));
	CHECK(leads_to("sys/kernel/random/../../vm/..", "/proc/sys"));
	CHECK(leaves_to("..", "/") && leaves_to("../etc/x", "//etc/x") && leaves_to("/etc", "/etc"));
	CHECK(leaves_to("self/exe", "/bin/program") && leaves_to("7/cwd/x/", "/tmp//x/") &&
	      leaves_to("7/root", "/"));
	CHECK(walk("nope", 7, true, &at) == -ENOENT && walk("9", 7, true, &at) == -ENOENT &&
	      walk("07", 7, true, &at) == -ENOENT);
	CHECK(walk("stat/", 7, true, &at) == -ENOTDIR && walk("stat/x", 7, true, &at) == -ENOTDIR);
	CHECK(walk("7/task/9", 7, true, &at) == -ENOENT && walk("self", 0, true, &at) == -ENOENT);
	CHECK(walk("self/fd/5", 7, false, &at) == 0 && at.redirect == REDIRECT_DESCRIPTOR && at.rest_length == 0 &&
	      at.spot.process == 7 && at.spot.descriptor == 5);
	CHECK(walk("7/task/8/fd/0//a/b", 7, true, &at) == 0 && at.redirect == REDIRECT_DESCRIPTOR &&
	      at.rest_length == 3 && memcmp(at.rest, "a/b", 3) == 0 && at.spot.descriptor == 0);
	CHECK(walk("self/fd/0/", 7, true, &at) == 0 && at.rest_length == 1 && at.rest[0] == '.');
	CHECK(walk("self/fd/1", 7, true, &at) == -ENOENT && walk("self/fd/05", 7, true, &at) == -ENOENT);
	CHECK(walk("2/fd/0", 7, true, &at) == -EACCES && walk("7/fd/0", 2, true, &at) == 0);
	CHECK(walk("self", 7, false, &at) == 0 && at.spot.place->kind == PLACE_LINK);
}

static void test_permissions(void)
{
	struct path_walk at;
	struct caller stranger = { .gate = 7 }, nobody = { 0 };
	CHECK(walk("7/environ", 7, true, &at) == 0 && spot_permit(&at.spot, at.caller, 4) == 0);
	CHECK(spot_permit(&at.spot, &nobody, 4) == -EACCES);
	CHECK(walk("2/environ", 7, true, &at) == 0 && spot_permit(&at.spot, &stranger, 4) == -EACCES);
	CHECK(spot_permit(&at.spot, &(struct caller){ .gate = 2 }, 4) == 0);
}

/* In pieces of any size, a listing has every name once. */
static void check_listing(const struct spot *spot, unsigned names, unsigned numbers)
{
	for (size_t room = 48; room < 600; room += 40) {
		char buffer[600];
		uint64_t position = 0;
		unsigned found = 0, digits = 0;
		for (int64_t got; (got = spot_list(spot, &position, buffer, room)) > 0;) {
			for (int64_t at = 0; at < got; at += *(uint16_t *)(buffer + at + 16)) {
				found++;
				digits += buffer[at + 19] >= '0' && buffer[at + 19] <= '9';
			}
		}
		CHECK(found == names && digits == numbers);
	}
}

static void test_listing(void)
{
	struct path_walk at;
	const struct spot root = spot_at(&root_place, 0, 0);
	check_listing(&root, 24, 3);
	CHECK(walk("7/fd", 7, true, &at) == 0);
	check_listing(&at.spot, 4, 2);
}

static int program_write(uint64_t offset, uint64_t length, uint64_t *count)
{
	const struct request request = { .send_length = length };
	*count = 0;
	return program_keeping.write(&request, offset, count);
}

/* One writer at a time, who begins anew; up to the largest size; the supervisor knows how much there is. */
static void test_program(void)
{
	uint64_t count;
	CHECK(program_keeping.opened(5) == 0 && program_keeping.opened(6) == -EBUSY);
	program_keeping.closed(6);
	CHECK(program_keeping.opened(6) == -EBUSY);
	CHECK(program_write(0, 1000, &count) == 0 && count == 1000 && program_told == 1000);
	CHECK(program_write(100, 50, &count) == 0 && count == 50 && program_told == 1000 && program_bytes == 1000);
	CHECK(program_write(1000, 0, &count) == 0 && count == 0);
	CHECK(program_write(PROGRAM_SIZE_MAX - 10, 100, &count) == 0 && count == 10 && program_told == PROGRAM_SIZE_MAX);
	CHECK(program_write(PROGRAM_SIZE_MAX, 1, &count) == -EFBIG && program_write(UINT64_MAX, 1, &count) == -EFBIG);
	program_keeping.closed(5);
	CHECK(program_keeping.opened(6) == 0 && program_told == 0);
	CHECK(program_write(0, 10, &count) == 0 && program_told == 10);
	program_keeping.closed(6);
}

static int control(const char *line)
{
	control_index = control_what = 99;
	return store_control(7, line, strlen(line));
}

static void test_services(void)
{
	const char *shown = show("atoll/services");
	CHECK(strstr(shown, "\nlog         ready             0  -                 -           8       5       0  -\n") != NULL);
	CHECK(strstr(shown, "\npipe        ready             1  hung            123           8       5       3  refused\n") != NULL);
	CHECK(strcmp(show("atoll/updates"), "pipe refused: note 1\n") == 0);
	CHECK(control("kill pipe\n") == 0 && control_index == 1 && control_what == CONTROL_KILL);
	CHECK(control("update log") == 0 && control_index == 0 && control_what == CONTROL_UPDATE);
	CHECK(control(" hang  log") == 0 && control_index == 0 && control_what == CONTROL_HANG);
	CHECK(control("kill pip") == -ENOENT && control("kill pipes") == -ENOENT && control_index == 99);
	CHECK(control("") == -EINVAL && control("kill") == -EINVAL && control("maim pipe") == -EINVAL);
	CHECK(control("kill pipe log") == -EINVAL && control_index == 99);
	CHECK(control("kill supervisor") == 0 && control_index == 2 && control("hang supervisor") == 0 && control("restart supervisor") == -ENOENT);
	CHECK(control("load a\nstash\n") == 0 && load_id == 7 && load_length == 8 && control("load a") == 0 && load_length == 1);
	CHECK(control("load") == -EINVAL && control("load ") == -EINVAL && control("load b") == -EEXIST);
	CHECK(control("unload pipe\n") == 0 && unload_index == 1 && control("unload none") == 0 && unload_index == 2);
	CHECK(control("unload") == -EINVAL && control("unload a b") == -EINVAL && !strcmp(show("atoll/control"), "because\n"));
}

static void test_formats(void)
{
	char state;
	int parent, fields = 2;
	const char *line = show("7/stat");
	CHECK(sscanf(line, "7 (a (b) c) %c %d", &state, &parent) == 2 && state == 'S' && parent == 2);
	for (const char *at = strrchr(line, ')'); *at; at++)
		fields += *at == ' ';
	CHECK(fields == 52);
	CHECK(strcmp(show("uptime"), "12345.67 23.00\n") == 0);
	CHECK(strncmp(show("meminfo"), "MemTotal:         262144 kB\nMemFree:          204800 kB\n", 56) ==
	      0);
	CHECK(strstr(show("atoll/memory"), "\nall                8       0      16       0       0       0    3072    1024     4120\n") != NULL);
	CHECK(strncmp(show("stat"), "cpu  500 0 0 2300 0 0 0 0 0 0\ncpu0 500 0 0 900 0", 48) == 0);
	CHECK(strncmp(show("7/maps"), "00400000-00401000 r--p 00000000 00:00 0", 39) == 0);
	CHECK(strcmp(show("7/statm"), "256 16 0 0 0 16 0\n") == 0);
	CHECK(strstr(show("7/status"), "\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n") != NULL);
	CHECK(strstr(show("7/task/8/status"), "\nCpus_allowed:\t2\nCpus_allowed_list:\t1\n") != NULL);
	CHECK(strstr(show("7/stat"), " 17 0 0 0 ") != NULL && strstr(show("7/task/8/stat"), " 17 1 0 0 ") != NULL);
	CHECK(strstr(show("7/status"), "\nUid:\t5\t1000\t1000\t1000\n") != NULL);
	CHECK(strlen(show("sys/kernel/random/uuid")) == 37 && strlen(show("self/wchan")) == 1);
	CHECK(strstr(show("7/limits"),
	             "Max open files            1024                 unlimited            files") != NULL);
}

int main(void)
{
	struct time_page *time = mmap((void *)TIME_PAGE_ADDRESS, ATOLL_PAGE_SIZE, PROT_READ | PROT_WRITE,
	                              MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED_NOREPLACE, -1, 0);
	if ((uint64_t)time == TIME_PAGE_ADDRESS) { /* else nothing that reads it is tested */
		time->tsc_frequency = 2100000000;
		CHECK(strstr(show("cpuinfo"), "cpu MHz\t\t: 2100.000\n") != NULL &&
		      strlen(show("sys/kernel/random/boot_id")) == 37);
	}
	test_walk();
	test_permissions();
	test_listing();
	test_services();
	test_formats();
	test_program();
	printf("test_procfs: %s\n", failures ? "FAILED" : "ok");
	return failures != 0;
}
