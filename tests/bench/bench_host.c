/*
 * Speed of save and restore through the real engine on the host, beside memcpy
 * and beside a bare loop of what any engine must do (zero test, copy in pieces
 * of 4080 bytes, CRC-32C, prefetch). Alternating in one run; thread CPU time;
 * medians with least and most. Prints one JSON line for each figure.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <cmocka.h>

#include "hv/crc32c.h"
#include "tests/bench/bench_memory.h"
#include "tests/host/fake_guest.h"

#define ROUNDS_MAX 64
#define PIECE HV_SAVE_DATA_MAX
#define WINDOW 32u /* blocks that a parent has just read: in the cache */
#define CHILD_BASE 0x10000ull /* first page of RAM that the child gets */

static struct {
	u64 pages; /* of the child */
	u32 rounds;
	const char *only; /* this contender; NULL: all */
	u64 id;
	u8 *memory; /* its pages, as the host sees them */
	u8 *copy;   /* where memcpy and the bare loop copy to */
	u64 stream; /* page number of the first input block of the stream */
	u64 block_count;
	u64 window; /* page number of the blocks that restore calls are given */
	u64 stream_bytes;
} bench;

static double thread_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static u32 call(u32 code, u64 input, u64 output)
{
	struct exit_hypercall c = { .control = code,
		                    .input = input,
		                    .output = output };

	while (exit_hypercall(fake_root_vp(), &c) == EXIT_AGAIN)
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
	double began = thread_seconds();
	u32 flags = HV_SAVE_RESTORE_STATE_START;

	while (save_piece(flags)->save_state == HV_STATE_INCOMPLETE)
		flags = 0;
	return thread_seconds() - began;
}

/* The stream, as a row of input blocks. */
static void record_stream(void)
{
	u32 flags = HV_SAVE_RESTORE_STATE_START;
	struct hv_output_save_partition_state *out;
	u64 block = bench.stream;

	bench.stream_bytes = 0;
	do {
		struct hv_input_restore_partition_state *in =
			(void *)guest_at(block << PAGE_SHIFT);

		out = save_piece(flags);
		in->partition_id = bench.id;
		in->flags = flags;
		in->restore_data_count = out->save_data_count;
		memcpy(in->restore_data, out->save_data, out->save_data_count);
		bench.stream_bytes += out->save_data_count;
		flags = 0;
		block += out->save_data_count > 0;
	} while (out->save_state == HV_STATE_INCOMPLETE);
	bench.block_count = block - bench.stream;
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

/*
 * The calls alone are timed: what brings the stream into the blocks, a file or
 * a socket, leaves them in the cache, as the output block of a save stays there.
 */
static double run_restore(void)
{
	const struct hv_output_restore_partition_state *out =
		(void *)guest_at(GUEST_OUTPUT);
	double seconds = 0, began;

	for (u64 at = 0; at < bench.block_count; at += WINDOW) {
		u64 count = bench.block_count - at < WINDOW
		                    ? bench.block_count - at
		                    : WINDOW;

		memcpy(guest_at(bench.window << PAGE_SHIFT),
		       guest_at((bench.stream + at) << PAGE_SHIFT),
		       count * PAGE_SIZE);
		began = thread_seconds();
		for (u64 i = 0; i < count; i++)
			restore_block((bench.window + i) << PAGE_SHIFT);
		seconds += thread_seconds() - began;
	}
	if (out->restore_state != HV_STATE_COMPLETE) {
		fprintf(stderr, "bench: the restore ended with result %u\n",
		        out->restore_state);
		exit(1);
	}
	return seconds;
}

/* ---- What it is measured against ---- */

static double run_memcpy(void)
{
	double began = thread_seconds();

	memcpy(bench.copy, bench.memory, bench.pages * PAGE_SIZE);
	__asm__ volatile("" ::: "memory");
	return thread_seconds() - began;
}

static bool is_zero(const u64 *page)
{
	for (u32 i = 0; i < PAGE_SIZE / 8; i += 8)
		if (page[i] | page[i + 1] | page[i + 2] | page[i + 3] |
		    page[i + 4] | page[i + 5] | page[i + 6] | page[i + 7])
			return false;
	return true;
}

static volatile u32 sink;

static void prefetch(const u8 *page)
{
	for (u32 i = 0; i < PAGE_SIZE; i += 64)
		__builtin_prefetch(page + i);
}

/* Pieces of 4080 bytes into one buffer, as a save call hands them out. */
static u32 copy_in_pieces(u8 *piece, u32 at, const u8 *page)
{
	u32 done = 0;

	while (done < PAGE_SIZE) {
		u32 now = PIECE - at < PAGE_SIZE - done ? PIECE - at
		                                        : PAGE_SIZE - done;

		memcpy(piece + at, page + done, now);
		__asm__ volatile("" ::: "memory");
		done += now;
		at = (at + now) % PIECE;
	}
	return at;
}

static double run_bare(void)
{
	static u8 piece[PAGE_SIZE];
	double began = thread_seconds();
	u32 at = 0;

	for (u64 i = 0; i < bench.pages; i++) {
		const u8 *page = bench.memory + i * PAGE_SIZE;

		prefetch(page + PAGE_SIZE);
		if (is_zero((const u64 *)(const void *)page))
			continue;
		at = copy_in_pieces(piece, at, page);
		sink = crc32c(0, page, PAGE_SIZE);
	}
	return thread_seconds() - began;
}

/* ---- Figures ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static const struct contender {
	const char *name;
	double (*run)(void); /* seconds */
} contenders[] = {
	{ "save", run_save },
	{ "restore", run_restore },
	{ "memcpy", run_memcpy },
	{ "bare loop", run_bare },
};

static void print_figure(const char *memory, const char *name, double *speed)
{
	qsort(speed, bench.rounds, sizeof(*speed), compare);
	printf("{\"memory\": \"%s\", \"what\": \"%s\", \"gib_s\": %.3f, "
	       "\"min\": %.3f, \"max\": %.3f}\n",
	       memory, name, speed[bench.rounds / 2], speed[0],
	       speed[bench.rounds - 1]);
}

static bool wanted(const char *only, const char *name)
{
	return !only || !strcmp(only, name);
}

static void measure(enum bench_kind kind)
{
	double speed[ARRAY_LEN(contenders)][ROUNDS_MAX];
	double gib = (double)(bench.pages * PAGE_SIZE) / (1u << 30);

	bench_fill(kind, bench.memory, bench.pages);
	record_stream();
	for (u32 i = 0; i < bench.rounds; i++) {
		for (u32 c = 0; c < ARRAY_LEN(contenders); c++) {
			if (wanted(bench.only, contenders[c].name))
				speed[c][i] = gib / contenders[c].run();
		}
	}
	for (u32 c = 0; c < ARRAY_LEN(contenders); c++)
		if (wanted(bench.only, contenders[c].name))
			print_figure(bench_kind_name(kind), contenders[c].name,
			             speed[c]);
	printf("{\"memory\": \"%s\", \"what\": \"stream\", \"bytes\": %llu}\n",
	       bench_kind_name(kind), (unsigned long long)bench.stream_bytes);
	fflush(stdout);
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
	bench.copy = malloc(bench.pages * PAGE_SIZE);
	memset(bench.copy, 1, bench.pages * PAGE_SIZE);
	bench.window = CHILD_BASE + bench.pages + 1;
	bench.stream = bench.window + WINDOW;
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
	u64 mib = argc > 1 ? strtoull(argv[1], NULL, 10) : 256;
	struct fake_options options = { .machine = FAKE_SKYLAKE_X };

	bench.only = argc > 3 ? argv[3] : NULL;
	bench.rounds = argc > 2 ? (u32)strtoul(argv[2], NULL, 10) : 7;
	if (mib == 0 || mib > 4096 || bench.rounds == 0 ||
	    bench.rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench_host [MiB, 1 to 4096] "
		                "[rounds, 1 to 64] [contender] [memory]\n");
		return 2;
	}
	bench.pages = mib << 8;
	options.reserved_pages = 16384;
	options.ram = (CHILD_BASE + bench.pages * 2 + bench.pages / 32 +
	               options.reserved_pages + 4096)
	              << PAGE_SHIFT;
	if (fake_start(&options) != HANDOFF_OK)
		return 1;
	/* A hypervisor's map of RAM is made of large pages. */
	madvise(fake.ram, fake.ram_bytes, MADV_HUGEPAGE);
	pin_thread();
	make_child();
	for (u32 kind = 0; kind < BENCH_KINDS; kind++)
		if (wanted(argc > 4 ? argv[4] : NULL,
		           bench_kind_name((enum bench_kind)kind)))
			measure((enum bench_kind)kind);
	return 0;
}
