/* Object types and rights.
 *
 * A capability is a slot of a captable: an object and the rights to use it. Copying a
 * capability can only drop rights. What each right means depends on the type:
 *
 *   type          READ            WRITE               EXECUTE     CONTROL
 *   pool          pool_info       charge objects      -           destroy
 *   space         query, read     map, unmap          -           clone, reflect, destroy
 *   captable      copy from       copy to, drop       -           clone, destroy
 *   thread        info, registers alert               -           start, stop, set, destroy
 *   memory        map, read       map writable, write map to run  resize, supply, destroy
 *   endpoint      receive, reply  make gates          -           reset, bind, destroy
 *   gate          -               call                -           destroy
 *   notification  wait            signal, set timer   -           destroy
 *   irq           -               bind, acknowledge   -           destroy
 *   ioport        in              out                 -           make windows, destroy
 *   system        information,    write the log       -           make irqs, ioports,
 *                 read the log                                    physical memory
 *
 * Every right set includes COPY: without it the capability cannot be copied or sent.
 */
#pragma once

/* Part of the interface: cap_info returns these numbers. OBJECT_NONE is an empty slot. */
enum object_type {
	OBJECT_NONE = 0,
	OBJECT_POOL,
	OBJECT_SPACE,
	OBJECT_CAPTABLE,
	OBJECT_THREAD,
	OBJECT_MEMORY,
	OBJECT_ENDPOINT,
	OBJECT_GATE,
	OBJECT_NOTIFICATION,
	OBJECT_IRQ,
	OBJECT_IOPORT,
	OBJECT_SYSTEM,
	OBJECT_TYPE_COUNT,
};

/* A right is a bit of the slot's word, next to the object's address (kernel/obj/captable.h): there
 * is room for no sixth. The first three have the numbers of MAP_READ, MAP_WRITE and MAP_EXECUTE:
 * the rights of a memory capability bound the protection of the mappings made with it, for good,
 * but that a private one may always be written. */
enum rights {
	RIGHT_READ = 1 << 0,
	RIGHT_WRITE = 1 << 1,
	RIGHT_EXECUTE = 1 << 2,
	RIGHT_CONTROL = 1 << 3,
	RIGHT_COPY = 1 << 4,
	RIGHTS_ALL = 31,
};
