/*
 * Reading decisions from a fuzzer's bytes.
 */
#include "tests/fuzz/fuzz_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/host/fake/arch.h"

_Noreturn void fuzz_failed(const char *expression, const char *file, int line)
{
	fprintf(stderr, "FUZZ_CHECK failed: %s at %s:%d\n", expression, file,
	        line);
	abort();
}

/* A failed assertion of a helper that cmocka tests use ends the run, too. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	return 0;
}

#define ROW_MAX 1024u

size_t fuzz_mutate_row(u8 *data, size_t size, size_t max, unsigned int seed)
{
	u64 state = seed;

	if (seed % 16 != 0)
		return LLVMFuzzerMutate(data, size, max);
	size = fake_random(&state) % (max < ROW_MAX ? max : ROW_MAX) + 1;
	for (size_t i = 0; i < size; i++)
		data[i] = (u8)fake_random(&state);
	return size;
}

void fuzz_bytes(struct fuzz_in *in, void *to, size_t size)
{
	size_t now = size < in->left ? size : in->left;

	memset(to, 0, size);
	if (now)
		memcpy(to, in->at, now);
	in->at += now;
	in->left -= now;
}

u8 fuzz_u8(struct fuzz_in *in)
{
	u8 v;

	fuzz_bytes(in, &v, sizeof(v));
	return v;
}

u16 fuzz_u16(struct fuzz_in *in)
{
	u16 v;

	fuzz_bytes(in, &v, sizeof(v));
	return v;
}

u32 fuzz_u32(struct fuzz_in *in)
{
	u32 v;

	fuzz_bytes(in, &v, sizeof(v));
	return v;
}

u64 fuzz_u64(struct fuzz_in *in)
{
	u64 v;

	fuzz_bytes(in, &v, sizeof(v));
	return v;
}

u32 fuzz_below(struct fuzz_in *in, u32 n)
{
	return fuzz_u8(in) % n;
}

u64 fuzz_word(struct fuzz_in *in)
{
	u8 how = fuzz_u8(in);
	u8 byte = how < 0xe0 ? fuzz_u8(in) : 0;

	if (how < 0x20)
		return byte;
	if (how < 0x60)
		return BIT(byte % 64);
	if (how < 0x80)
		return BIT(byte % 64) - 1;
	if (how < 0xa0)
		return ~(u64)byte;
	if (how < 0xc0)
		return (u64)byte << PAGE_SHIFT;
	if (how < 0xe0)
		return fuzz_u16(in);
	return how < 0xf0 ? fuzz_u32(in) : fuzz_u64(in);
}
