/* procfs: /proc. Arguments: where it is mounted ("/proc"), and the type of the root file system. */
#include "procfs.h"

#include <errno.h>

#define PROTOCOL_OF(operation) ((operation) & ~0xffu)
enum { PROTOCOL_FILE = 0x200, PROTOCOL_PATH = 0x300 };

static int handle(struct request *request)
{
	switch (PROTOCOL_OF(request->operation)) {
	case PROTOCOL_FILE:
		return serve_file(request);
	case PROTOCOL_PATH:
		return serve_path(request);
	default:
		return -ENOSYS;
	}
}

static void begin(void)
{
	if (startup_argument(1))
		mount_path = startup_argument(1);
	if (startup_argument(1) && startup_argument(2))
		root_type = startup_argument(2);
}

int main(void)
{
	static const struct server server = {
		.name = "procfs",
		.handle = handle,
		.closed = open_spot_drop,
		.first = begin,
		.again = begin,
	};
	server_run(&server);
}
