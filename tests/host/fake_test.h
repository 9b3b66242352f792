/*
 * What every test program begins with.
 */
#ifndef FAKE_TEST_H
#define FAKE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/fake_guest.h"

/* A test in a world of its own. */
#define TEST(f) cmocka_unit_test_setup_teardown(f, guest_setup, fake_teardown)

#define assert_ok(status) assert_int_equal(status, HV_STATUS_SUCCESS)

#endif
