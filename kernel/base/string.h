/* The memory functions the compiler may call, and string length. No libc in the kernel. */
#pragma once

#include <stdint.h>

void *memcpy(void *to, const void *from, uint64_t length);
void *memmove(void *to, const void *from, uint64_t length);
void *memset(void *to, int value, uint64_t length);
int memcmp(const void *a, const void *b, uint64_t length);
uint64_t strlen(const char *text);
