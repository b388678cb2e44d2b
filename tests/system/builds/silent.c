/* A build that takes no call at all. */
#include "server/server.h"

_Noreturn void __wrap_server_run(const struct server *server);

_Noreturn void __wrap_server_run(const struct server *server)
{
	(void)server;
	for (;;)
		thread_sleep(UINT64_MAX, 0);
}
