/* The 16550 chip behind its eight ports, as one line of bytes each way. */
#ifndef UART_H
#define UART_H

#include "atoll/atoll.h"

#define UART_FIFO_SIZE 16
#define UART_TRIGGER 14 /* received bytes that interrupt at once; fewer do after a while */

enum uart_event {
	UART_EVENT_NONE,
	UART_EVENT_INPUT,      /* some bytes */
	UART_EVENT_INPUT_FULL, /* UART_TRIGGER bytes at least */
	UART_EVENT_OUTPUT, /* room in the transmitter */
	UART_EVENT_OTHER,
};

struct uart { /* what the registers shall hold, also where a step that wrote them is taken back */
	slot_t ports;
	uint16_t base;
	uint8_t enabled; /* interrupt enable register */
	uint32_t speed;
};

/* 115200 bits a second, 8 data bits, FIFOs and interrupts on. */
void uart_start(struct uart *uart, slot_t ports, uint16_t base);
/* Make a running chip agree with `uart`. What is in its FIFOs stays. */
void uart_resume(const struct uart *uart);
void uart_set_speed(struct uart *uart, uint32_t speed);
/* The most urgent cause of an interrupt; asking clears UART_EVENT_OUTPUT. */
enum uart_event uart_event(struct uart *uart);
/* Input interrupts off: the sender is held back once the FIFO is full. */
void uart_hold_input(struct uart *uart, bool hold);
/* Has a byte been received? */
bool uart_has_input(const struct uart *uart);
/* So many received bytes, which are known to be there, into words: marked, and without hooks (ioport_read_buffer). */
void uart_receive(const struct uart *uart, uint16_t *words, uint32_t count);
/* UART_FIFO_SIZE bytes at most, counted in *sent at once, without hooks. False: the transmitter is busy. */
bool uart_transmit(const struct uart *uart, const uint8_t *bytes, uint64_t count, uint64_t *sent);
/* Everything has left, the shift register too. */
bool uart_is_drained(const struct uart *uart);

#endif
