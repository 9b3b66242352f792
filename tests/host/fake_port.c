/*
 * Hypercalls on ports.
 */
#include "tests/host/fake_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/interrupt/port.h"

#define CHILD_BLOCK 0x8000ull

struct partition *port_child(u32 vps)
{
	u64 id = guest_child(40 + 16 * vps, vps);

	assert_int_equal(
		guest_map(id, CHILD_BLOCK >> PAGE_SHIFT, guest_page(), 7),
		HV_STATUS_SUCCESS);
	return guest_partition(id);
}

enum hv_status port_call(struct vp *vp, u32 code, const void *in, u32 size)
{
	u64 gpa = vp->is_root ? GUEST_INPUT : CHILD_BLOCK;
	struct arch_mapping m;
	u8 *page;

	assert_true(gpa_lookup(&vp->partition->space, gpa >> PAGE_SHIFT, &m));
	page = arch_page(m.page);
	memset(page, 0xcc, PAGE_SIZE);
	memcpy(page, in, size);
	return (enum hv_status)(guest_raw(vp, code, gpa, 0, NULL) &
	                        HV_RESULT_STATUS);
}

struct hv_port_info port_message(u32 sint)
{
	return (struct hv_port_info){ .type = HV_PORT_MESSAGE,
		                      .target_sint = sint };
}

struct hv_port_info port_event(u32 sint, u16 base, u16 count)
{
	return (struct hv_port_info){ .type = HV_PORT_EVENT,
		                      .target_sint = sint,
		                      .base_flag = base,
		                      .flag_count = count };
}

enum hv_status port_make(struct vp *by, u64 partition, u32 id, u64 connection,
                         struct hv_port_info info)
{
	struct hv_input_create_port in = { .port_partition = partition,
		                           .port_id = id,
		                           .connection_partition = connection,
		                           .info = info };

	return port_call(by, HVCALL_CREATE_PORT, &in, sizeof(in));
}

enum hv_status port_join(struct vp *by, u64 partition, u32 id,
                         u64 port_partition, u32 port, u32 type)
{
	struct hv_input_connect_port in = { .connection_partition = partition,
		                            .connection_id = id,
		                            .port_partition = port_partition,
		                            .port_id = port,
		                            .info.type = type };

	return port_call(by, HVCALL_CONNECT_PORT, &in, sizeof(in));
}

enum hv_status port_unmake(struct vp *by, u64 partition, u32 id)
{
	struct hv_input_delete_port in = { partition, id, 0 };

	return port_call(by, HVCALL_DELETE_PORT, &in, sizeof(in));
}

enum hv_status port_leave(struct vp *by, u64 partition, u32 id)
{
	struct hv_input_disconnect_port in = { partition, id, 0 };

	return port_call(by, HVCALL_DISCONNECT_PORT, &in, sizeof(in));
}

enum hv_status port_post(struct vp *by, u32 connection, u32 type, u32 size)
{
	struct hv_input_post_message in = { .connection_id = connection,
		                            .type = type,
		                            .payload_size = size };

	/* All of it, whatever the size says. */
	for (u32 i = 0; i < sizeof(in.payload); i++)
		((u8 *)in.payload)[i] = port_byte(type, i);
	return port_call(by, HVCALL_POST_MESSAGE, &in, sizeof(in));
}

enum hv_status port_signal(struct vp *by, u32 connection, u16 flag)
{
	struct hv_input_signal_event in = { connection, flag, 0 };

	return port_call(by, HVCALL_SIGNAL_EVENT, &in, sizeof(in));
}

enum hv_status port_reaches(struct partition *from, u32 connection, u32 type)
{
	const struct port *port;
	struct vp *to;

	return port_reach(from, connection, type, &port, &to);
}
