/* What the supervisor, the terminal server and other servers may ask; each on its own label. */
#include "authority.h"
#include <errno.h>

static bool from_terminal(const struct request *request)
{
	return request->label == LABEL_TERMINAL;
}

static bool from_supervisor(const struct request *request)
{
	return request->label == LABEL_SUPERVISOR;
}

int authority_identify(struct request *request, struct process_identify_out *out)
{
	struct process *process = request->caps[0].kind == MESSAGE_CAP_LABEL
	                          ? process_of_label(request->caps[0].label) : NULL;
	if (!process)
		return -EINVAL;
	out->process = process->id;
	request_reply_data(request, &process->credentials, sizeof process->credentials);
	return 0;
}

int authority_group_state(struct request *request, const struct process_group_state_in *in,
                          struct process_group_state_out *out)
{
	(void)request;
	const struct session *session = identity_find(in->session)->session;
	const struct group *group = identity_find(in->group)->group;
	if (in->group == 0) {
		/* The first session exists before its first process. */
		out->exists = session && (session->leader || (!state.started && in->session == ID_FIRST));
		return 0;
	}
	out->exists = group && session && group->session == session;
	out->orphaned = out->exists && group_orphaned(group);
	return 0;
}

int authority_set_terminal(struct request *request, const struct process_set_terminal_in *in)
{
	if (!from_terminal(request))
		return -EPERM;
	struct session *session = identity_find(in->session)->session;
	if (!session)
		return -EPERM;
	session->terminal = in->device;
	session->foreground = in->group;
	return 0;
}

int authority_signal_group(struct request *request, const struct process_signal_group_in *in)
{
	if (!from_terminal(request))
		return -EPERM;
	struct group *group = identity_find(in->group)->group;
	if (!group || in->signal == 0 || in->signal > SIGNAL_COUNT)
		return -ESRCH;
	signal_send_group(group, &(struct process_siginfo){ .signal = (int32_t)in->signal, .code = CODE_KERNEL });
	return 0;
}

int authority_start(struct request *request, const struct process_start_in *in, struct process_start_out *out)
{
	(void)in;
	return from_supervisor(request) ? start_serve(request, &out->process) : -EPERM;
}

int authority_prepare(struct request *request)
{
	if (!from_supervisor(request))
		return -EPERM;
	slot_t *slots[] = { &state.input, &state.output, &state.error, &state.pipe };
	for (unsigned i = 0; i < sizeof slots / sizeof slots[0]; i++) {
		if (*slots[i])
			slot_free(*slots[i]);
		*slots[i] = request_take_cap(request, i);
	}
	return 0;
}

int authority_wait_for(struct request *request, const struct process_wait_for_in *in,
                       struct process_wait_for_out *out)
{
	return from_supervisor(request) ? end_wait(request, in->process, &out->status) : -EPERM;
}
