/*
 * hv/chunk*.c: streams whose checks hold, and one byte of one field does not. A
 * row is a field of a chunk (the first of its id), what the byte becomes, and
 * what is said of the stream.
 */
#include <stdio.h>
#include <string.h>

#include "hv/base/log.h"
#include "tests/host/fixture/forged.h"
#include "tests/host/fixture/test.h"

#define COMPLETE HV_STATE_COMPLETE
#define CORRUPT HV_STATE_CORRUPT_DATA
#define VERSION HV_STATE_UNSUPPORTED_VERSION
#define HARDWARE HV_STATE_HARDWARE_FEATURE_MISMATCH
#define CLFLUSH HV_STATE_CLFLUSH_SIZE_MISMATCH
#define OTHER_CPU HV_STATE_INCOMPATIBLE_PROCESSOR
#define VP_COUNT HV_STATE_PROCESSOR_COUNT_MISMATCH
#define VP_FLAGS HV_STATE_PROCESSOR_FLAGS_MISMATCH
#define VP_INDEX HV_STATE_PROCESSOR_INDEX_MISMATCH
#define NO_MEMORY HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY

/* A chunk and the place of a field in it; another byte of it by adding. */
/* clang-format off */
#define PROLOG(field) STREAM_PROLOG, offsetof(struct stream_prolog, field)
#define COMPAT(field) STREAM_COMPAT, offsetof(struct stream_compat, field)
#define VP_INDICES(field) \
	STREAM_VP_INDICES, offsetof(struct stream_vp_indices, field)
#define OS_ID(field) STREAM_OS_ID, offsetof(struct stream_os_id, field)
#define PARTITION(field) \
	STREAM_PARTITION, offsetof(struct stream_partition, field)
#define GPA_MAP(field) STREAM_GPA_MAP, offsetof(struct stream_extent, field)
#define GPA_MAP_1(field) GPA_MAP(field) + sizeof(struct stream_extent)
#define EXTENT(field) STREAM_EXTENT, offsetof(struct stream_position, field)
#define VP(field) STREAM_VP, offsetof(struct stream_vp, field)
#define VP_GP(field) STREAM_VP_GP, offsetof(struct stream_vp_gp, field)
#define VP_CONTROL(field) \
	STREAM_VP_CONTROL, offsetof(struct stream_vp_control, field)
#define VP_DEBUG(field) STREAM_VP_DEBUG, offsetof(struct stream_vp_debug, field)
#define VP_SEGMENT(field) \
	STREAM_VP_SEGMENT, offsetof(struct stream_vp_segment, field)
#define VP_TABLE(field) STREAM_VP_TABLE, offsetof(struct stream_vp_table, field)
#define VP_XSAVE_CONTROL(field) \
	STREAM_VP_XSAVE_CONTROL, offsetof(struct stream_vp_xsave_control, field)
#define VP_MSRS(field) STREAM_VP_MSRS, offsetof(struct stream_msr, field)
#define VP_XSAVE(field) \
	STREAM_VP_XSAVE, offsetof(struct vp_xsave, field) - 512
#define VP_FP(field) STREAM_VP_FP, offsetof(struct stream_vp_fp, field)
#define VP_EVENTS(field) \
	STREAM_VP_EVENTS, offsetof(struct stream_vp_events, field)
#define VP_SYNIC(field) STREAM_VP_SYNIC, offsetof(struct stream_vp_synic, field)
#define VP_APIC(field) STREAM_VP_APIC, offsetof(struct stream_vp_apic, field)
#define VP_MESSAGE(field) STREAM_VP_MESSAGE, offsetof(struct hv_message, field)

static const struct {
	const char *what;
	u32 id;
	u64 at;
	u8 value;
	u32 result;
} fields[] = {
	{ "another tag", PROLOG(tag), 1, CORRUPT },
	{ "a summary's PROLOG", PROLOG(is_summary), 1, CORRUPT },
	{ "neither summary nor whole", PROLOG(is_summary), 2, CORRUPT },
	{ "reserved", PROLOG(rsvd0[0]), 1, CORRUPT },
	{ "no vendor", PROLOG(vendor), 0, OTHER_CPU },
	{ "reserved", PROLOG(rsvd1), 1, CORRUPT },
	{ "another magic", PROLOG(magic), 1, CORRUPT },
	{ "a later major version", PROLOG(version_major), 2, VERSION },
	{ "a later minor version", PROLOG(version_minor), 9, COMPLETE },
	{ "reserved", PROLOG(rsvd2), 1, CORRUPT },
	{ "reserved, the first", PROLOG(rsvd3[0]), 1, CORRUPT },
	{ "reserved, the last", PROLOG(rsvd3[4023]), 1, CORRUPT },

	{ "of the system alone", COMPAT(scope), 0, CORRUPT },
	{ "no such scope", COMPAT(scope), 2, CORRUPT },
	{ "no vendor", COMPAT(cpu_vendor), 0, OTHER_CPU },
	{ "smaller cache lines", COMPAT(clflush), 32, CLFLUSH },
	{ "longer linear addresses", COMPAT(linear_bits), 57, HARDWARE },

	{ "a BSP that is not there", VP_INDICES(bsp_index), 1, CORRUPT },
	{ "a BSP beyond all VPs", VP_INDICES(bsp_index), 64, CORRUPT },
	{ "a BSP far beyond", VP_INDICES(bsp_index) + 3, 0x80, CORRUPT },
	{ "the BSP is another", VP_INDICES(bsp_index), 2, VP_FLAGS },
	{ "one VP less", VP_INDICES(bitmap[0]), 1, VP_COUNT },
	{ "another VP", VP_INDICES(bitmap[0]), 3, VP_INDEX },
	{ "a VP beyond all", VP_INDICES(bitmap[2]), 1, CORRUPT },

	{ "padding", OS_ID(padding), 1, CORRUPT },

	{ "a reserved bit of HYPERCALL", PARTITION(hypercall), 4, CORRUPT },
	{ "its page out of reach", PARTITION(hypercall) + 7, 1, CORRUPT },
	{ "a page more", PARTITION(page_count), 7, NO_MEMORY },
	{ "a page less", PARTITION(page_count), 5, CORRUPT },
	{ "no page", PARTITION(page_count), 0, CORRUPT },
	{ "no memory", PARTITION(flags), 0, CORRUPT },
	{ "an unknown flag", PARTITION(flags), 3, CORRUPT },
	{ "a reserved bit of the MSR", PARTITION(reference_tsc), 2, CORRUPT },
	{ "its page out of reach", PARTITION(reference_tsc) + 7, 1, CORRUPT },
	{ "reserved", PARTITION(rsvd), 1, CORRUPT },

	{ "a page that is not there", GPA_MAP(gpn), 1, NO_MEMORY },
	{ "an empty extent", GPA_MAP(count), 0, CORRUPT },
	{ "one page too many", GPA_MAP(count), 4, NO_MEMORY },
	{ "no such right", GPA_MAP(rights), 8, CORRUPT },
	{ "writable, not readable", GPA_MAP(rights), 6, CORRUPT },
	{ "not ascending", GPA_MAP_1(gpn), 2, CORRUPT },
	{ "far from the target's pages", GPA_MAP_1(gpn) + 1, 1, NO_MEMORY },
	{ "out of reach", GPA_MAP(gpn) + 7, 1, CORRUPT },

	{ "reserved", EXTENT(rsvd), 1, CORRUPT },
	{ "a page without its turn", EXTENT(gpn), 1, CORRUPT },
	{ "out of reach", EXTENT(gpn) + 7, 1, CORRUPT },

	{ "another VP's number", VP(vp_index), 1, CORRUPT },
	{ "padding", VP(padding[0]), 1, CORRUPT },
	{ "no such VP", VP(vp_index), 64, CORRUPT },
	{ "far beyond", VP(vp_index) + 3, 0x80, CORRUPT },

	{ "RFLAGS without bit 1", VP_GP(rflags), 0, CORRUPT },
	{ "RIP is not canonical", VP_GP(rip) + 7, 0x40, CORRUPT },

	{ "CR0 above 32 bits", VP_CONTROL(cr0) + 7, 1, CORRUPT },
	{ "CR8 above 15", VP_CONTROL(cr8), 16, CORRUPT },

	{ "DR6 without its ones", VP_DEBUG(dr6), 0, CORRUPT },
	{ "DR7 without bit 10", VP_DEBUG(dr7) + 1, 0, CORRUPT },

	{ "reserved rights", VP_SEGMENT(seg[0].attributes) + 1, 0xff, CORRUPT },
	{ "CPL is not SS.DPL", VP_SEGMENT(cpl), 3, CORRUPT },
	{ "padding", VP_SEGMENT(padding[1]), 1, CORRUPT },

	{ "padding", VP_TABLE(idtr.pad[0]), 1, CORRUPT },
	{ "padding", VP_TABLE(idtr.pad[1]), 1, CORRUPT },
	{ "padding", VP_TABLE(idtr.pad[2]), 1, CORRUPT },
	{ "padding", VP_TABLE(gdtr.pad[0]), 1, CORRUPT },
	{ "IDTR is not canonical", VP_TABLE(idtr.base) + 7, 1, CORRUPT },

	{ "XCR0 without x87", VP_XSAVE_CONTROL(xcr0), 0, CORRUPT },
	{ "reserved", VP_XSAVE_CONTROL(rsvd[0]), 1, CORRUPT },

	{ "reserved", VP_MSRS(rsvd), 1, CORRUPT },
	{ "no such register", VP_MSRS(name) + 3, 7, OTHER_CPU },
	{ "RAX is no MSR", VP_MSRS(name) + 2, 2, OTHER_CPU },
	{ "EFER is in VP_CONTROL", VP_MSRS(name), 1, OTHER_CPU },

	{ "XSTATE_BV beyond XCR0", VP_XSAVE(xstate_bv) + 1, 0x80, CORRUPT },
	{ "XCOMP_BV: compacted", VP_XSAVE(xcomp_bv), 1, CORRUPT },
	{ "reserved, in the header", VP_XSAVE(rsvd[0]), 1, CORRUPT },

	{ "MXCSR bit 16", VP_FP(xmm_control_status[10]), 1, CORRUPT },

	{ "not suspended", VP_EVENTS(explicit_suspend), 0, CORRUPT },
	{ "no such bit", VP_EVENTS(intercept_suspend), 4, CORRUPT },
	{ "no such activity", VP_EVENTS(activity), 4, CORRUPT },
	{ "a kind without shadow", VP_EVENTS(interrupt_state), 4, CORRUPT },
	{ "type without event", VP_EVENTS(pending_interruption), 2, CORRUPT },
	{ "a reserved bit", VP_EVENTS(pending_debug) + 1, 0x20, CORRUPT },
	{ "neither 0 nor 1", VP_EVENTS(has_message), 2, CORRUPT },
	{ "the same with an NMI", VP_EVENTS(interrupt_state), 6, CORRUPT },
	{ "a PDPTE without PAE paging", VP_EVENTS(pdpte[0]), 1, CORRUPT },
	{ "the same, its last byte", VP_EVENTS(pdpte[3]) + 7, 1, CORRUPT },

	{ "a reserved bit of SCONTROL", VP_SYNIC(scontrol), 2, CORRUPT },
	{ "a reserved bit of SIEFP", VP_SYNIC(siefp), 2, CORRUPT },
	{ "SIEFP out of reach", VP_SYNIC(siefp) + 7, 1, CORRUPT },
	{ "a reserved bit of SIMP", VP_SYNIC(simp), 8, CORRUPT },
	{ "a reserved bit of SINT0", VP_SYNIC(sint[0]) + 3, 1, CORRUPT },
	{ "a reserved bit", VP_SYNIC(timer[0].config) + 3, 1, CORRUPT },
	{ "no such flag", VP_SYNIC(flags), 4, CORRUPT },
	{ "more than the queue has", VP_SYNIC(queued), 17, CORRUPT },

	{ "TPR is not CR8", VP_APIC(tpr), 0x10, CORRUPT },
	{ "TPR above a byte", VP_APIC(tpr) + 1, 1, CORRUPT },
	{ "LDR in x2APIC mode", VP_APIC(ldr), 1, CORRUPT },
	{ "DFR without its ones", VP_APIC(dfr), 0, CORRUPT },
	{ "a reserved bit of SVR", VP_APIC(svr) + 1, 2, CORRUPT },
	{ "vector 0 in service", VP_APIC(isr[0]), 1, CORRUPT },
	{ "vector 15 is level-triggered", VP_APIC(tmr[0]) + 1, 0x80, CORRUPT },
	{ "vector 2 requested", VP_APIC(irr[0]), 4, CORRUPT },
	{ "a reserved bit of ESR", VP_APIC(esr), 1, CORRUPT },
	{ "a reserved bit of ICR", VP_APIC(icr) + 1, 0x10, CORRUPT },
	{ "a reserved bit of an LVT", VP_APIC(lvt[0]) + 2, 8, CORRUPT },
	{ "a reserved bit of the divider", VP_APIC(divide), 4, CORRUPT },
	{ "a reserved bit of the page's MSR", VP_APIC(assist), 2, CORRUPT },
	{ "no such event", VP_APIC(events), 0x20, CORRUPT },
	{ "reserved", VP_APIC(rsvd[0]), 1, CORRUPT },

	{ "no such type", VP_MESSAGE(type), 7, CORRUPT },
	{ "longer than a message", VP_MESSAGE(payload_size), 241, CORRUPT },
	{ "a flag", VP_MESSAGE(flags), 1, CORRUPT },
	{ "reserved", VP_MESSAGE(rsvd), 1, CORRUPT },
};
/* clang-format on */

static void test_one_wrong_field(void **state)
{
	static struct forge good, f;
	u64 target = forged_begin(&good);

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(fields); i++) {
		struct vp *vp = guest_partition(target)->vps[0];
		struct vp_state before = *vp_state_read(vp);
		u32 result;

		f = good;
		forge_find(&f, fields[i].id, 0)->payload[fields[i].at] =
			fields[i].value;
		result = forged_restore(&f, target);
		if (result != fields[i].result)
			fail_msg("chunk %x, %s: %u, not %u", fields[i].id,
			         fields[i].what, result, fields[i].result);
		if (result != COMPLETE)
			assert_memory_equal(&vp->state, &before,
			                    sizeof(before));
	}
	assert_int_equal(forged_restore(&good, target), COMPLETE);
}

/* Who sent the stream reads in the log which register it was, whatever the field. */
static void test_the_log_names_the_register(void **state)
{
	static const struct {
		u32 id, at;
		u8 value;
		const char *name;
	} rows[] = {
		{ VP_GP(rflags), 0, "20011" },
		{ VP_GP(rip) + 7, 0x40, "20010" },
		{ VP_DEBUG(dr6), 0, "50004" },
		{ VP_DEBUG(dr7) + 1, 0, "50005" },
	};
	static struct forge good, f;
	u64 target = forged_begin(&good);

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u64 position = guest_log_end();
		char text[512], line[64];

		f = good;
		forge_find(&f, rows[i].id, 0)->payload[rows[i].at] =
			rows[i].value;
		assert_int_equal(forged_restore(&f, target), CORRUPT);
		text[log_read(&position, (u8 *)text, sizeof(text) - 1)] = 0;
		snprintf(line, sizeof(line),
		         "partition %u VP 0: not restored: register %s\n",
		         (u32)target, rows[i].name);
		assert_non_null(strstr(text, line));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_wrong_field),
		TEST(test_the_log_names_the_register),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
