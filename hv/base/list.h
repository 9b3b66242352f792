/*
 * Rings of structures, linked both ways through a member. The head is a link
 * that belongs to no structure; one that is in no ring is linked to itself.
 */
#ifndef HV_LIST_H
#define HV_LIST_H

#include "include/types.h"

struct list {
	struct list *next;
	struct list *previous;
};

/* The structure of this type that has the link as this member. */
#define list_entry(link, type, member) \
	((type *)(void *)((u8 *)(link) - __builtin_offsetof(type, member)))

static inline void list_init(struct list *l)
{
	l->next = l->previous = l;
}

/* Is it in a ring; of a head: is anything else? */
static inline bool list_linked(const struct list *l)
{
	return l->next != l;
}

/* Is l, and nothing else, in the ring of this head? */
static inline bool list_holds_only(const struct list *head,
                                   const struct list *l)
{
	return head->next == l && head->previous == l;
}

/* Puts l, which is in no ring, before `next`; before the head it is last. */
static inline void list_add_before(struct list *next, struct list *l)
{
	l->next = next;
	l->previous = next->previous;
	next->previous->next = l;
	next->previous = l;
}

static inline void list_remove(struct list *l)
{
	l->previous->next = l->next;
	l->next->previous = l->previous;
	list_init(l);
}

#endif
