/*
 * Names and one-line meanings of what the hypervisor answers.
 */
#ifndef STASIS_PARENT_NAMES_H
#define STASIS_PARENT_NAMES_H

#include "include/tlfs.h"

struct names_entry {
	u32 value;
	const char *name;
	const char *meaning;
};

/* All three know an answer to every value: "unknown" if need be. */
const struct names_entry *names_of_status(u32 status);
const struct names_entry *names_of_result(u32 state);
const struct names_entry *names_of_message(u32 type);

#endif
