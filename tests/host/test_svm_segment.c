/*
 * arch/x86_64/svm/segment.c: what a processor leaves of access rights makes a state that
 * obeys the rules of an entry.
 */
#include "arch/x86_64/svm/segment.h"
#include "hv/vp/vp_state.h"
#include "include/x86.h"
#include "tests/host/fixture/test.h"

static const struct {
	const char *what;
	u32 index, rights, limit;
	u8 cpl;
	bool v86;
	u32 wanted;
} rows[] = {
	{ "as it was loaded", VP_CS, 0xa09b, 0xffffffff, 0, false, 0xa09b },
	{ "CS without G", VP_CS, 0x209b, 0xffffffff, 0, false, 0xa09b },
	{ "CS without P", VP_CS, 0xa01b, 0xffffffff, 0, false, 0xa09b },
	{ "code of 64 KiB", VP_CS, 0x009b, 0xffff, 0, false, 0x009b },
	{ "a limit of pages that is small", VP_DS, 0xc093, 0xfff, 0, false,
	  0xc093 },
	{ "data that was not marked", VP_DS, 0xc092, 0xffffffff, 0, false,
	  0xc093 },
	{ "its DPL is its own", VP_ES, 0xc0f3, 0xffffffff, 0, false, 0xc0f3 },
	{ "a null segment", VP_FS, 0, 0xffffffff, 3, false, 0 },
	{ "a null segment with D", VP_GS, 0x4000, 0, 0, false, 0x4000 },
	{ "a null SS has the CPL", VP_SS, 0, 0, 3, false, 0x60 },
	{ "SS that SYSRET left as it was", VP_SS, 0xc093, 0xffffffff, 3, false,
	  0xc0f3 },
	{ "a TSS that is not busy", VP_TR, 0x89, 0x67, 0, false, 0x8b },
	{ "a 16-bit one", VP_TR, 0x01, 0x2b, 3, false, 0x83 },
	{ "an LDT has no such mark", VP_LDTR, 0x82, 0xffff, 0, false, 0x82 },
	{ "a null LDTR", VP_LDTR, 0, 0, 0, false, 0 },
	{ "virtual-8086 mode", VP_SS, 0xc093, 0xffff, 3, true, 0xf3 },
	{ "and CS there", VP_CS, 0, 0xffff, 3, true, 0xf3 },
	{ "but not TR", VP_TR, 0x8b, 0x67, 3, true, 0x8b },
};

static void test_rights(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		const struct vmcb_segment s = {
			.attributes = vmcb_attributes(rows[i].rights),
			.limit = rows[i].limit,
		};
		u16 got = segment_rights(&s, rows[i].index, rows[i].cpl,
		                         rows[i].v86);

		if (got != rows[i].wanted)
			fail_msg("%s: %x, not %x", rows[i].what, got,
			         rows[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
