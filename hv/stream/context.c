/*
 * Contexts of save and restore processes.
 */
#include "hv/stream/context.h"

#include "hv/arch.h"
#include "hv/vp/partition.h"

/* One process a target, whoever began it; the system's is the caller's own. */
static struct context **slot(struct partition *owner, struct partition *target)
{
	return target ? &target->context : &owner->system;
}

static void close_slot(struct context **at)
{
	struct context *c = *at;
	struct pool *pool;

	if (!c)
		return;
	/* Read before its page goes back. */
	pool = &c->owner->pool;
	*at = NULL;
	pool_free(pool, c->buffer);
	pool_free(pool, c);
}

struct context *context_open(struct partition *owner, struct partition *target)
{
	struct context **at = slot(owner, target);
	struct context *c;
	u8 *buffer;

	/* First: START may then get back the pages of what it ends. */
	close_slot(at);
	buffer = pool_alloc(&owner->pool);
	if (!buffer)
		return NULL;
	c = pool_alloc(&owner->pool);
	/* One page without the other is of no use: back to as it was. */
	if (!c) {
		pool_free(&owner->pool, buffer);
		return NULL;
	}
	c->owner = owner;
	c->target = target;
	c->buffer = c->payload = buffer;
	/* Whatever changes the target from now on ends the process (D10). */
	c->generation = target ? target->generation : 0;
	c->tsc = arch_tsc();
	*at = c;
	return c;
}

struct context *context_find(struct partition *owner, struct partition *target)
{
	return *slot(owner, target);
}

void context_close(struct partition *target)
{
	/* Whichever of its two directions it was in. */
	close_slot(&target->context);
}

void context_close_system(struct partition *owner)
{
	close_slot(&owner->system);
}
