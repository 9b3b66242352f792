/*
 * arch/x86_64/vmx and svm, hypercall_code.h: a guest calls this page by address, so its
 * bytes are a contract: the vendor's instruction, a return, and nothing to run into.
 */
#include "arch/x86_64/svm/hypercall_code.h"
#include "arch/x86_64/vmx/hypercall_code.h"
#include "tests/host/fixture/test.h"

#define INT3 0xcc

static void assert_page(const u8 *page, const u8 call[4])
{
	/* Nothing of the page's neighbours is behind it. */
	assert_int_equal((uintptr_t)page % PAGE_SIZE, 0);
	assert_memory_equal(page, call, 4);
	for (u32 i = 4; i < PAGE_SIZE; i++)
		assert_int_equal(page[i], INT3);
}

/* SDM volume 2, VMCALL and RET (near). */
static void test_vmx(void **state)
{
	static const u8 vmcall[] = { 0x0f, 0x01, 0xc1, 0xc3 };

	(void)state;
	assert_page(vmx_hypercall_code, vmcall);
}

/* APM volume 3, VMMCALL: on an AMD processor VMCALL is #UD. */
static void test_svm(void **state)
{
	static const u8 vmmcall[] = { 0x0f, 0x01, 0xd9, 0xc3 };

	(void)state;
	assert_page(svm_hypercall_code, vmmcall);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vmx),
		cmocka_unit_test(test_svm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
