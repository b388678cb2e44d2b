/* The 16550's registers. */
#include "uart.h"

enum uart_register {
	REGISTER_DATA = 0,
	REGISTER_DIVISOR_LOW = 0, /* with LINE_DIVISOR set */
	REGISTER_INTERRUPT_ENABLE = 1,
	REGISTER_DIVISOR_HIGH = 1,
	REGISTER_INTERRUPT_CAUSE = 2, /* reading */
	REGISTER_FIFO = 2,            /* writing */
	REGISTER_LINE_CONTROL = 3,
	REGISTER_MODEM_CONTROL = 4,
	REGISTER_LINE_STATUS = 5,
	REGISTER_MODEM_STATUS = 6,
};

#define ENABLE_INPUT 0x01
#define ENABLE_OUTPUT 0x02
#define ENABLE_LINE 0x04
#define CAUSE_NONE 0x01
#define CAUSE_MASK 0x0f
#define CAUSE_OUTPUT 0x02
#define CAUSE_INPUT 0x04
#define CAUSE_LINE 0x06
#define CAUSE_INPUT_TIMEOUT 0x0c
#define FIFO_ENABLE_AND_CLEAR 0x07
#define FIFO_TRIGGER_14 0xc0
#define LINE_8N1 0x03
#define LINE_DIVISOR 0x80
#define MODEM_READY 0x0b /* DTR, RTS, and OUT2, which lets the interrupt out of the chip */
#define STATUS_DATA 0x01
#define STATUS_HOLDING_EMPTY 0x20
#define STATUS_ALL_EMPTY 0x40
#define STATUS_NO_CHIP 0xff /* nobody answers on the bus: output vanishes, there is no input */

#define CLOCK 115200u

static uint8_t register_read(const struct uart *uart, enum uart_register which)
{
	return (uint8_t)ioport_read(uart->ports, uart->base + which, 1);
}

static void register_write(const struct uart *uart, enum uart_register which, uint8_t value)
{
	ioport_write(uart->ports, uart->base + which, 1, value);
}

/* The divisor is written only where it changes: writing it disturbs the byte that is on its way. */
static void divisor_set(const struct uart *uart)
{
	uint32_t divisor = CLOCK / uart->speed;
	register_write(uart, REGISTER_LINE_CONTROL, LINE_8N1 | LINE_DIVISOR);
	if ((register_read(uart, REGISTER_DIVISOR_LOW) | register_read(uart, REGISTER_DIVISOR_HIGH) << 8) != (int)divisor) {
		register_write(uart, REGISTER_DIVISOR_LOW, (uint8_t)divisor);
		register_write(uart, REGISTER_DIVISOR_HIGH, (uint8_t)(divisor >> 8));
	}
	register_write(uart, REGISTER_LINE_CONTROL, LINE_8N1);
}

void uart_set_speed(struct uart *uart, uint32_t speed)
{
	uart->speed = speed;
	divisor_set(uart);
}

void uart_start(struct uart *uart, slot_t ports, uint16_t base)
{
	uart->ports = ports;
	uart->base = base;
	register_write(uart, REGISTER_INTERRUPT_ENABLE, 0);
	uart_set_speed(uart, CLOCK);
	register_write(uart, REGISTER_FIFO, FIFO_ENABLE_AND_CLEAR | FIFO_TRIGGER_14);
	register_write(uart, REGISTER_MODEM_CONTROL, MODEM_READY);
	uart->enabled = ENABLE_INPUT | ENABLE_OUTPUT | ENABLE_LINE;
	register_write(uart, REGISTER_INTERRUPT_ENABLE, uart->enabled);
}

void uart_resume(const struct uart *uart)
{
	divisor_set(uart);
	register_write(uart, REGISTER_INTERRUPT_ENABLE, uart->enabled);
}

enum uart_event uart_event(struct uart *uart)
{
	uint8_t cause = register_read(uart, REGISTER_INTERRUPT_CAUSE);
	if (cause & CAUSE_NONE)
		return UART_EVENT_NONE;
	switch (cause & CAUSE_MASK) {
	case CAUSE_INPUT:
		return UART_EVENT_INPUT_FULL;
	case CAUSE_INPUT_TIMEOUT:
		return UART_EVENT_INPUT;
	case CAUSE_OUTPUT:
		return UART_EVENT_OUTPUT;
	case CAUSE_LINE: /* overruns and breaks: reading the status clears them */
		register_read(uart, REGISTER_LINE_STATUS);
		return UART_EVENT_OTHER;
	default:
		register_read(uart, REGISTER_MODEM_STATUS);
		return UART_EVENT_OTHER;
	}
}

void uart_hold_input(struct uart *uart, bool hold)
{
	uint8_t enabled = ENABLE_OUTPUT | ENABLE_LINE | (hold ? 0 : ENABLE_INPUT);
	if (enabled == uart->enabled)
		return;
	uart->enabled = enabled;
	register_write(uart, REGISTER_INTERRUPT_ENABLE, enabled);
}

bool uart_has_input(const struct uart *uart)
{
	uint8_t status = register_read(uart, REGISTER_LINE_STATUS);
	return (status & STATUS_DATA) && status != STATUS_NO_CHIP;
}

void uart_receive(const struct uart *uart, uint16_t *words, uint32_t count)
{
	ioport_read_buffer(uart->ports, uart->base + REGISTER_DATA, (uint64_t)words, count);
}

bool uart_transmit(const struct uart *uart, const uint8_t *bytes, uint64_t count, uint64_t *sent)
{
	if (!(register_read(uart, REGISTER_LINE_STATUS) & STATUS_HOLDING_EMPTY))
		return false;
	return ioport_write_buffer(uart->ports, uart->base + REGISTER_DATA, bytes, count, (uint64_t)sent, *sent + count) >= 0;
}

bool uart_is_drained(const struct uart *uart)
{
	return register_read(uart, REGISTER_LINE_STATUS) & STATUS_ALL_EMPTY;
}
