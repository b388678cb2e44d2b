/* Set-user-ID programs: an exec by which the credentials rise.
 *
 * Until now the process ran as somebody who must not have a hold on what it becomes. That somebody may
 * have given capabilities to its captable, space, threads and gate to others, and put gates of his own
 * into its slots. So the new program gets a fresh captable (a copy: open files stay), a fresh space, a
 * gate with a new label (the old ones are dead), and the slots it trusts are filled by proc: the program that
 * was examined, the root as the file server knows it, the pipe and log servers.
 *
 * The decision rests on the file server's word about the program's gate, asked on proc's own gate. Where
 * anything does not fit, the program runs without the rise, as from a file system mounted nosuid. */
#include "proc.h"
#include "protocol_filesystem.h"
#include <errno.h>
#include <sys/stat.h>

#define HANDOFF_SECURE 1u

/* The credentials that the program gives; false: no change. */
static bool risen(const struct process_credentials *now, slot_t program, struct process_credentials *new)
{
	struct file_attributes attributes;
	*new = *now;
	if (!state.filesystem || filesystem_examine(state.filesystem, NULL, 0, program, &attributes, sizeof attributes, NULL) != 0)
		return false;
	if (!S_ISREG(attributes.mode))
		return false;
	if (attributes.mode & S_ISUID)
		new->effective_user = new->file_user = attributes.user;
	/* Without group execute permission the bit means mandatory locking. */
	if ((attributes.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		new->effective_group = new->file_group = attributes.group;
	return new->effective_user != now->effective_user || new->effective_group != now->effective_group;
}

static bool captable_trusted(slot_t captable, const struct launch *launch, slot_t program,
                             const struct process_credentials *new)
{
	if (launch->head.program_slot < PROCESS_FIRST_FREE)
		return false;
	if (cap_copy(captable, launch->head.program_slot, SELF_CAPTABLE, program, RIGHTS_ALL) < 0)
		return false;
	if (cap_info(captable, PROCESS_ROOT) <= 0 || directories_renew(captable, new, true) < 0)
		return false;
	cap_copy(captable, PROCESS_PIPE, SELF_CAPTABLE, state.pipe, RIGHTS_ALL);
	cap_copy(captable, PROCESS_LOG, SELF_CAPTABLE, state.log, RIGHTS_ALL);
	return true;
}

int launch_elevate(struct launch *launch, struct process *process, slot_t program)
{
	struct process_credentials new;
	if (!risen(&process->credentials, program, &new))
		return 0;
	slot_t captable = slot_for_new();
	if (!captable)
		return -ENOMEM;
	int64_t status = captable_clone(process->account->pool, process->captable, captable);
	if (status < 0) {
		slot_free(captable);
		return status_to_errno(status);
	}
	for (struct thread *thread = process->threads; thread; thread = thread->next)
		if (thread->own_slot)
			cap_drop(captable, thread->own_slot);
	cap_drop(captable, PROCESS_FILES); /* opened for whoever it was */
	if (!captable_trusted(captable, launch, program, &new)) {
		object_end(captable);
		return 0;
	}
	launch->captable = captable;
	launch->serial = ++state.next_serial;
	launch->head.credentials = new;
	launch->head.flags |= HANDOFF_SECURE;
	return 0;
}
