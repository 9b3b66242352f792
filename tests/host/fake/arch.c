/*
 * The fake machine: what is not a processor's vendor's. Address spaces are the real ones
 * of arch/x86_64/common/slat.c, VPs those of arch/x86_64/common/vp.c over vendor.c.
 */
#define _GNU_SOURCE
#include "tests/host/fake/arch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/base/check.h"
#include "hv/vp/partition.h"
#include "tests/host/fake/others.h"
#include "tests/host/fake/tlb.h"
#include "tests/host/fake/vendor.h"

#define CHECK_FAILED 77
#define GARBAGE 0xa5

/* Pages of the program itself, as the hypercall page, have such addresses. */
#define IMAGE_BIT BIT(51)

struct fake_world fake;
static bool check_is_expected;
/* They stay: what was counted is nothing that one test or input does to the next. */
static struct counters counters;

/* ---- The processor ---- */

const struct arch_facts *arch_facts(void)
{
	return &fake.facts;
}

struct cpu *arch_this_cpu(void)
{
	return fake.here;
}

u64 arch_tsc(void)
{
	return fake.tsc += fake.tsc_step;
}

void arch_interrupt(struct cpu *cpu, u8 vector)
{
	CHECK(cpu->self == cpu);
	fake.interrupts++;
	fake.interrupt_vector = vector;
}

void arch_console_write(const char *text, u32 count)
{
	(void)text;
	(void)count;
}

_Noreturn void arch_check_failed(const char *expression, const char *file,
                                 u32 line)
{
	if (check_is_expected)
		_exit(CHECK_FAILED);
	fprintf(stderr, "CHECK failed: %s at %s:%u\n", expression, file, line);
	abort();
}

bool fake_fails_check(void (*fn)(void *), void *argument)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		check_is_expected = true;
		fn(argument);
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == CHECK_FAILED;
}

/* ---- Memory ---- */

void *arch_page(hpa_t page)
{
	fake.steps++;
	if (page.v & IMAGE_BIT)
		return (void *)(uintptr_t)(page.v & ~IMAGE_BIT);
	if (page.v >= fake.ram_bytes) {
		fprintf(stderr, "no RAM at %#lx\n", (unsigned long)page.v);
		abort();
	}
	fake_touch(page.v);
	return fake.ram + page.v;
}

hpa_t arch_page_hpa(const void *page)
{
	const u8 *at = page;

	if (at >= fake.ram && at < fake.ram + fake.ram_bytes)
		return hpa_of((u64)(at - fake.ram));
	return hpa_of((uintptr_t)at | IMAGE_BIT);
}

/* From here on the processor's own way is faster. */
#define LONG 512u

/* In RAM there is nothing that the sanitizers could find. */
static bool is_long_ram(const void *at, u64 bytes)
{
	u64 from = (u64)((const u8 *)at - fake.ram);

	return bytes >= LONG && from < fake.ram_bytes &&
	       bytes <= fake.ram_bytes - from;
}

/* Weak: the benchmarks take the machine's own. */
__attribute__((weak)) void arch_copy(void *to, const void *from, u64 bytes)
{
	fake.steps += bytes / 64;
	/* A guest can make them overlap; then any outcome will do. */
	if (is_long_ram(to, bytes) && is_long_ram(from, bytes))
		__asm__ volatile("rep movsb"
		                 : "+D"(to), "+S"(from), "+c"(bytes)
		                 :
		                 : "memory");
	if (bytes)
		memmove(to, from, bytes);
}

void fake_fill(void *to, u64 word, u64 words)
{
	u64 *at = to;

	if (is_long_ram(to, words * sizeof(word)))
		__asm__ volatile("rep stosq"
		                 : "+D"(to), "+c"(words)
		                 : "a"(word)
		                 : "memory");
	for (u64 i = 0; i < words; i++)
		at[i] = word;
}

/* Weak, as above. */
__attribute__((weak)) void arch_fill(void *to, u64 word, u64 words)
{
	fake_tlb_fills(hpa_of(arch_page_hpa(to).v & ~(u64)(PAGE_SIZE - 1)));
	fake.steps += words / 8;
	fake.filled += words;
	fake_fill(to, word, words);
}

/* ---- The world ---- */

static void fill_handoff(const struct fake_options *o)
{
	struct handoff *h = &fake.handoff;
	u64 pages = o->reserved_pages ? o->reserved_pages : FAKE_RESERVED;

	h->magic = HANDOFF_MAGIC;
	h->size = sizeof(*h);
	h->reserved_size = pages * PAGE_SIZE;
	h->reserved_base = (fake.ram_bytes - h->reserved_size) &
	                   ~((2ull << 20) - 1);
	h->image_base = h->reserved_base + PAGE_SIZE;
	h->image_size = 8 * PAGE_SIZE;
	h->free_base = h->image_base + h->image_size;
	h->tsc_hz = fake.facts.tsc_hz;
	h->range_count = 2;
	h->ranges[0] = (struct handoff_range){ 0, FAKE_HOLE_BASE };
	h->ranges[1] = (struct handoff_range){ FAKE_HOLE_END,
		                               fake.ram_bytes - FAKE_HOLE_END };
	fake.reserved_base = h->reserved_base;
}

u8 *fake_memory(u64 bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		abort();
	return at;
}

enum handoff_result fake_start(const struct fake_options *o)
{
	enum handoff_result result;

	fake_vendor_reset();
	memset(&fake, 0, sizeof(fake));
	fake_tlb_reset();
	fake_others_reset();
	fake.here = &fake.cpu;
	fake.ram_bytes = o->ram ? o->ram : FAKE_RAM;
	fake.no_gigabyte = o->no_gigabyte;
	fake.touched = o->touched;
	fake.tsc = 1000000007;
	fake_become(o->machine);
	fake.ram_is_ours = !o->memory;
	fake.ram = o->memory ? o->memory : fake_memory(fake.ram_bytes);
	fill_handoff(o);
	/* What the firmware left there, but not gigabytes of it. */
	memset(fake.ram + fake.handoff.free_base, GARBAGE,
	       fake.handoff.reserved_base + fake.handoff.reserved_size -
	               fake.handoff.free_base);
	fake.cpu.self = &fake.cpu;
	fake.cpu.counters = &counters;
	result = hv_start(&fake.handoff, &fake.cpu);
	return result;
}

void fake_stop(void)
{
	if (fake.ram && fake.ram_is_ours)
		munmap(fake.ram, fake.ram_bytes);
	fake.ram = NULL;
	if (fake_others.at)
		munmap(fake_others.at, FAKE_OTHERS * sizeof(struct cpu));
	fake_others.at = NULL;
}

int fake_setup(void **state)
{
	struct fake_options o = { .machine = FAKE_SKYLAKE_X };

	(void)state;
	return fake_start(&o) == HANDOFF_OK ? 0 : -1;
}

int fake_teardown(void **state)
{
	(void)state;
	fake_stop();
	return 0;
}

struct partition *fake_root(void)
{
	return partition_root();
}

struct vp *fake_root_vp(void)
{
	return fake.cpu.root;
}

__attribute__((no_sanitize("address", "undefined"))) bool fake_is_zero(
	const u64 *at, u64 words)
{
	u64 any = 0;

	for (; words >= 8; words -= 8, at += 8)
		any |= at[0] | at[1] | at[2] | at[3] | at[4] | at[5] | at[6] |
		       at[7];
	while (words-- > 0)
		any |= *at++;
	return any == 0;
}

bool fake_is_empty(u64 hpa)
{
	const u8 *page = fake.ram + hpa;

	if (!fake_is_zero((const u64 *)(const void *)page, PAGE_SIZE / 8))
		return false;
	if (fake.touched)
		fake.touched[hpa >> PAGE_SHIFT] = FAKE_EMPTIED;
	return true;
}

u64 fake_random(u64 *seed)
{
	u64 x = *seed += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}
