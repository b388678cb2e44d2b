/* The early console: a 16550 on COM4, polled. */
#include "arch/local.h"

#define CONSOLE_PORT 0x2e8
#define FIFO_SIZE 16u
#define POLLS_MAX 100000u

static bool console_on;

/* Set up each time: in a panic it is the driver's until now. What that has put into the FIFO stays. */
void arch_console_enable(bool enabled)
{
	port_write8(CONSOLE_PORT + 7, 0x5a); /* the scratch register remembers, if there is one */
	console_on = enabled && port_read8(CONSOLE_PORT + 7) == 0x5a;
	if (!console_on)
		return;
	port_write8(CONSOLE_PORT + 1, 0); /* no interrupts */
	port_write8(CONSOLE_PORT + 3, 0x80);
	port_write8(CONSOLE_PORT + 0, 1); /* 115200 */
	port_write8(CONSOLE_PORT + 1, 0);
	port_write8(CONSOLE_PORT + 3, 3); /* 8N1 */
	port_write8(CONSOLE_PORT + 2, 1); /* with its FIFO */
	port_write8(CONSOLE_PORT + 4, 3);
}

/* Sixteen bytes whenever the transmitter is empty (line status bit 5), the size of its FIFO.
 * Interrupts are off and the log's lock is held: this is what an early console costs, and why a
 * driver takes the port over. */
void arch_console_write(const char *bytes, uint64_t length)
{
	for (uint64_t at = 0; console_on && at < length;) {
		unsigned polls = 0;
		while (!(port_read8(CONSOLE_PORT + 5) & 0x20))
			if (++polls > POLLS_MAX)
				return; /* nobody takes it: do not hang for the log's sake */
		for (unsigned i = 0; i < FIFO_SIZE && at < length; i++)
			port_write8(CONSOLE_PORT, (uint8_t)bytes[at++]);
	}
}
