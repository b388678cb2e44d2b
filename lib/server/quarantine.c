/* A call that is refused is told to the log with all that is known of it, so that it can be made again under a debugger:
 * tools/replay.py reads these lines. */
#include "server/step.h"

#define BYTES_TOLD 1024 /* of the head of the caller's buffer */
#define BYTES_A_LINE 64

static void bytes_tell(const unsigned char *bytes, uint64_t offset, uint64_t length)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * BYTES_A_LINE + 1];
	for (uint64_t i = 0; i < length; i++) {
		text[2 * i] = digits[bytes[offset + i] >> 4];
		text[2 * i + 1] = digits[bytes[offset + i] & 15];
	}
	text[2 * length] = '\0';
	log_line("refused call: bytes %lu: %s", offset, text);
}

void quarantine_tell(const struct request *request, unsigned deaths, uint64_t steps)
{
	const uint64_t *words = request->words;
	uint64_t told = request->data_length < BYTES_TOLD ? request->data_length : BYTES_TOLD;
	log_line("call %#lx (label %#lx, operation %#x, words %#lx %#lx %#lx %#lx %#lx %#lx) has killed its server %u times and is refused",
	         request->id, request->label, request->operation, words[0], words[1], words[2], words[3], words[4], words[5],
	         deaths);
	log_line("refused call: sends %lu bytes, receives %lu, %u capabilities, step %lu", request->send_length,
	         request->receive_length, request->cap_count, steps);
	for (uint64_t offset = 0; offset < told; offset += BYTES_A_LINE)
		bytes_tell(request->data, offset, told - offset < BYTES_A_LINE ? told - offset : BYTES_A_LINE);
}
