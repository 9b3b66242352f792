/*
 * Lists of VPs: the ring of a processor, its alarms, and the queues of messages.
 */
#include "hv/base/cpu.h"
#include "hv/vp/vp.h"
#include "tests/books/books.h"

/* The VP behind a link; that it is one is looked up before anything of it is read. */
static const struct vp *vp_behind(struct books *b, const struct vp *vp,
                                  const char *what)
{
	b->page = arch_page_hpa(vp).v;
	BOOKS_CHECK(b, b->page % PAGE_SIZE == 0 && books_is(b, vp, BOOKS_VP),
	            what);
	b->partition = vp->partition->id;
	return vp;
}

/* How many there are; each once, as none comes before its own successor. */
static u64 audit_ring(struct books *b)
{
	const struct list *head = &b->cpu->ready, *at = head;
	const struct vp *vp;
	u64 count = 0;

	for (; at->next != head; at = at->next, count++) {
		vp = vp_behind(b,
		               (const struct vp *)((const u8 *)at->next -
		                                   offsetof(struct vp, ready)),
		               "what is in the ring is no VP");
		BOOKS_CHECK(b, vp->ready.previous == at,
		            "the ring has a break");
		BOOKS_CHECK(b, !vp->is_root && !vp->alarm && count < b->vps,
		            "who is in the ring should not be");
	}
	BOOKS_CHECK(b, head->previous == at, "the ring has a break");
	return count;
}

static void audit_alarms(struct books *b)
{
	const struct cpu *cpu = b->cpu;
	const struct vp *vp;

	b->page = 0;
	BOOKS_CHECK(b, cpu->alarm_count <= b->vps, "there are too many alarms");
	for (u32 i = 1; i <= cpu->alarm_count; i++) {
		vp = vp_behind(b, cpu->alarms[i - 1],
		               "what has an alarm is no VP");
		BOOKS_CHECK(b, vp->alarm == i && !vp->is_root,
		            "an alarm is another's");
		BOOKS_CHECK(b,
		            i == 1 || cpu->alarms[i / 2 - 1]->alarm_at <=
		                              vp->alarm_at,
		            "alarms are not in their order");
	}
}

/* Senders that wait for a receiver, children of its partition. */
static u64 audit_queue(struct books *b, const struct vp *to)
{
	const struct list *head = &to->synic.queue, *at = head;
	const struct vp *vp;
	u64 count = 0;

	for (; at->next != head; at = at->next, count++) {
		vp = vp_behind(
			b,
			(const struct vp *)((const u8 *)at->next -
		                            offsetof(struct vp, message_link)),
			"what is in a queue of messages is no VP");
		BOOKS_CHECK(b, vp->message_link.previous == at,
		            "a queue of messages has a break");
		BOOKS_CHECK(b,
		            vp->partition->parent == to->partition &&
		                    count < b->vps,
		            "who is in a queue of messages should not be");
	}
	BOOKS_CHECK(b, head->previous == at, "a queue of messages has a break");
	return count;
}

/* What the VPs say of themselves, each one. */
static void count_linked(struct books *b, u64 *ready, u64 *alarms, u64 *waiting,
                         u64 *queued)
{
	const struct partition *p;
	u64 id = 0;

	while ((p = books_next(b, &id)) != NULL)
		for (u32 i = 0; i < PARTITION_VPS; i++) {
			const struct vp *vp = p->vps[i];

			if (!vp)
				continue;
			b->partition = p->id;
			b->page = arch_page_hpa(vp).v;
			*ready += list_linked(&vp->ready);
			*alarms += vp->alarm != 0;
			*waiting += list_linked(&vp->message_link);
			*queued += audit_queue(b, vp);
		}
}

void books_lists(struct books *b)
{
	u64 ready = 0, alarms = 0, waiting = 0, queued = 0, ring;

	b->page = b->partition = 0;
	ring = audit_ring(b);
	audit_alarms(b);
	count_linked(b, &ready, &alarms, &waiting, &queued);
	b->page = b->partition = 0;
	BOOKS_CHECK(b, ring == ready, "a VP is in another ring");
	BOOKS_CHECK(b, b->cpu->alarm_count == alarms,
	            "a VP has an alarm that is not there");
	BOOKS_CHECK(b, queued == waiting, "a message is in another queue");
	vp_behind(b, b->cpu->current, "who runs is no VP");
	vp_behind(b, b->cpu->root, "the processor's root VP is none");
}
