/*
 * Lists of VPs: of each processor the ring, the alarms, and those that others ask for; and
 * the queues of messages.
 */
#include "hv/base/cpus.h"
#include "hv/stream/context.h"
#include "hv/vp/vp.h"
#include "include/handoff.h"
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

/* What is linked somewhere, and has an alarm; what lists hold. */
struct linked {
	u64 ready;
	u64 alarms;
	u64 asked;
	u64 waiting;
	u64 queued;
	u64 bound[HANDOFF_PROCESSORS]; /* child VPs, by their processor */
};

/* How many there are; each once, as none comes before its own successor. */
static u64 audit_ring(struct books *b, const struct cpu *cpu)
{
	const struct list *head = &cpu->ready, *at = head;
	const struct vp *vp;
	u64 count = 0;

	for (; at->next != head; at = at->next, count++) {
		vp = vp_behind(b, list_entry(at->next, struct vp, ready),
		               "what is in the ring is no VP");
		BOOKS_CHECK(b, vp->ready.previous == at,
		            "the ring has a break");
		BOOKS_CHECK(b, !vp->is_root && !vp->alarm && count < b->vps,
		            "who is in the ring should not be");
		BOOKS_CHECK(b, vp->cpu == cpu,
		            "who is in the ring is another processor's");
	}
	BOOKS_CHECK(b, head->previous == at, "the ring has a break");
	return count;
}

/* Those that another processor wants to have, and this one is to let go. */
static u64 audit_asked(struct books *b, const struct cpu *cpu)
{
	const struct list *head = &cpu->asked, *at = head;
	const struct vp *vp;
	u64 count = 0;

	for (; at->next != head; at = at->next, count++) {
		vp = vp_behind(b, list_entry(at->next, struct vp, asked),
		               "who is asked for is no VP");
		BOOKS_CHECK(b, vp->asked.previous == at,
		            "the row of those that are asked for has a break");
		BOOKS_CHECK(b, vp->cpu == cpu && vp->hold_end && count < b->vps,
		            "who is asked for should not be");
	}
	BOOKS_CHECK(b, head->previous == at,
	            "the row of those that are asked for has a break");
	return count;
}

static void audit_alarms(struct books *b, const struct cpu *cpu)
{
	const struct vp *vp;

	b->page = 0;
	BOOKS_CHECK(b, cpu->alarm_count <= b->vps, "there are too many alarms");
	for (u32 i = 1; i <= cpu->alarm_count; i++) {
		vp = vp_behind(b, cpu->alarms[i - 1],
		               "what has an alarm is no VP");
		BOOKS_CHECK(b, vp->alarm == i && !vp->is_root && vp->cpu == cpu,
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
static void count_linked(struct books *b, struct linked *l)
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
			l->ready += list_linked(&vp->ready);
			l->alarms += vp->alarm != 0;
			l->asked += list_linked(&vp->asked);
			l->waiting += list_linked(&vp->message_link);
			l->queued += audit_queue(b, vp);
			l->bound[vp->cpu->index] += !vp->is_root;
		}
}

/* Whom it runs, and whose it is; and what the others have of its VPs is nothing. */
static void audit_cpu(struct books *b, const struct cpu *cpu, u64 bound)
{
	const struct vp *vp;

	vp = vp_behind(b, cpu->root, "the processor's root VP is none");
	BOOKS_CHECK(b, vp->is_root && vp->cpu == cpu,
	            "the processor's root VP is another's");
	vp = vp_behind(b, cpu->current, "who runs is no VP");
	BOOKS_CHECK(b, vp->cpu == cpu, "who runs is another processor's");
	b->page = b->partition = 0;
	BOOKS_CHECK(b, cpu->vps == bound,
	            "its number of VPs of children is wrong");
}

void books_lists(struct books *b)
{
	struct linked own = { .ready = 0 }, held = { .ready = 0 };
	const struct cpu *cpu;

	count_linked(b, &own);
	for (b->cpu = 0; b->cpu < HANDOFF_PROCESSORS; b->cpu++) {
		cpu = cpus_at(b->cpu);
		if (!cpu)
			continue;
		b->page = b->partition = 0;
		held.ready += audit_ring(b, cpu);
		held.asked += audit_asked(b, cpu);
		audit_alarms(b, cpu);
		held.alarms += cpu->alarm_count;
		audit_cpu(b, cpu, own.bound[b->cpu]);
	}
	b->page = b->partition = b->cpu = 0;
	BOOKS_CHECK(b, held.ready == own.ready, "a VP is in another ring");
	BOOKS_CHECK(b, held.alarms == own.alarms,
	            "a VP has an alarm that is not there");
	BOOKS_CHECK(b, held.asked == own.asked,
	            "a VP is asked for, and its processor does not know");
	BOOKS_CHECK(b, own.queued == own.waiting,
	            "a message is in another queue");
}

/* ---- Without the lock ---- */

/*
 * The two that know of it agree, the partition stands still, and there is a processor for
 * each: ours is not one.
 */
void books_beside(struct books *b)
{
	const struct partition *p;
	u64 id = 0;
	u32 count = 0;

	while ((p = books_next(b, &id)) != NULL) {
		b->page = 0;
		BOOKS_CHECK(b, p->beside == (p->context && p->context->beside),
		            "its memory is worked on, and its process is not, "
		            "or the other way round");
		if (!p->beside)
			continue;
		count++;
		BOOKS_CHECK(b,
		            p->state == PARTITION_ACTIVE &&
		                    partition_suspended(p),
		            "its memory is worked on, and it may run");
		for (u32 i = 0; i < PARTITION_VPS; i++)
			BOOKS_CHECK(b,
			            !p->vps[i] || p->vps[i]->cpu->current !=
			                                  p->vps[i],
			            "its memory is worked on, and it runs");
	}
	b->partition = 0;
	BOOKS_CHECK(b, count < cpus_count(),
	            "more is worked on than there are processors for it");
}
