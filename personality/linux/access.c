/* Strings from the program's memory. */
#include "access.h"

int64_t user_string(char *to, uint64_t from, uint64_t limit)
{
	if (from >= PROGRAM_END)
		return -EFAULT;
	int64_t length = access_string_copy(to, (const char *)from, MINIMUM(limit, PROGRAM_END - from));
	return length == (int64_t)limit ? -ENAMETOOLONG : length;
}

int64_t user_string_length(uint64_t from, uint64_t limit)
{
	if (from >= PROGRAM_END)
		return -EFAULT;
	int64_t length = access_string_length((const char *)from, MINIMUM(limit, PROGRAM_END - from));
	return length == (int64_t)limit ? -ENAMETOOLONG : length;
}
