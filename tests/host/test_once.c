/* Calls that are made once: a chain of servers (tests/system/crash/link.c over lib/server and lib/stash, each a process), killed
 * at random hooks and at random instants, over a model of the kernel's endpoints. What each has heard in the end is compared
 * with what the first was told. */
#include "protocol_log.h"
#include "server/step.h"
#include "stash/stash.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINKS 3
#define TOLD 4000
#define CLIENT (-1)
#define SLOT_LINKS 100 /* + number: the gate to a link */
#define HOOKS 600      /* of which one is an incarnation's last */

/* What goes between a link and the kernel. */
enum kind { RECEIVE, REPLY, CALL };
struct packet {
	enum kind kind;
	unsigned target;
	uint64_t header, words[MESSAGE_WORDS], label, id, send_length, length;
	char data[256];
};

/* --- a link's side --- */

extern char stash_image_begin[], stash_image_end[];
uint64_t stash_countdown;
static int line;
static unsigned own_number;
int link_main(void);

__asm__(".globl stash_stop\nstash_stop:\n\tud2\n");

/* The kernel's answer replaces the packet. */
static void exchange(struct packet *packet)
{
	if (send(line, packet, sizeof *packet, MSG_NOSIGNAL) < 0 || recv(line, packet, sizeof *packet, 0) <= 0)
		_exit(0);
}

int64_t message_call(slot_t gate, struct message *message, struct message_extra *extra)
{
	struct packet packet = { .kind = CALL, .target = gate - SLOT_LINKS, .header = message->header };
	if (gate < SLOT_LINKS) {
		message->header = 0;
		return STATUS_OK;
	}
	memcpy(packet.words, message->words, sizeof packet.words);
	packet.length = extra ? extra->send_length : 0;
	if (packet.length)
		memcpy(packet.data, (const void *)extra->send_address, packet.length);
	exchange(&packet);
	message->header = packet.header;
	return STATUS_OK;
}

int64_t message_reply_receive(slot_t endpoint, struct message *message, struct message_extra *extra)
{
	struct packet packet = { .kind = RECEIVE, .header = (uint32_t)message->header, .id = message->id };
	(void)endpoint;
	memcpy(packet.words, message->words, sizeof packet.words);
	exchange(&packet);
	message->header = packet.header;
	message->label = packet.label;
	message->id = packet.id;
	memcpy(message->words, packet.words, sizeof message->words);
	extra->peer_send_length = packet.send_length;
	extra->received_length = packet.length;
	memcpy((void *)extra->receive_address, packet.data, packet.length);
	return STATUS_OK;
}

int64_t message_reply(slot_t endpoint, struct message *message, struct message_extra *extra)
{
	(void)endpoint, (void)message, (void)extra;
	abort(); /* links neither park nor send capabilities */
}

slot_t startup_slot(const char *name)
{
	return strcmp(name, "next") == 0 && own_number + 1 < LINKS ? SLOT_LINKS + own_number + 1 : 0;
}

uint64_t startup_number(const char *name, uint64_t otherwise)
{
	(void)name;
	return otherwise;
}

uint64_t time_now(void)
{
	return 1000;
}

void log_line(const char *format, ...)
{
	(void)format;
}

/* --- the kernel's side --- */

struct call {
	struct call *next;
	uint64_t id;
	int from;
	bool gone;  /* its maker is dead */
	bool again; /* it has been delivered before */
	struct packet message;
};

static struct chain_link {
	int stash, line;
	pid_t process;
	bool receiving;
	struct call *queued, *delivered, *own; /* own: the call it waits for */
	unsigned deaths;
} links[LINKS];
static uint64_t seed = 1, next_id;
static struct packet client_answer;
static bool client_waits;

/* When nothing is left to chance: the hooks at which the first link's next incarnations end; 0: at none. Their call is to blame. */
static bool planned;
static const unsigned *fuses;

static unsigned below(unsigned limit)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)((seed >> 33) % limit);
}

static void link_run(unsigned number, int own_line, uint64_t countdown)
{
	const struct chain_link *link = &links[number];
	void *data = mmap((void *)STASH_BASE, STASH_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, link->stash, 0);
	void *journal = mmap((void *)STASH_JOURNAL, STASH_JOURNAL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
	                     link->stash, STASH_SIZE);
	if (data == MAP_FAILED || journal == MAP_FAILED)
		_exit(1);
	line = own_line;
	own_number = number;
	stash_countdown = countdown;
	link_main();
	_exit(1);
}

/* The hook that is an incarnation's last. */
static uint64_t fuse_next(void)
{
	if (!planned)
		return 1 + below(HOOKS);
	return *fuses ? *fuses++ : UINT64_MAX;
}

static void link_start(unsigned number)
{
	int ends[2];
	uint64_t countdown = fuse_next();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		abort();
	links[number].line = ends[0];
	links[number].receiving = false;
	links[number].process = fork();
	if (links[number].process == 0) {
		for (unsigned i = 0; i < LINKS; i++)
			if (links[i].line > 0)
				close(links[i].line);
		link_run(number, ends[1], countdown);
	}
	close(ends[1]);
}

static void link_create(unsigned number)
{
	size_t image = (size_t)(stash_image_end - stash_image_begin);
	int stash = memfd_create("stash", MFD_CLOEXEC);
	if (ftruncate(stash, STASH_OBJECT_SIZE) != 0 || pwrite(stash, stash_image_begin, image, 0) != (ssize_t)image)
		abort();
	links[number].stash = stash;
	link_start(number);
}

/* The call of a dead maker leaves, unless a server has seen it. */
static void call_abandon(struct call *call)
{
	struct call **queued = &links[call->message.target].queued;
	while (*queued && *queued != call)
		queued = &(*queued)->next;
	call->gone = true;
	if (!*queued || call->again)
		return;
	*queued = call->next;
	free(call);
}

static void link_died(unsigned number)
{
	struct chain_link *link = &links[number];
	const uint64_t none = 0;
	kill(link->process, SIGKILL);
	waitpid(link->process, NULL, 0);
	close(link->line);
	link->deaths++;
	if (link->own)
		call_abandon(link->own);
	link->own = NULL;
	if (link->delivered) {
		link->delivered->again = true;
		link->delivered->next = link->queued;
		link->queued = link->delivered;
		link->delivered = NULL;
	}
	/* By chance, nobody is to blame. */
	if (!planned && pwrite(link->stash, &none, sizeof none, STASH_SIZE + offsetof(struct stash_header, call)) != sizeof none)
		abort();
	link_start(number);
}

static struct call *call_submit(int from, const struct packet *message)
{
	struct call *call = malloc(sizeof *call);
	struct call **last = &links[message->target].queued;
	*call = (struct call){ .id = ++next_id, .from = from, .message = *message };
	while (*last)
		last = &(*last)->next;
	*last = call;
	return call;
}

static void call_answer(struct call *call, const struct packet *answer)
{
	if (!call->gone && call->from == CLIENT) {
		client_answer = *answer;
		client_waits = false;
	} else if (!call->gone) {
		links[call->from].own = NULL;
		send(links[call->from].line, answer, sizeof *answer, MSG_NOSIGNAL);
	}
	free(call);
}

/* Bytes are fetched when the receiver runs: its maker may have died by then. */
static void deliver(struct chain_link *link)
{
	struct call *call = link->queued;
	if (!link->receiving || !call)
		return;
	link->queued = call->next;
	link->delivered = call;
	link->receiving = false;
	if (call->from != CLIENT && !call->gone && !planned && below(20) == 0)
		link_died((unsigned)call->from);
	struct packet packet = call->message;
	packet.label = call->from == CLIENT ? 1 : 2;
	packet.id = call->id;
	packet.send_length = packet.length;
	if (call->gone)
		packet.length = 0;
	send(link->line, &packet, sizeof packet, MSG_NOSIGNAL);
}

static void link_hear(unsigned number)
{
	struct chain_link *link = &links[number];
	struct packet packet;
	if (recv(link->line, &packet, sizeof packet, 0) <= 0) {
		link_died(number);
	} else if (packet.kind == CALL) {
		link->own = call_submit((int)number, &packet);
	} else {
		if (packet.id && link->delivered && link->delivered->id == packet.id) {
			struct call *call = link->delivered;
			link->delivered = NULL;
			call_answer(call, &packet);
		}
		link->receiving = true;
	}
}

static void kernel_turn(void)
{
	struct pollfd lines[LINKS];
	for (unsigned i = 0; i < LINKS; i++) {
		deliver(&links[i]);
		lines[i] = (struct pollfd){ .fd = links[i].line, .events = POLLIN };
	}
	if (!planned && below(15) == 0) {
		usleep(below(60));
		link_died(below(LINKS)); /* and what it has just said was never said */
		return;
	}
	poll(lines, LINKS, 1000);
	for (unsigned i = 0; i < LINKS; i++)
		if (lines[i].revents && lines[i].fd == links[i].line)
			link_hear(i);
}

/* --- the client --- */

static struct packet client_call(unsigned target, uint32_t operation, uint64_t word, const char *text)
{
	struct packet packet = { .kind = CALL, .target = target, .header = operation, .words = { word } };
	packet.length = strlen(text);
	memcpy(packet.data, text, packet.length);
	client_waits = true;
	call_submit(CLIENT, &packet);
	while (client_waits)
		kernel_turn();
	return client_answer;
}

/* What a call comes to, and how many servers it takes, which end there or of what it says. */
static bool blame(const char *text, const unsigned *there, int answer, unsigned deaths)
{
	fuses = there;
	link_died(0);
	unsigned before = links[0].deaths;
	int status = (int)client_call(0, OPERATION_LOG_WRITE, 0, text).header;
	if (status == answer && links[0].deaths - before == deaths)
		return true;
	fprintf(stderr, "%s: answered %d, after %u deaths\n", text, status, links[0].deaths - before);
	return false;
}

/* A call is refused that ends its servers, not one that was there when they were ended. */
static bool call_blamed(void)
{
	static const unsigned unlike[] = { 6, 14, 22, 30, 14, 22, 6, 0 };
	planned = true;
	return blame("its servers end here and there", unlike, 0, 7) & blame("deadly", unlike + 7, -EIO, 3);
}

int main(void)
{
	uint64_t hash = 0, parts = 0;
	unsigned failures = 0, deaths = 0;
	for (unsigned i = 0; i < LINKS; i++)
		link_create(i);
	for (unsigned i = 0; i < TOLD; i++) {
		char text[64];
		snprintf(text, sizeof text, "%u%.*s.", i, (int)(i % 40), "and some more, now a little, now a lot");
		struct packet answer = client_call(0, OPERATION_LOG_WRITE, i % 3, text);
		if ((uint32_t)answer.header != 0 && failures++ < 20)
			fprintf(stderr, "%u was refused: %d\n", i, (int)answer.header);
		parts += 1 + (i % 3 == 0);
		for (const char *at = text; *at; at++)
			hash = (hash ^ (unsigned char)*at) * 0x100000001b3ull;
	}
	for (unsigned i = 0; i < LINKS; i++) {
		struct packet answer = client_call(i, OPERATION_LOG_SIZE, 0, "");
		uint64_t expected = i == 0 ? TOLD : parts;
		if (answer.words[0] != expected || answer.words[1] != hash) {
			fprintf(stderr, "link %u heard %lu of %lu, or others\n", i, answer.words[0], expected);
			failures++;
		}
	}
	failures += !call_blamed();
	for (unsigned i = 0; i < LINKS; i++) {
		deaths += links[i].deaths;
		kill(links[i].process, SIGKILL);
	}
	printf("%u told, %u deaths\n", TOLD, deaths);
	return failures != 0 || deaths < TOLD / 4;
}
