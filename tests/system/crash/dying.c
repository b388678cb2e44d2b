/* A supervisor that dies once at each of some places: before its first step is over, and while it loads and unloads a service. What it
 * has died at is marked in slots far behind those that are used, which its successor does not look at. And it dies each time it is to have
 * a service hang. */
#include "servers/supervisor/supervisor.h"

#define MARKS 16000u
#define APART 30000000ull /* nanoseconds: five deaths in a tenth of a second are the kernel's end */

enum place { GRANTING, CREATED, STARTED, FIRST_STEP, COPYING, GRANTED, STANDS_BY, LOADED, UNLOADING, UNLOADED };

static bool loading;

static _Noreturn void die(void)
{
	thread_sleep(time_now() + APART, 0);
	__builtin_trap();
}

static void die_once(enum place place)
{
	if (cap_info(SELF_CAPTABLE, MARKS + place) || (place >= COPYING && !loading))
		return;
	notification_create(SELF_POOL, MARKS + place);
	die();
}

#define WRAPPED(result, name, ...) \
	result __real_##name(__VA_ARGS__); \
	result __wrap_##name(__VA_ARGS__); \
	result __wrap_##name(__VA_ARGS__)

/* Some have what their manifests name, and interrupt lines among it. */
WRAPPED(bool, service_grant, struct service *service)
{
	if (service == &state.services[4])
		die_once(GRANTING);
	bool done = __real_service_grant(service);
	die_once(GRANTED);
	return done;
}

WRAPPED(bool, services_create, void)
{
	bool done = __real_services_create();
	die_once(CREATED);
	return done;
}

/* The first service runs. */
WRAPPED(bool, service_start, struct service *service)
{
	bool done = __real_service_start(service);
	die_once(STARTED);
	return done;
}

WRAPPED(void, recover_commit, void)
{
	die_once(FIRST_STEP);
	__real_recover_commit();
}

WRAPPED(int, load_ask, uint64_t id, const char *text, uint64_t size)
{
	loading = true;
	int status = __real_load_ask(id, text, size);
	loading = false;
	return status;
}

WRAPPED(int, upload_copy, slot_t to, uint64_t *size)
{
	int status = __real_upload_copy(to, size);
	die_once(COPYING);
	return status;
}

WRAPPED(int64_t, service_make_first, struct service *service)
{
	int64_t status = __real_service_make_first(service);
	die_once(STANDS_BY);
	return status;
}

WRAPPED(void, upload_used, void)
{
	__real_upload_used();
	die_once(LOADED);
}

WRAPPED(int, unload_ask, uint64_t id, uint32_t index)
{
	loading = true;
	int status = __real_unload_ask(id, index);
	loading = false;
	return status;
}

WRAPPED(void, service_unmake, struct service *service)
{
	die_once(UNLOADING);
	__real_service_unmake(service);
	die_once(UNLOADED);
}

void __wrap_watch_hang(unsigned number);
void __wrap_watch_hang(unsigned number)
{
	(void)number;
	die();
}
