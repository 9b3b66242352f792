/*
 * hvctl stats: what the hypervisor has counted.
 */
#include "parent/names_exits.h"
#include "parent/partition.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/print.h"
#include "tools/hvctl/report.h"

static const char *const titles[] = {
	[HV_COUNTER_CALL] = "hypercall",
	[HV_COUNTER_ROOT_EXIT] = "exit of the root, but for hypercalls",
	[HV_COUNTER_CHILD_EXIT] = "exit of a child, but for hypercalls",
};

/* A newer hypervisor may count what we have no title for. */
static const char *title_of(u32 kind)
{
	return kind < ARRAY_LEN(titles) ? titles[kind]
	                                : "of a kind that is not known";
}

static const char *name_of(const struct hv_counter *row, u32 vendor)
{
	return row->kind == HV_COUNTER_CALL ? names_of_call(row->code)
	                                    : names_of_exit(vendor, row->code);
}

/* Rows come by kind: a line with the columns' names where one begins. */
static void print_row(const struct hv_counter *row, u32 vendor, u32 *kind)
{
	if (row->kind != *kind)
		print("%s%12s %12s %12s  %s\n", *kind == UINT32_MAX ? "" : "\n",
		      "count", "mean ticks", "worst ticks",
		      title_of(row->kind));
	*kind = row->kind;
	/* A mean without turns would be a division by 0: the count is not ours. */
	print("%12lu %12lu %12lu  ", row->count,
	      row->count ? row->ticks / row->count : 0, row->worst);
	/* All other reasons share a row, which has no number. */
	if (row->code == UINT32_MAX)
		print("   %s\n", name_of(row, vendor));
	else
		print("%2X %s\n", row->code, name_of(row, vendor));
}

/* Kinds come one after the other, and each has its rows in the order of its codes. */
static enum hv_status print_processor(u32 processor)
{
	const struct hv_output_get_counters *out;
	u32 place = 0, kind = UINT32_MAX;
	enum hv_status status;

	do {
		status = partition_get_counters(processor, &place, &out);
		if (status != HV_STATUS_SUCCESS)
			return status;
		/* The hypervisor's count; the block has room for no more rows than these. */
		for (u32 i = 0; i < out->count && i < ARRAY_LEN(out->rows); i++)
			print_row(&out->rows[i], out->vendor, &kind);
	} while (place);
	return HV_STATUS_SUCCESS;
}

/*
 * The root has a VP for each processor. A hypervisor that does not know the call has none,
 * and says why to whoever asks for the rows.
 */
static bool has_processor(u32 processor)
{
	const struct hv_output_get_counters *out;
	u32 place = 0;

	return partition_get_counters(processor, &place, &out) ==
	       HV_STATUS_SUCCESS;
}

enum hvctl_result stats_command(const struct args *args)
{
	bool several = has_processor(1);
	enum hv_status status;
	u32 processor = 0;

	(void)args;
	do {
		if (several)
			print("%sprocessor %u\n\n", processor ? "\n" : "",
			      processor);
		status = print_processor(processor);
	} while (status == HV_STATUS_SUCCESS && has_processor(++processor));
	if (status != HV_STATUS_SUCCESS)
		return report_status("HvStasisGetCounters", STASIS_ROOT_ID,
		                     status, NULL);
	return HVCTL_DONE;
}
