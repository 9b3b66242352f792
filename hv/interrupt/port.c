/*
 * Ports and connections: two small tables in a page.
 */
#include "hv/interrupt/port.h"

#include "hv/interrupt/synic.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"

_Static_assert(PORT_COUNT <= SYNIC_QUEUE_ROOT, "the root has a place for each");

/* A free slot has type 0, so any id may be used, 0 too. */
static struct port *find_port(const struct partition *p, u32 id)
{
	for (u32 i = 0; p->ports && i < PORT_COUNT; i++)
		if (p->ports->port[i].type && p->ports->port[i].id == id)
			return &p->ports->port[i];
	return NULL;
}

/* Ids of connections are the caller's own, no port has anything to do with them. */
static struct connection *find_connection(const struct partition *p, u32 id)
{
	for (u32 i = 0; p->ports && i < PORT_COUNT; i++)
		if (p->ports->connection[i].type &&
		    p->ports->connection[i].id == id)
			return &p->ports->connection[i];
	return NULL;
}

/* From the first port on: most partitions have none. */
static bool make_page(struct partition *p)
{
	if (!p->ports)
		p->ports = pool_alloc(&p->pool);
	return p->ports;
}

/* SINT0 is the hypervisor's own, so that intercepts never wait behind a port. */
static bool info_valid(const struct hv_port_info *info)
{
	if (info->target_sint == 0 || info->target_sint >= HV_SINT_COUNT ||
	    info->rsvd_z)
		return false;
	if (info->type == HV_PORT_MESSAGE)
		return !info->base_flag && !info->flag_count;
	return info->type == HV_PORT_EVENT && info->flag_count > 0 &&
	       (u32)info->base_flag + info->flag_count <= HV_EVENT_FLAGS;
}

/* The index of the VP to which it leads. "Any" is one VP, so messages keep their order. */
static u32 vp_of(const struct port *port)
{
	return port->vp == HV_VP_INDEX_ANY ? 0 : port->vp;
}

/* Each message port has a place with its VP: so many can there be. */
static bool has_place(const struct partition *p, const struct port *port)
{
	u32 others = 0;

	for (u32 i = 0; i < PORT_COUNT; i++)
		if (p->ports->port[i].type == HV_PORT_MESSAGE &&
		    vp_of(&p->ports->port[i]) == vp_of(port))
			others++;
	return port->type != HV_PORT_MESSAGE ||
	       others < synic_places(p->parent == NULL);
}

bool port_has_room(const struct port *port, const struct vp *to)
{
	const struct ports *all = to->partition->ports;
	u32 places = synic_places(to->is_root), taken = to->synic.queued;

	/* Its first message only needs a place that is free. */
	if (taken >= places || !synic_holds(to, port->id))
		return taken < places;
	/* For another one those count as taken that other ports may still claim. */
	for (u32 i = 0; i < PORT_COUNT && taken < places; i++)
		if (all->port[i].type == HV_PORT_MESSAGE &&
		    vp_of(&all->port[i]) == to->index &&
		    !synic_holds(to, all->port[i].id))
			taken++;
	return taken < places;
}

enum hv_status port_create(struct partition *p, u32 id,
                           u64 connection_partition,
                           const struct hv_port_info *info)
{
	struct port *port, new = {
		.id = id,
		.vp = info->target_vp,
		.type = (u8)info->type,
		.sint = (u8)info->target_sint,
		.base_flag = info->base_flag,
		.flag_count = info->flag_count,
		.connection_partition = connection_partition,
	};

	if (id > HV_PORT_ID_MAX || find_port(p, id))
		return HV_STATUS_INVALID_PORT_ID;
	if (!info_valid(info))
		return HV_STATUS_INVALID_PARAMETER;
	/* The VP need not be there yet; whether it is a message will find out. */
	if (info->target_vp != HV_VP_INDEX_ANY &&
	    info->target_vp >= PARTITION_VPS)
		return HV_STATUS_INVALID_VP_INDEX;
	/* Behind what the call says: one that is wrong costs no page. */
	if (!make_page(p))
		return HV_STATUS_INSUFFICIENT_MEMORY;
	for (port = p->ports->port; port->type; port++)
		if (port == &p->ports->port[PORT_COUNT - 1])
			return HV_STATUS_NO_RESOURCES;
	/* More ports than places would let one wait for ever behind the others. */
	if (!has_place(p, &new))
		return HV_STATUS_NO_RESOURCES;
	*port = new;
	return HV_STATUS_SUCCESS;
}

enum hv_status port_connect(struct partition *p, u32 id, u64 port_partition,
                            u32 port_id, u32 type)
{
	struct partition *owner = partition_find(port_partition);
	struct connection *c;
	struct port *port;

	/* The number is the caller's choice, within 24 bits (TLFS 11.10). */
	if (id > HV_PORT_ID_MAX || find_connection(p, id))
		return HV_STATUS_INVALID_CONNECTION_ID;
	if (!owner)
		return HV_STATUS_INVALID_PARTITION_ID;
	port = find_port(owner, port_id);
	if (!port)
		return HV_STATUS_INVALID_PORT_ID;
	/* Whom a port is for, its owner has said; its type only then matters. */
	if (port->connection_partition != p->id)
		return HV_STATUS_ACCESS_DENIED;
	if (port->type != type)
		return HV_STATUS_INVALID_PARAMETER;
	if (!make_page(p))
		return HV_STATUS_INSUFFICIENT_MEMORY;
	for (c = p->ports->connection; c->type; c++)
		if (c == &p->ports->connection[PORT_COUNT - 1])
			return HV_STATUS_NO_RESOURCES;
	/*
	 * By id, not by pointer: the port may go, and be another one of the same number
	 * when a message comes. port_reach looks again, each time.
	 */
	*c = (struct connection){ id, port_id, port_partition, (u8)type };
	return HV_STATUS_SUCCESS;
}

enum hv_status port_delete(struct partition *p, u32 id)
{
	struct port *port = find_port(p, id);

	if (!port)
		return HV_STATUS_INVALID_PORT_ID;
	/* A message that waits stays: it has been sent, and keeps the port's id. */
	port->type = 0;
	return HV_STATUS_SUCCESS;
}

/* What was sent by it is the port's already. */
enum hv_status port_disconnect(struct partition *p, u32 id)
{
	struct connection *c = find_connection(p, id);

	if (!c)
		return HV_STATUS_INVALID_CONNECTION_ID;
	c->type = 0;
	return HV_STATUS_SUCCESS;
}

/* A port of the same id may have been made anew, for somebody else. */
enum hv_status port_reach(struct partition *p, u32 connection, u32 type,
                          const struct port **port, struct vp **to)
{
	const struct connection *c = find_connection(p, connection);
	struct partition *owner;

	if (!c || c->type != type)
		return HV_STATUS_INVALID_CONNECTION_ID;
	/* Ids are never used twice: this is the partition of then, or none. */
	owner = partition_find(c->port_partition);
	*port = owner && owner->state == PARTITION_ACTIVE
	                ? find_port(owner, c->port)
	                : NULL;
	if (!*port || (*port)->type != type ||
	    (*port)->connection_partition != p->id)
		return HV_STATUS_INVALID_PORT_ID;
	/* The VP is looked up now, as one that was deleted may be there again. */
	*to = owner->vps[vp_of(*port)];
	return *to ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_VP_INDEX;
}

/* Connections of others that lead here fail from now on (INVALID_PORT_ID). */
void port_free_all(struct partition *p)
{
	/* The page holds both tables; messages that wait have none of it. */
	if (p->ports)
		pool_free(&p->pool, p->ports);
	p->ports = NULL;
}
