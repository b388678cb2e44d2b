/* Devices and the machine as objects: interrupt lines, ranges of x86 ports, and the system object, the first
 * authority, held by the root server. One of that exists. */
#pragma once

#include "obj/object.h"

extern const struct object_class irq_class, ioport_class, system_class;
/* If the log has grown since, signal who asked for it. On the way out of the kernel, no lock held. */
void system_log_signal(void);
