/* Ports, and the ports that stop the machine. */
#include "arch/local.h"

uint32_t arch_port_read(uint16_t port, uint32_t width)
{
	return width == 1 ? port_read8(port) : width == 2 ? port_read16(port) : port_read32(port);
}

void arch_port_write(uint16_t port, uint32_t width, uint32_t value)
{
	if (width == 1)
		port_write8(port, (uint8_t)value);
	else if (width == 2)
		port_write16(port, (uint16_t)value);
	else
		port_write32(port, value);
}

status_t arch_stop(uint32_t how)
{
	if (how == 1) {
		port_write8(0xcf9, 2);
		port_write8(0xcf9, 6);
	} else if (machine.power_off_value) {
		port_write16(machine.pm_control, machine.power_off_value);
	}
	clock_spin(10000000);
	return STATUS_BUSY;
}
