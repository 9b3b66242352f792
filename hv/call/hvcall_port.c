/*
 * Hypercalls on ports and connections, messages and events (TLFS 11.11).
 */
#include "hv/arch.h"
#include "hv/call/hypercall.h"
#include "hv/call/target.h"
#include "hv/interrupt/port.h"
#include "hv/interrupt/synic.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"

/*
 * Both ends are named, and the caller must own both: a parent decides who talks to whom
 * (TLFS 11.10). The port's owner is the target, who may connect comes in the input.
 */
enum hv_status hvcall_create_port(struct hypercall_frame *f)
{
	const struct hv_input_create_port *in = f->in;
	struct partition *to;
	enum hv_status status =
		target_find_own(f, in->connection_partition, &to);

	if (status != HV_STATUS_SUCCESS)
		return status;
	if (in->proximity)
		return HV_STATUS_INVALID_PARAMETER;
	/* Whether ids and SINT can be, the ports know. */
	return port_create(f->target, in->port_id, to->id, &in->info);
}

/* Connections to it stay, and find no port from now on. */
enum hv_status hvcall_delete_port(struct hypercall_frame *f)
{
	const struct hv_input_delete_port *in = f->in;

	return port_delete(f->target, in->port_id);
}

enum hv_status hvcall_connect_port(struct hypercall_frame *f)
{
	const struct hv_input_connect_port *in = f->in;
	struct partition *owner;
	enum hv_status status = target_find_own(f, in->port_partition, &owner);

	if (status != HV_STATUS_SUCCESS)
		return status;
	/* Known ids first, as for CreatePort; then what the block says of itself. */
	if (in->proximity || in->info.rsvd_z)
		return HV_STATUS_INVALID_PARAMETER;
	return port_connect(f->target, in->connection_id, owner->id,
	                    in->port_id, in->info.type);
}

/* Of the caller, or of a child: whose connection it is, not whose port. */
enum hv_status hvcall_disconnect_port(struct hypercall_frame *f)
{
	const struct hv_input_disconnect_port *in = f->in;

	return port_disconnect(f->target, in->connection_id);
}

/* Types with bit 31 are the hypervisor's, and 0 is a free slot. */
enum hv_status hvcall_post_message(struct hypercall_frame *f)
{
	const struct hv_input_post_message *in = f->in;
	struct hv_message m = { .type = in->type };
	const struct port *port;
	enum hv_status status;

	if (in->type == 0 || in->type >> 31 ||
	    in->payload_size > HV_MESSAGE_PAYLOAD)
		return HV_STATUS_INVALID_PARAMETER;
	status = target_find_receiver(f, in->connection_id, HV_PORT_MESSAGE,
	                              &port);
	if (status != HV_STATUS_SUCCESS)
		return status;
	m.payload_size = (u8)in->payload_size;
	/* Of a posted message the sender is its port (TLFS 11.10). */
	m.sender = port->id;
	arch_copy(m.payload, in->payload, in->payload_size);
	/* A SynIC that is off is the more useful answer than one that is full. */
	if (synic_takes(f->target_vp) && !port_has_room(port, f->target_vp))
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	return synic_post(f->target_vp, port->sint, &m);
}

enum hv_status hvcall_signal_event(struct hypercall_frame *f)
{
	const struct hv_input_signal_event *in = f->in;
	const struct port *port;
	enum hv_status status;

	status = target_find_receiver(f, in->connection_id, HV_PORT_EVENT,
	                              &port);
	if (status != HV_STATUS_SUCCESS)
		return status;
	/* A port has a range of its SINT's flags: the number counts within it. */
	if (in->flag >= port->flag_count)
		return HV_STATUS_INVALID_PARAMETER;
	return synic_signal(f->target_vp, port->sint,
	                    port->base_flag + in->flag);
}
