/* What servers and the supervisor may ask, and the tables of both sides. */
#ifndef PROC_AUTHORITY_H
#define PROC_AUTHORITY_H

#include "proc.h"
#include "protocol_process.h"

int authority_identify(struct request *request, struct process_identify_out *out);
int authority_group_state(struct request *request, const struct process_group_state_in *in,
                          struct process_group_state_out *out);
int authority_set_terminal(struct request *request, const struct process_set_terminal_in *in);
int authority_signal_group(struct request *request, const struct process_signal_group_in *in);
int authority_start(struct request *request, const struct process_start_in *in, struct process_start_out *out);
int authority_prepare(struct request *request);
int authority_wait_for(struct request *request, const struct process_wait_for_in *in,
                       struct process_wait_for_out *out);

extern const struct process_operations serve_operations;  /* on processes' gates */
extern const struct process_operations server_operations; /* on the supervisor's gates */

#endif
