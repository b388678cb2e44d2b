/* `teller NUMBER LINKS [TEXT]`: tells the first of a chain of links so many things, compares what each has then heard with what it
 * was told, and stops the machine, if it may. Before that it tells it the text. */
#include "protocol_log.h"
#include "protocol_supervisor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash, count, parts;

static void tell(slot_t link, unsigned number)
{
	char text[64];
	int length = snprintf(text, sizeof text, "%u%.*s.", number, (int)(number % 40), "and some more, now a little, now a lot");
	int status = log_write(link, NULL, number % 3, text, (uint64_t)length);
	if (status != 0) {
		log_line("teller: %u was refused: %d", number, status);
		return;
	}
	count++;
	parts += 1 + (number % 3 == 0);
	for (int i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3ull;
}

static void compare(unsigned number)
{
	char name[16];
	uint64_t heard = 0, sum = 0, expected = number == 0 ? count : parts;
	snprintf(name, sizeof name, "link%u", number);
	int status = log_size(startup_slot(name), NULL, &heard, &sum, NULL);
	log_line("teller: %s heard %lu of %lu: %s", name, heard, expected,
	         status == 0 && heard == expected && sum == hash ? "right" : "wrong");
}

int main(void)
{
	unsigned number = (unsigned)atoi(startup_argument(1)), links = (unsigned)atoi(startup_argument(2));
	supervisor_ready(SELF_SUPERVISOR, NULL);
	if (startup_argument(3))
		log_line("teller: the answer to %s is %d", startup_argument(3),
		         log_write(startup_slot("link0"), NULL, 5, startup_argument(3), strlen(startup_argument(3))));
	for (unsigned i = 0; i < number; i++)
		tell(startup_slot("link0"), i);
	for (unsigned i = 0; i < links; i++)
		compare(i);
	if (startup_slot("system"))
		system_stop(startup_slot("system"), 0);
	for (;;)
		thread_sleep(UINT64_MAX, 0);
}
