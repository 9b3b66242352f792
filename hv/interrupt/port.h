/*
 * Ports of a partition, where messages and events come in, and its connections
 * to ports of others (TLFS 11). A parent makes both, for itself and for its
 * children; they are not saved. One page of the partition's pool holds all.
 */
#ifndef HV_PORT_H
#define HV_PORT_H

#include "include/tlfs.h"

struct partition;
struct vp;

/* Ports, and connections, of one partition. Of message ports to one VP there are as
 * many as it has places for them (synic_places): the root has for all. */
#define PORT_COUNT 64u

struct port {
	u32 id;
	u32 vp;  /* HV_VP_INDEX_ANY: VP 0 */
	u8 type; /* enum hv_port_type, 0: free */
	u8 sint;
	u16 base_flag;
	u16 flag_count;
	u64 connection_partition; /* may connect */
};

struct connection {
	u32 id;
	u32 port;
	u64 port_partition;
	u8 type; /* enum hv_port_type, 0: free */
};

struct ports {
	struct port port[PORT_COUNT];
	struct connection connection[PORT_COUNT];
};
_Static_assert(sizeof(struct ports) <= PAGE_SIZE, "one page");

/*
 * Adds one. INVALID_PORT_ID, INVALID_CONNECTION_ID: taken, or out of range.
 * INVALID_PARAMETER: what it says cannot be. NO_RESOURCES: PORT_COUNT there, or as
 * many message ports to that VP as it has places.
 * INSUFFICIENT_MEMORY: the partition's pool has no page.
 */
enum hv_status port_create(struct partition *p, u32 id,
                           u64 connection_partition,
                           const struct hv_port_info *info);
/* Besides: INVALID_PARTITION_ID, INVALID_PORT_ID: no such port; ACCESS_DENIED:
 * it is for another partition. */
enum hv_status port_connect(struct partition *p, u32 id, u64 port_partition,
                            u32 port, u32 type);

/* INVALID_PORT_ID, INVALID_CONNECTION_ID: there is none. */
enum hv_status port_delete(struct partition *p, u32 id);
enum hv_status port_disconnect(struct partition *p, u32 id);

/*
 * The port behind a connection of p, and the VP that it leads to.
 * INVALID_CONNECTION_ID: no such connection of this type. INVALID_PORT_ID: the
 * port is gone. INVALID_VP_INDEX: the VP is.
 */
enum hv_status port_reach(struct partition *p, u32 connection, u32 type,
                          const struct port **port, struct vp **to);

/*
 * Has a message by this port, which leads to `to`, a place there? Its first always, so
 * whoever posts much is the one who is refused; more only in places that are not to
 * be left to other ports that have none. A port that is made while others have taken
 * its place has the next that gets free.
 */
bool port_has_room(const struct port *port, const struct vp *to);

/* The page goes back to the pool. */
void port_free_all(struct partition *p);

#endif
