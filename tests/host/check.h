/* What a host test asserts: each that fails is told, the first twenty, and all are counted. */
#ifndef TESTS_HOST_CHECK_H
#define TESTS_HOST_CHECK_H

#include <stdio.h>

static unsigned failures;

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

static inline void check_failed(const char *file, int line, const char *what)
{
	if (failures++ < 20)
		fprintf(stderr, "%s:%d: %s\n", file, line, what);
}

#endif
