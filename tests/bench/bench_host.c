/*
 * Speed of save and restore through the real engine on the host, beside its
 * limits (bench_limit.c). A restore comes into a fresh target, all
 * zero, and into a dirty one, of other words. Alternating in one run; thread CPU
 * time. Prints one JSON line for each figure, with a speed for each round: those
 * of a round were measured side by side, and can be compared.
 */
#define _GNU_SOURCE
#include "tests/bench/bench_host.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "hv/call/hypercall.h"
#include "tests/host/fixture/guest.h"

#define ROUNDS_MAX 64
#define CHILD_BASE 0x10000ull /* first page of RAM that the child gets */
#define WINDOW_GPA 0x300000ull
#define MORE (4096ull * 64) /* a stream's, besides that of the pages */

struct bench bench;

double bench_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

u8 *bench_room(u64 bytes)
{
	u8 *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		fprintf(stderr, "bench: no memory\n");
		exit(1);
	}
	madvise(memory, bytes, MADV_HUGEPAGE);
	memset(memory, 1, bytes);
	return memory;
}

static u32 call(u32 code, u64 input, u64 output)
{
	struct hypercall_registers c = { .control = code,
		                         .input = input,
		                         .output = output };

	while (hypercall_execute(fake_root_vp(), &c) == EXIT_AGAIN)
		continue;
	if (c.result != HV_STATUS_SUCCESS) {
		fprintf(stderr, "bench: call %#x: status %#llx\n", code,
		        (unsigned long long)c.result);
		exit(1);
	}
	return 0;
}

/* ---- The engine ---- */

static struct hv_output_save_partition_state *save_piece(u32 flags)
{
	struct hv_input_save_partition_state in = { bench.id, flags, 0 };

	memcpy(guest_at(GUEST_INPUT), &in, sizeof(in));
	call(HVCALL_SAVE_PARTITION_STATE, GUEST_INPUT, GUEST_OUTPUT);
	return (void *)guest_at(GUEST_OUTPUT);
}

static double run_save(void)
{
	double began = bench_seconds();
	u32 flags = HV_SAVE_RESTORE_STATE_START;

	while (save_piece(flags)->save_state == HV_STATE_INCOMPLETE)
		flags = 0;
	return bench_seconds() - began;
}

/* The stream, as a row of input blocks. */
static void record_stream(void)
{
	u32 flags = HV_SAVE_RESTORE_STATE_START;
	struct hv_output_save_partition_state *out;
	u64 block = 0;

	bench.stream_bytes = 0;
	do {
		struct hv_input_restore_partition_state *in =
			(void *)(bench.stream.first + block * PAGE_SIZE);

		out = save_piece(flags);
		in->partition_id = bench.id;
		in->flags = flags;
		in->restore_data_count = out->save_data_count;
		memcpy(in->restore_data, out->save_data, out->save_data_count);
		bench.stream_bytes += out->save_data_count;
		flags = 0;
		block += out->save_data_count > 0;
	} while (out->save_state == HV_STATE_INCOMPLETE);
	bench.stream.count = block;
}

/* Offers a block again, from where the engine stopped, until it is taken. */
static void restore_block(u64 gpa)
{
	struct hv_input_restore_partition_state *in = (void *)guest_at(gpa);
	struct hv_output_restore_partition_state *out =
		(void *)guest_at(GUEST_OUTPUT);
	struct hv_input_restore_partition_state *rest =
		(void *)guest_at(GUEST_INPUT);
	u32 done;

	call(HVCALL_RESTORE_PARTITION_STATE, gpa, GUEST_OUTPUT);
	for (done = out->restore_data_consumed; done < in->restore_data_count;
	     done += out->restore_data_consumed) {
		rest->partition_id = bench.id;
		rest->flags = 0;
		rest->restore_data_count = in->restore_data_count - done;
		memcpy(rest->restore_data, in->restore_data + done,
		       rest->restore_data_count);
		call(HVCALL_RESTORE_PARTITION_STATE, GUEST_INPUT, GUEST_OUTPUT);
		if (out->restore_state > HV_STATE_INCOMPLETE)
			exit(1);
	}
}

u64 bench_bring(const struct bench_blocks *blocks, u64 at)
{
	u64 count = blocks->count - at;

	if (count > BENCH_WINDOW)
		count = BENCH_WINDOW;
	memcpy(bench.window, blocks->first + at * PAGE_SIZE, count * PAGE_SIZE);
	return count;
}

/*
 * The calls alone are timed: what brings the stream into the blocks, a file or
 * a socket, leaves them in the cache, as the output block of a save stays there.
 */
static double run_restore(void)
{
	const struct hv_output_restore_partition_state *out =
		(void *)guest_at(GUEST_OUTPUT);
	double seconds = 0, began;
	u64 count;

	for (u64 at = 0; at < bench.stream.count; at += count) {
		count = bench_bring(&bench.stream, at);
		began = bench_seconds();
		for (u64 i = 0; i < count; i++)
			restore_block(WINDOW_GPA + i * PAGE_SIZE);
		seconds += bench_seconds() - began;
	}
	if (out->restore_state != HV_STATE_COMPLETE) {
		fprintf(stderr, "bench: the restore ended with result %u\n",
		        out->restore_state);
		exit(1);
	}
	return seconds;
}

/* ---- What a restore comes into ---- */

static void make_fresh(void)
{
	memset(bench.memory, 0, bench.pages * PAGE_SIZE);
}

static void make_dirty(void)
{
	memset(bench.memory, 0xb7, bench.pages * PAGE_SIZE);
}

static void check_memory(const char *who)
{
	if (!memcmp(bench.memory, bench.original, bench.pages * PAGE_SIZE))
		return;
	fprintf(stderr, "bench: %s left another memory\n", who);
	exit(1);
}

/* ---- Figures ---- */

static const struct contender {
	const char *name;
	void (*prepare)(void); /* what is not measured; NULL: nothing */
	double (*run)(void);   /* seconds */
} contenders[] = {
	{ "save", NULL, run_save },
	{ "save limit", NULL, limit_save },
	{ "save bare", NULL, limit_save_bare },
	{ "restore", make_fresh, run_restore },
	{ "restore limit", make_fresh, limit_restore },
	{ "restore bare", make_fresh, limit_restore_bare },
	{ "dirty", make_dirty, run_restore },
	{ "dirty limit", make_dirty, limit_restore },
	{ "dirty bare", make_dirty, limit_restore_bare },
};

static void print_figure(const char *memory, const char *name,
                         const double *speed)
{
	printf("{\"memory\": \"%s\", \"what\": \"%s\", \"gib_s\": [", memory,
	       name);
	for (u32 i = 0; i < bench.rounds; i++)
		printf("%s%.3f", i ? ", " : "", speed[i]);
	printf("]}\n");
}

static double measure_one(const struct contender *c)
{
	double seconds;

	if (c->prepare)
		c->prepare();
	seconds = c->run();
	check_memory(c->name);
	return seconds;
}

/* Forwards and backwards: who comes first has no better place than who comes last. */
static u32 whose_turn(u32 round, u32 turn)
{
	return round % 2 ? ARRAY_LEN(contenders) - 1 - turn : turn;
}

static void measure(const char *memory)
{
	static double speed[ARRAY_LEN(contenders)][ROUNDS_MAX];
	double gib = (double)(bench.pages * PAGE_SIZE) / (1u << 30);

	memcpy(bench.memory, bench.original, bench.pages * PAGE_SIZE);
	limit_prepare();
	record_stream();
	for (u32 i = 0; i < bench.rounds; i++)
		for (u32 turn = 0; turn < ARRAY_LEN(contenders); turn++) {
			u32 c = whose_turn(i, turn);

			speed[c][i] = gib / measure_one(&contenders[c]);
		}
	for (u32 c = 0; c < ARRAY_LEN(contenders); c++)
		print_figure(memory, contenders[c].name, speed[c]);
	printf("{\"memory\": \"%s\", \"what\": \"stream\", \"bytes\": %llu}\n",
	       memory, (unsigned long long)bench.stream_bytes);
	fflush(stdout);
}

static void read_memory(const char *path)
{
	FILE *file = fopen(path, "rb");
	u64 bytes = bench.pages * PAGE_SIZE;

	if (!file || fread(bench.original, 1, bytes, file) != bytes) {
		fprintf(stderr, "bench: %s: not %llu bytes of memory\n", path,
		        (unsigned long long)bytes);
		exit(1);
	}
	fclose(file);
}

static void make_child(void)
{
	u64 tables = bench.pages / 512 + 64;

	guest_create(&bench.id);
	for (u64 i = 0; i < tables; i++)
		guest_deposit_page(bench.id, GUEST_ARENA + i);
	guest_initialize(bench.id);
	guest_create_vp(bench.id, 0);
	for (u64 i = 0; i < bench.pages; i++)
		guest_map(bench.id, i, CHILD_BASE + i, 7);
	bench.memory = guest_at(CHILD_BASE << PAGE_SHIFT);
	bench.window = guest_at(WINDOW_GPA);
	bench.original = bench_room(bench.pages * PAGE_SIZE);
	bench.stream.first =
		bench_room(bench.pages * PAGE_SIZE * 33 / 32 + MORE);
}

static void pin_thread(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	u64 mib = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	struct fake_options options = { .machine = FAKE_SKYLAKE_X };

	bench.rounds = argc > 2 ? (u32)strtoul(argv[2], NULL, 10) : 0;
	if (mib == 0 || mib > 4096 || bench.rounds == 0 ||
	    bench.rounds > ROUNDS_MAX || argc < 5 || argc % 2 == 0) {
		fprintf(stderr, "usage: bench_host MIB ROUNDS NAME FILE "
		                "[NAME FILE ...]\n"
		                "FILE: MIB of memory (bench_memory)\n");
		return 2;
	}
	bench.pages = mib << 8;
	options.reserved_pages = 16384;
	options.ram = (CHILD_BASE + bench.pages + options.reserved_pages + 4096)
	              << PAGE_SHIFT;
	if (fake_start(&options) != HANDOFF_OK)
		return 1;
	/* A hypervisor's map of RAM is made of large pages. */
	madvise(fake.ram, fake.ram_bytes, MADV_HUGEPAGE);
	pin_thread();
	make_child();
	for (int i = 3; i < argc; i += 2) {
		read_memory(argv[i + 1]);
		measure(argv[i]);
	}
	return 0;
}
