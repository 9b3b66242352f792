/*
 * Ports, connections, messages and events, as a VP of any partition asks for
 * them by hypercall.
 */
#ifndef FAKE_PORT_H
#define FAKE_PORT_H

#include "tests/host/fake_guest.h"

/* A child with `vps` VPs and memory for the blocks of its own calls. */
struct partition *port_child(u32 vps);

/* One call of vp, its block in its own memory. */
enum hv_status port_call(struct vp *vp, u32 code, const void *in, u32 size);

struct hv_port_info port_message(u32 sint);
struct hv_port_info port_event(u32 sint, u16 base, u16 count);

enum hv_status port_make(struct vp *by, u64 partition, u32 id, u64 connection,
                         struct hv_port_info info);
enum hv_status port_join(struct vp *by, u64 partition, u32 id,
                         u64 port_partition, u32 port, u32 type);
enum hv_status port_unmake(struct vp *by, u64 partition, u32 id);
enum hv_status port_leave(struct vp *by, u64 partition, u32 id);
enum hv_status port_post(struct vp *by, u32 connection, u32 type, u32 size);
enum hv_status port_signal(struct vp *by, u32 connection, u16 flag);

/* Does a connection of this partition lead to a port of this type? */
enum hv_status port_reaches(struct partition *from, u32 connection, u32 type);

/* Byte i of the payload that port_post sends. */
static inline u8 port_byte(u32 type, u32 i)
{
	return (u8)(type * 7 + i + 1);
}

#endif
