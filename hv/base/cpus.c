/*
 * The machine's logical processors.
 */
#include "hv/base/cpus.h"

#include "hv/base/check.h"
#include "include/handoff.h"

/*
 * A processor is added under the lock of the machine, and stays but where its first entry
 * fails. One that has been left out of the count would be outside, and reach everything.
 */
static struct {
	u32 count;
	struct cpu *all[HANDOFF_PROCESSORS];
} cpus;

void cpus_init(void)
{
	__builtin_memset(&cpus, 0, sizeof(cpus));
}

void cpus_add(struct cpu *cpu)
{
	CHECK(cpu->index < HANDOFF_PROCESSORS && !cpus.all[cpu->index]);
	cpus.all[cpu->index] = cpu;
	cpus.count++;
}

void cpus_remove(struct cpu *cpu)
{
	cpus.all[cpu->index] = NULL;
	cpus.count--;
}

u32 cpus_count(void)
{
	return cpus.count;
}

/* Their numbers are dense, unless the last one was removed again. */
struct cpu *cpus_at(u32 index)
{
	return index < HANDOFF_PROCESSORS ? cpus.all[index] : NULL;
}

struct cpu *cpus_least(void)
{
	struct cpu *least = NULL;

	for (u32 i = 0; i < HANDOFF_PROCESSORS; i++) {
		struct cpu *cpu = cpus.all[i];

		/* Equals: one that has all its time for them comes behind the first. */
		if (cpu && !cpu->parked && (!least || cpu->vps <= least->vps))
			least = cpu;
	}
	return least;
}

struct cpu *cpus_free(void)
{
	for (u32 i = 0; i < HANDOFF_PROCESSORS; i++) {
		struct cpu *cpu = cpus.all[i];

		if (cpu && !cpu->parked && !list_linked(&cpu->ready))
			return cpu;
	}
	return NULL;
}
