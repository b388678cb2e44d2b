/* What a message between a serial driver and its client says twice, so that one that was changed on its way is known for what it is: a wrong
 * position would have the driver leave out bytes, or drop what it has received, and nobody would be told. */
#ifndef PROTOCOL_SERIAL_STRUCTURES_H
#define PROTOCOL_SERIAL_STRUCTURES_H

#include <stdint.h>

/* Of a call's position and how many bytes it sends (read: 0). */
static inline uint64_t serial_check(uint64_t position, uint64_t length)
{
	return ~(position + length);
}

#endif
