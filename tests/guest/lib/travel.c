/*
 * Rounds of save and restore with the apic child.
 */
#include "tests/guest/lib/travel.h"

#include "parent/vp.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/test.h"

#define RUN_MIN 20000ull /* TSC ticks */
#define RUN_SPREAD 100000ull
#define PERIOD_MIN 30000ull /* of the timer */
#define PERIOD_EXITS 24     /* that a period has room for at least */
#define TRIES 8

extern const u8 child_apic_start[], child_apic_end[];

static u64 random_state = 1;

static u64 random_below(u64 limit)
{
	random_state = random_state * 6364136223846793005ull + 1;
	return (random_state >> 33) % limit;
}

volatile struct apic_seen *travel_seen(const struct child *c)
{
	return child_at(c, APIC_SEEN);
}

static bool create_vps(const struct child *c, u32 vps)
{
	for (u32 i = 1; i < vps; i++)
		if (!EXPECT_SUCCESS(vp_create(c->id, i)))
			return false;
	return true;
}

/* The ticks that an exit takes, at best. */
static u64 exit_ticks(void)
{
	u64 least = ~0ull;

	for (u32 i = 0; i < TRIES; i++) {
		u64 begin = cpu_read_tsc(), ticks;

		cpu_cpuid(0);
		ticks = cpu_read_tsc() - begin;
		least = ticks < least ? ticks : least;
	}
	return least;
}

/*
 * A tick costs the child some exits, each of which takes longer than a short period
 * where another hypervisor is below: it would do nothing but that.
 */
static u64 period(void)
{
	u64 ticks = exit_ticks() * PERIOD_EXITS;

	return ticks > PERIOD_MIN ? ticks : PERIOD_MIN;
}

bool travel_create(struct child *c, enum apic_task task, u64 flags, u32 vps)
{
	if (!child_create(c, APIC_PAGES) || !child_deposit(c, 14ull * vps) ||
	    !create_vps(c, vps))
		return false;
	child_put(c, APIC_IMAGE, child_apic_start,
	          (u64)(child_apic_end - child_apic_start));
	travel_seen(c)->task = task;
	travel_seen(c)->flags = flags;
	travel_seen(c)->period = period();
	/* As behind a CALL: RSP is 8 off a multiple of 16. */
	return child_set_long(c, APIC_IMAGE, APIC_STACKS - 8);
}

static bool set_suspended(const struct child *c, u32 vps, u64 value)
{
	for (u32 i = 0; i < vps; i++)
		if (!EXPECT_SUCCESS(vp_set_register(
			    c->id, i, HV_REGISTER_EXPLICIT_SUSPEND, value)))
			return false;
	return true;
}

bool travel_go(const struct child *c, u32 vps)
{
	return set_suspended(c, vps, 0);
}

bool travel_stop(const struct child *c, u32 vps)
{
	return set_suspended(c, vps, HV_SUSPENDED);
}

void travel_run(void)
{
	u64 begin = cpu_read_tsc();
	u64 ticks = RUN_MIN + random_below(RUN_SPREAD);

	while (cpu_read_tsc() - begin < ticks)
		insn_pause();
}

static bool replace(struct child *c, u32 vps)
{
	struct child target;

	if (!child_create_like(&target, c) ||
	    !child_deposit(&target, 14ull * vps) || !create_vps(&target, vps) ||
	    !child_destroy(c))
		return false;
	*c = target;
	return true;
}

bool travel_round(struct child *c, u32 vps, struct saved *stream, bool anew)
{
	if (!travel_stop(c, vps) || !saved_take(stream, c->id, 0))
		return false;
	if (anew) {
		if (!replace(c, vps))
			return false;
	} else {
		if (!travel_go(c, vps))
			return false;
		travel_run();
		if (!travel_stop(c, vps))
			return false;
	}
	return saved_restore(stream, c->id, HV_SAVE_DATA_MAX);
}
