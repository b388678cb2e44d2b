/* The process protocol: what a process may ask about itself and others. Each handler turns words
 * into a call on the part that knows; authority.c has what servers alone may ask. */
#include "authority.h"
#include "protocol_supervisor.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>


static struct process *caller_of(const struct request *request)
{
	return process_of_label(request->label);
}

/* The process meant by an id word: 0 is the caller. */
static struct process *meant(const struct request *request, uint32_t id)
{
	return id ? process_find(id) : caller_of(request);
}

static int serve_fork(struct request *request, struct process_fork_out *out)
{
	return fork_serve(request, &out->id);
}

static int serve_make_thread(struct request *request, const struct process_make_thread_in *in,
                             struct process_make_thread_out *out)
{
	return thread_serve(caller_of(request), in, &out->id);
}

static int serve_exec(struct request *request, const struct process_exec_in *in)
{
	return exec_serve(request, caller_of(request), in);
}

static int serve_exit(struct request *request, const struct process_exit_in *in)
{
	process_end(caller_of(request), in->status & 0xffff);
	return 0; /* to a thread that is gone: the kernel lets go of its call */
}

static int serve_exit_thread(struct request *request, const struct process_exit_thread_in *in)
{
	struct process *process = caller_of(request);
	struct thread *thread = thread_find(in->thread);
	if (!thread || thread->process != process)
		return -ESRCH;
	if (process->thread_count == 1)
		process_end(process, in->status & 0xffff);
	else
		thread_end(thread);
	return 0;
}

static int serve_wait(struct request *request, const struct process_wait_in *in, struct process_wait_out *out)
{
	return wait_serve(request, caller_of(request), in->selector, in->options, in->kind, out);
}

static int serve_send_signal(struct request *request, const struct process_send_signal_in *in)
{
	struct process *sender = caller_of(request);
	if (in->signal > SIGNAL_COUNT)
		return -EINVAL;
	/* Only the kernel's own signals have codes from 0 up; nobody sends such a thing to others. */
	if (in->code >= 0 && in->code != CODE_USER && in->process != sender->id)
		return -EPERM;
	struct process_siginfo info = { .signal = (int32_t)in->signal, .code = in->code, .process = sender->id,
	                                .user = sender->credentials.user, .value = in->value };
	return signal_kill(sender, in->process, in->thread, &info);
}

static int serve_fetch_signals(struct request *request, const struct process_fetch_signals_in *in,
                               struct process_fetch_signals_out *out)
{
	struct process_siginfo info = { 0 };
	struct thread *thread = thread_find(in->thread);
	if (!thread || thread->process != caller_of(request))
		return -ESRCH;
	if (!signal_fetch(thread, &info))
		return 0;
	struct process_signal_words words =
	    process_signal_pack(&info, thread->signals.first || thread->process->signals.first);
	*out = (struct process_fetch_signals_out){ words.numbers, words.sender, words.cause,
	                                           words.value, words.times, words.timer };
	return 0;
}

static int serve_stop(struct request *request, const struct process_stop_in *in)
{
	return stop_serve(request, caller_of(request), in->thread, in->signal);
}

static int serve_set_group(struct request *request, const struct process_set_group_in *in)
{
	struct process *caller = caller_of(request), *target = meant(request, in->process);
	if (!target || (target != caller && target->parent != caller))
		return -ESRCH;
	if (target != caller && target->executed)
		return -EACCES;
	struct session *session = caller->group->session;
	uint32_t id = in->group ? in->group : target->id;
	if (target->group->session != session || session->leader == target)
		return -EPERM;
	if (id >= ID_END)
		return -EINVAL;
	struct group *group = identity_find(id)->group;
	if (group ? group->session != session : id != target->id)
		return -EPERM;
	if (!group && !(group = group_create(id, session)))
		return -EPERM;
	group_join(target, group);
	return 0;
}

static int serve_get_ids(struct request *request, const struct process_get_ids_in *in, struct process_get_ids_out *out)
{
	const struct process *process = meant(request, in->process);
	if (!process)
		return -ESRCH;
	out->parent = process->parent ? process->parent->id : 0;
	out->group = process->group->id;
	out->session = process->group->session->id;
	return 0;
}

static int serve_make_session(struct request *request, struct process_make_session_out *out)
{
	struct process *process = caller_of(request);
	struct identity *identity = identity_get(process->id);
	if (identity->group || identity->session)
		return -EPERM;
	struct session *session = session_create(process->id);
	struct group *group = session ? group_create(process->id, session) : NULL;
	if (!group) {
		identity->session = NULL;
		free(session);
		return -EPERM;
	}
	session->leader = process;
	group_join(process, group);
	out->session = process->id;
	return 0;
}

static int serve_get_credentials(struct request *request)
{
	request_reply_data(request, &caller_of(request)->credentials, sizeof(struct process_credentials));
	return 0;
}

static int serve_set_credentials(struct request *request, const struct process_set_credentials_in *in)
{
	return credentials_set(caller_of(request), in->mask, request->data);
}

static int serve_set_timer(struct request *request, const struct process_set_timer_in *in,
                           struct process_set_timer_out *out)
{
	struct interval_timer setting = { .number = in->timer, .signal = in->signal, .thread = in->thread,
	                                  .interval = in->interval };
	return timer_set(caller_of(request), &setting, in->value, &out->remaining, &out->old_interval);
}

static int serve_get_timer(struct request *request, const struct process_get_timer_in *in,
                           struct process_get_timer_out *out)
{
	return timer_get(caller_of(request), in->timer, &out->remaining, &out->interval, &out->overrun);
}

static int serve_get_limit(struct request *request, const struct process_get_limit_in *in,
                           struct process_get_limit_out *out)
{
	const struct process *target = meant(request, in->process);
	if (!target || target->state == PROCESS_ZOMBIE)
		return -ESRCH;
	if (in->resource >= LIMIT_COUNT)
		return -EINVAL;
	out->soft = target->limits[in->resource].soft;
	out->hard = target->limits[in->resource].hard;
	return 0;
}

static int serve_set_limit(struct request *request, const struct process_set_limit_in *in)
{
	struct process *target = meant(request, in->process);
	if (!target || target->state == PROCESS_ZOMBIE || target == state.init)
		return -ESRCH;
	return limit_set(caller_of(request), target, in->resource, (struct limit){ in->soft, in->hard });
}

static int serve_get_priority(struct request *request, const struct process_get_priority_in *in,
                              struct process_get_priority_out *out)
{
	return nice_get(caller_of(request), in->which, in->who, &out->nice);
}

static int serve_set_priority(struct request *request, const struct process_set_priority_in *in)
{
	return nice_set(caller_of(request), in->which, in->who, in->nice);
}

static int serve_get_affinity(struct request *request, const struct process_get_affinity_in *in,
                              struct process_get_affinity_out *out)
{
	(void)request;
	return affinity_get(in->thread, &out->mask);
}

static int serve_set_affinity(struct request *request, const struct process_set_affinity_in *in)
{
	return affinity_set(caller_of(request), in->thread, in->mask);
}

static int serve_info(struct request *request, const struct process_info_in *in)
{
	static NOT_STATE struct process_info info; /* read when the answer goes out */
	const struct process *process = meant(request, in->process);
	const struct thread *thread = in->thread ? thread_find(in->thread) : NULL;
	if (!process || (in->thread && (!thread || thread->process != process)))
		return -ESRCH;
	info_fill(process, thread, &info);
	request_reply_data(request, &info, sizeof info);
	return 0;
}

static int serve_list(struct request *request, const struct process_list_in *in, struct process_list_out *out)
{
	static NOT_STATE uint32_t ids[1024]; /* read when the answer goes out */
	uint64_t most = request->receive_length / sizeof ids[0];
	if (most > sizeof ids / sizeof ids[0])
		most = sizeof ids / sizeof ids[0];
	uint32_t count = 0;
	for (uint32_t id = in->after + 1; id && id < ID_END && count < most; id++)
		if (process_find(id))
			ids[count++] = id;
	out->count = count;
	request_reply_data(request, ids, count * sizeof ids[0]);
	return 0;
}

static int serve_command(struct request *request, const struct process_command_in *in,
                         struct process_command_out *out)
{
	struct process *caller = caller_of(request), *process = meant(request, in->process);
	if (!process)
		return -ESRCH;
	if (in->part && caller && !credentials_may_inspect(caller, process))
		return -EACCES;
	int64_t length = info_command(request, process, in->part);
	if (length < 0)
		return (int)length;
	out->length = (uint64_t)length;
	return 0;
}

static int serve_set_name(struct request *request)
{
	struct process *process = caller_of(request);
	memset(process->name, 0, sizeof process->name);
	memcpy(process->name, request->data, strnlen(request->data, request->data_length < 15 ? request->data_length : 15));
	return 0;
}

static int serve_usage(struct request *request, const struct process_usage_in *in)
{
	static NOT_STATE struct process_usage usage; /* read when the answer goes out */
	if (in->who < -1 || in->who > 1)
		return -EINVAL;
	usage_fill(caller_of(request), in->who, &usage);
	request_reply_data(request, &usage, sizeof usage);
	return 0;
}

static int serve_system(struct request *request)
{
	static NOT_STATE struct system_info info; /* read when the answer goes out */
	int64_t status = state.system ? system_info(state.system, &info) : STATUS_BAD_HANDLE;
	if (status < 0)
		return status_to_errno(status);
	request_reply_data(request, &info, sizeof info < request->receive_length ? sizeof info : request->receive_length);
	return 0;
}

static int serve_shut_down(struct request *request, const struct process_shut_down_in *in)
{
	if (caller_of(request)->credentials.effective_user != 0)
		return -EPERM;
	/* The supervisor waits for the lines to drain; it does not wait for proc. */
	struct call_options options = { .deadline = time_now() + 10000000000ull };
	return supervisor_shut_down(SELF_SUPERVISOR, &options, in->how);
}

static int serve_set_mask(struct request *request, const struct process_set_mask_in *in)
{
	struct process *process = caller_of(request);
	struct thread *thread = thread_find(in->thread);
	if (!thread || thread->process != process)
		return -ESRCH;
	thread->blocked = in->blocked;
	process->ignored = in->ignored;
	process->caught = in->caught;
	return 0;
}

static int serve_hold_locks(struct request *request)
{
	caller_of(request)->holds_locks = true;
	return 0;
}

static int serve_set_directory(struct request *request)
{
	struct process *process = caller_of(request);
	char *copy = malloc(request->data_length + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, request->data, request->data_length);
	copy[request->data_length] = '\0';
	free(process->directory);
	process->directory = copy;
	return 0;
}

static int serve_shared_memory(struct request *request, const struct process_shared_memory_in *in,
                               struct process_shared_memory_out *out)
{
	(void)out;
	slot_t slot = slot_allocate();
	int64_t status = slot ? memory_create(state.pool, in->size, MEMORY_ZERO, slot) : STATUS_NO_MEMORY;
	if (status < 0) {
		if (slot)
			slot_free(slot);
		return status_to_errno(status);
	}
	request_send_cap(request, 0, slot, true);
	return 0;
}

static int serve_change_root(struct request *request)
{
	if (request->caps[0].kind != MESSAGE_CAP_SLOT)
		return -EINVAL;
	return root_change(caller_of(request), request->caps[0].slot);
}

static int serve_real_directories(struct request *request, const struct process_real_directories_in *in,
                                  struct process_real_directories_out *out)
{
	(void)in, (void)out;
	return directories_as_real(request, caller_of(request));
}

const struct process_operations serve_operations = {
	.fork = serve_fork, .make_thread = serve_make_thread, .exec = serve_exec, .exit = serve_exit, .exit_thread = serve_exit_thread,
	.wait = serve_wait, .send_signal = serve_send_signal, .fetch_signals = serve_fetch_signals,
	.stop = serve_stop, .set_group = serve_set_group, .get_ids = serve_get_ids,
	.make_session = serve_make_session, .get_credentials = serve_get_credentials,
	.set_credentials = serve_set_credentials, .set_timer = serve_set_timer, .get_timer = serve_get_timer,
	.get_limit = serve_get_limit, .set_limit = serve_set_limit, .get_priority = serve_get_priority,
	.set_priority = serve_set_priority, .get_affinity = serve_get_affinity, .set_affinity = serve_set_affinity, .info = serve_info, .list = serve_list, .command = serve_command,
	.set_name = serve_set_name, .usage = serve_usage, .system = serve_system, .shut_down = serve_shut_down,
	.set_mask = serve_set_mask, .set_directory = serve_set_directory, .hold_locks = serve_hold_locks, .shared_memory = serve_shared_memory,
	.change_root = serve_change_root, .real_directories = serve_real_directories,
};

static int serve_info_for_server(struct request *request, const struct process_info_in *in)
{
	return in->process ? serve_info(request, in) : -ESRCH;
}

static int serve_get_ids_for_server(struct request *request, const struct process_get_ids_in *in,
                                    struct process_get_ids_out *out)
{
	return in->process ? serve_get_ids(request, in, out) : -ESRCH;
}

static int serve_command_for_server(struct request *request, const struct process_command_in *in,
                                    struct process_command_out *out)
{
	return in->process ? serve_command(request, in, out) : -ESRCH;
}

static int serve_descriptors(struct request *request, const struct process_descriptors_in *in,
                             struct process_descriptors_out *out)
{
	const struct process *process = process_alive(in->process);
	if (!process)
		return -ESRCH;
	out->count = descriptors_list(request, process, in->first);
	return 0;
}

static int serve_descriptor(struct request *request, const struct process_descriptor_in *in,
                            struct process_descriptor_out *out)
{
	const struct process *process = process_alive(in->process);
	return process ? descriptor_give(request, process, in->number, &out->kind) : -ESRCH;
}

const struct process_operations server_operations = {
	.descriptors = serve_descriptors, .descriptor = serve_descriptor,
	.info = serve_info_for_server, .list = serve_list, .command = serve_command_for_server,
	.get_ids = serve_get_ids_for_server, .get_limit = serve_get_limit, .system = serve_system,
	.identify = authority_identify, .group_state = authority_group_state,
	.set_terminal = authority_set_terminal, .signal_group = authority_signal_group,
	.start = authority_start, .prepare = authority_prepare, .wait_for = authority_wait_for,
};
