/*
 * Verdicts. A scenario is a table of cases; a case is a function that checks
 * things. The first check of a case that fails is its verdict, with values;
 * a case that checks nothing has failed too.
 */
#ifndef GUEST_TEST_H
#define GUEST_TEST_H

#include <efi.h>

#include "include/tlfs.h"

struct test_case {
	const char *name;
	void (*run)(void);
};

/* Runs a scenario: all that efi_main of a test program does. */
EFI_STATUS test_run(EFI_HANDLE image, EFI_SYSTEM_TABLE *table,
                    const char *scenario, const struct test_case *cases,
                    u32 count);

/* What the macros call. All answer whether the check held. */
bool test_check(bool holds, const char *what, const char *file, u32 line);
bool test_check_equal(u64 got, u64 want, const char *what, const char *file,
                      u32 line);
bool test_check_status(u32 got, u32 want, const char *what, const char *file,
                       u32 line);

/* Of so many rounds those that this run is to do: part=N of the shell's, one in N. */
u32 test_part(u32 rounds);

/* Ends the case with SKIP unless something failed; the case then returns. */
void test_skip(const char *why);

/* Says in a later failure which round or row it was; null: none. */
void test_context(const char *what, u64 number);

/* Has a check of this case failed? */
bool test_failed(void);

#define EXPECT(cond) test_check((cond), #cond, __FILE__, __LINE__)
#define EXPECT_EQUAL(got, want) \
	test_check_equal((u64)(got), (u64)(want), #got, __FILE__, __LINE__)
#define EXPECT_STATUS(got, want) \
	test_check_status((got), (want), #got, __FILE__, __LINE__)
#define EXPECT_SUCCESS(got) EXPECT_STATUS(got, HV_STATUS_SUCCESS)

/* The rest of the case makes no sense without it. */
#define MUST(expectation)           \
	do {                        \
		if (!(expectation)) \
			return;     \
	} while (0)

/* The pages that hypercalls and messages use; set up again by test_connect. */
u64 test_hypercall_page(void);
u64 test_sim_page(void);
bool test_connect(void);

#endif
