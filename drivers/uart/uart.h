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

struct uart {
	slot_t ports;
	uint16_t base;
	uint8_t enabled; /* interrupt enable register */
};

/* 115200 bits a second, 8 data bits, FIFOs and interrupts on. */
void uart_start(struct uart *uart, slot_t ports, uint16_t base);
void uart_set_speed(struct uart *uart, uint32_t speed);
/* The most urgent cause of an interrupt; asking clears UART_EVENT_OUTPUT. */
enum uart_event uart_event(struct uart *uart);
/* Input interrupts off: the sender is held back once the FIFO is full. */
void uart_hold_input(struct uart *uart, bool hold);
/* The next received byte, or -1. */
int uart_receive(struct uart *uart);
/* The next received byte where it is known that there is one. */
uint8_t uart_receive_known(struct uart *uart);
/* Up to a FIFO's worth; how many were taken, 0 while the transmitter is busy. */
uint32_t uart_transmit(struct uart *uart, const uint8_t *bytes, uint64_t length);
/* Everything has left, the shift register too. */
bool uart_is_drained(struct uart *uart);

#endif
