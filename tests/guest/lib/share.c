/*
 * The time that is ours.
 */
#include "tests/guest/lib/share.h"

#include "parent/cpu.h"
#include "tests/guest/lib/test.h"

#define WINDOW 4000000ull /* ticks: many slices */

void share_begin(struct share *s, u64 wanted)
{
	*s = (struct share){ .least = 1000, .wanted = wanted };
}

void share_open(struct share *s)
{
	s->last = cpu_read_tsc();
}

void share_look(struct share *s, u64 most)
{
	u64 now = cpu_read_tsc(), step = now - s->last;

	s->last = now;
	s->all += step;
	if (step <= most)
		return;
	s->lost += step;
	s->lost_at = now;
}

bool share_check(struct share *s)
{
	u64 ours;

	if (s->all < WINDOW)
		return true;
	ours = (s->all - s->lost) * 1000 / s->all;
	s->windows++;
	if (ours < s->least)
		s->least = ours;
	s->all = s->lost = 0;
	return EXPECT(ours >= s->wanted);
}
