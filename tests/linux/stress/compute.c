/*
 * Plain work: of this program, and of others on a file that it has made.
 */
#include "tests/linux/stress/stress.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NUMBERS = 20000, FILE_WORDS = 131072 };

static const char digested[] = "/tmp/digested";

u64 compute_sort(void)
{
	u32 *row = malloc(NUMBERS * sizeof(*row));
	u64 hash = 0;

	if (!row)
		return STRESS_IMPOSSIBLE;
	for (u32 i = 0; i < NUMBERS; i++)
		row[i] = (u32)stress_number(i);
	for (u32 gap = NUMBERS / 2; gap; gap /= 2) {
		for (u32 i = gap; i < NUMBERS; i++) {
			u32 value = row[i], at = i;

			for (; at >= gap && row[at - gap] > value; at -= gap)
				row[at] = row[at - gap];
			row[at] = value;
		}
	}
	for (u32 i = 0; i < NUMBERS; i++)
		hash = stress_mix(hash, row[i]);
	free(row);
	return hash;
}

/* The hash of what a command prints. */
static u64 said_by(const char *command)
{
	FILE *pipe = popen(command, "re");
	u64 hash = 0;
	int byte;

	if (!pipe)
		return STRESS_IMPOSSIBLE;
	while ((byte = getc(pipe)) != EOF)
		hash = stress_mix(hash, (u64)byte);
	return pclose(pipe) ? STRESS_IMPOSSIBLE : hash;
}

u64 compute_digests(void)
{
	FILE *file = fopen(digested, "we");
	u64 hash = 0;

	if (!file)
		return STRESS_IMPOSSIBLE;
	for (u64 i = 0; i < FILE_WORDS; i++) {
		u64 word = stress_number(i);

		if (fwrite(&word, sizeof(word), 1, file) != 1)
			break;
	}
	if (fclose(file))
		return STRESS_IMPOSSIBLE;
	hash = stress_mix(hash, said_by("md5sum </tmp/digested"));
	hash = stress_mix(hash, said_by("sha256sum </tmp/digested"));
	hash = stress_mix(hash,
	                  said_by("gzip -c /tmp/digested | gunzip | md5sum"));
	(void)unlink(digested);
	return hash;
}
