/* Names for addresses of the kernel's functions, put into the image by tools/symbols.py. */
#pragma once

#include <stdint.h>

/* The function that holds an address, and how far in; NULL: not one of ours, or no table. */
const char *symbol_find(uint64_t address, uint64_t *offset);
