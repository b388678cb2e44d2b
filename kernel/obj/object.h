/* Kernel objects: their life, and who keeps them.
 *
 * Every object begins with a struct object. Two counts keep it:
 *
 *   capabilities  slots that name it. When the last goes, class->unnamed runs: for most types
 *                 that destroys the object; a gate tells its endpoint; a running thread and a
 *                 mapped memory object live on until they end or are unmapped.
 *   references    capabilities, plus pointers other kernel objects hold to it. When the last goes,
 *                 the memory is freed once every CPU has left the kernel (quiesce.h), so that a
 *                 lookup without locks may use an object until it returns to user mode.
 *
 * Destruction (object_destroy, a pool's end, the last capability) sets `dead` once; from then on
 * every lookup says STATUS_DESTROYED and class->destroy takes the object apart in bounded steps. It
 * lets go of everything the object refers to; what refers to it lets go when it next looks.
 */
#pragma once

#include "abi/rights.h"
#include "abi/status.h"
#include "base/list.h"
#include "base/lock.h"
#include <stdbool.h>
#include <stdint.h>

typedef int64_t status_t; /* enum status when negative */

/* Internal to the kernel, never returned to a program: the call is to be made again from the top
 * after pending interrupts (preemption point). The caller's registers are unchanged. */
#define STATUS_RESTART (-1000)
/* Internal: the current thread's wait has begun; its result registers are set by whoever ends it. */
#define STATUS_BLOCKED (-1001)
/* Internal: the same, and this CPU runs another thread already, whose result is set. */
#define STATUS_SWITCHED (-1002)
/* Internal: it goes on in its own handler (arch_thread_reflect_call). */
#define STATUS_REFLECTED (-1003)
#define STATUS_IS_INTERNAL(status) ((status) < -999)

struct pool;

struct object {
	union {
		struct {
			uint8_t type; /* enum object_type; set at creation */
			bool dead;    /* atomic, once */
		};
		uint16_t type_and_dead; /* the type alone where it is alive */
	};
	uint8_t destroy_state; /* 0 not begun or between two steps, 1 in a step, 2 done; atomic */
	bool destroy_queued;   /* on the list of object_destroy_later, or has been; atomic */
	uint32_t capabilities; /* atomic; OBJECT_UNNAMED for good once the last has gone */
	uint32_t references;   /* atomic; OBJECT_FREEING while quiesce.c has it */
	uint64_t number;       /* unique, never reused */
	struct pool *pool;     /* who pays; referenced */
	struct list_node in_pool; /* under the pool's lock */
	struct object *next_free; /* deferred destruction, then deferred freeing */
};

#define OBJECT_UNNAMED 0x80000000u
#define OBJECT_FREEING 0x80000000u

struct object_class {
	uint32_t size; /* at most a page; it begins with a struct object */
	/* Take it apart (NULL: it refers to nothing); STATUS_RESTART when there is more to do (called again). Runs once per
	 * object at a time; must let go of references it holds. */
	status_t (*destroy)(struct object *object);
	/* The last capability is gone. NULL: destroy. */
	void (*unnamed)(struct object *object);
	/* Last words, right before the memory is freed: nobody sees the object any more. May be NULL. The first frees a part
	 * of what belongs to it; true: there is more (called again). */
	bool (*release_some)(struct object *object);
	void (*release)(struct object *object);
};

/* A zeroed object charged to the pool, with one reference and no capability; NULL when the pool's limit
 * or memory is reached. The caller fills it and hands it to captable_install, then drops its
 * reference. */
struct object *object_create(struct pool *pool, enum object_type type);

void object_reference(struct object *object);
void object_unreference(struct object *object);

/* A capability outside a captable (in flight in a message, a pager's gate): counts as a name and
 * as a reference. False: its last capability is gone already, and none can be made any more. */
bool object_capability_take(struct object *object);
void object_capability_drop(struct object *object);

/* STATUS_OK, or STATUS_RESTART when interrupted by a preemption point: call again. */
status_t object_destroy(struct object *object);

static inline bool object_is_dead(const struct object *object)
{
	return __atomic_load_n(&object->dead, __ATOMIC_ACQUIRE);
}

static inline bool object_is_live(const struct object *object, enum object_type type)
{
	return __atomic_load_n(&object->type_and_dead, __ATOMIC_ACQUIRE) == type;
}

/* It has, or had, a capability: its creator has filled it in. */
static inline bool object_has_been_named(const struct object *object)
{
	return __atomic_load_n(&object->capabilities, __ATOMIC_ACQUIRE) != 0;
}

static inline bool object_is_destroyed(const struct object *object)
{
	return __atomic_load_n(&object->destroy_state, __ATOMIC_ACQUIRE) == 2;
}

/* Objects whose destruction was started where it could not be finished (the last capability dropped
 * inside another operation, a process's pool): worked off in steps by the idle loop and at kernel exit. */
void object_destroy_later(struct object *object);
bool object_destroy_pending(void);
void object_destroy_some(void);

uint64_t object_count(void); /* all alive, for leak checks */
uint64_t object_count_of(enum object_type type);
/* For quiesce.c alone. */
bool object_free_memory(struct object *object); /* false: a part of it (called again) */
void object_push(struct object **stack, struct object *object); /* on a list to be worked off at kernel exit */

/* What this floor asks of those above (entry/entry.c, mm/pool.c). */
extern const struct object_class *const object_classes[OBJECT_TYPE_COUNT];
void *pool_allocate(struct pool *pool, uint32_t size); /* zeroed and charged, at most a page; NULL: none */
void pool_free(struct pool *pool, void *memory, uint32_t size);
bool pool_add_object(struct pool *pool, struct object *object); /* references the pool; false: it is dead */
void pool_remove_object(struct object *object);                 /* destroyed: off the pool's list */
