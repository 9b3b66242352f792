/*
 * hvctl regs: what a VP looks like, in columns: all of it, or one group.
 */
#include "tools/hvctl/regs.h"

#include "parent/vp.h"
#include "tools/hvctl/book.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/print.h"
#include "tools/hvctl/report.h"

/*
 * Reads a table. A name that this processor or the mode of the local APIC has no
 * register for is refused as a parameter: it is left out, and the rest goes on.
 */
static enum hv_status read_table(u64 id, u32 vp, const struct reg_table *table,
                                 struct reg_value *list, u32 *count)
{
	union hv_register_value values[REGS_MAX];
	enum hv_status status;
	u32 names[REGS_MAX], next = 0, done;

	*count = 0;
	for (u32 i = 0; i < table->count; i++)
		names[i] = table->list[i].name;
	while (next < table->count) {
		/*
		 * As many in one call as go: a name that fails costs one call more, and not one for
		 * each register of the table.
		 */
		status = vp_get_registers(id, vp, names + next,
		                          table->count - next, values, &done);
		for (u32 i = 0; i < done; i++) {
			list[*count].reg = &table->list[next++];
			list[(*count)++].value = values[i];
		}
		/* The rep behind those that are done is the one that was refused. */
		if (status == HV_STATUS_INVALID_PARAMETER)
			next++;
		else if (status != HV_STATUS_SUCCESS)
			return status;
	}
	return HV_STATUS_SUCCESS;
}

static enum hv_status print_group(u64 id, u32 vp, const struct reg_group *group)
{
	struct reg_value list[REGS_MAX];
	enum hv_status status;
	u32 count;

	for (u32 i = 0; i < group->count; i++) {
		status = read_table(id, vp, &group->tables[i], list, &count);
		if (status != HV_STATUS_SUCCESS)
			return status;
		/* Behind the first read: of a VP that is not there not even a headline is shown. */
		if (i == 0)
			print("%s\n", group->headline);
		group->tables[i].print(list, count);
	}
	return HV_STATUS_SUCCESS;
}

static const struct reg_group *find_group(const char *word)
{
	u32 count;
	const struct reg_group *groups = regs_groups(&count);

	for (u32 i = 0; i < count; i++)
		if (args_same(groups[i].name, word))
			return &groups[i];
	return NULL;
}

/* The words behind the ID: an index, a group, both. Null: all groups. */
static bool read_words(const struct args *args, u64 *vp,
                       const struct reg_group **group)
{
	const char *word;

	for (u32 i = 1; i < args->count; i++) {
		word = args->word[i];
		/* Only here an index may stand; behind it a number is no group. */
		if (i == 1 && args_number(word, vp) && *vp <= HV_VP_INDEX_SELF)
			continue;
		/* Null is all of them, which may also be said. */
		*group = find_group(word);
		if (i == args->count - 1 && (*group || args_same(word, "all")))
			continue;
		print("hvctl: %s is no VP index, and no group of registers: "
		      "hvctl help regs\n",
		      word);
		return false;
	}
	return true;
}

enum hvctl_result regs_command(const struct args *args)
{
	struct book_child *child = book_find(args->word[0]);
	const struct reg_group *groups, *only = NULL;
	enum hv_status status;
	u64 vp = 0;
	u32 count;

	if (!child)
		return HVCTL_NOT_FOUND;
	if (!read_words(args, &vp, &only))
		return HVCTL_BAD_WORDS;
	groups = regs_groups(&count);
	for (u32 i = 0; i < count; i++) {
		if (only && only != &groups[i])
			continue;
		status = print_group(child->id, (u32)vp, &groups[i]);
		if (status != HV_STATUS_SUCCESS)
			return report_status("HvGetVpRegisters", child->id,
			                     status, NULL);
	}
	return HVCTL_DONE;
}
