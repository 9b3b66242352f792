/*
 * The files of a child of hvctl that is a Linux kernel: "vmlinuz", which is as little of
 * one as hvctl takes, and "initrd".
 */
#ifndef FAKE_LINUX_FILE_H
#define FAKE_LINUX_FILE_H

#include "include/types.h"

#define LINUX_FILE_CODE 1024u       /* where in the file its code begins */
#define LINUX_FILE_START (1u << 20) /* where in memory it wants to be */
#define LINUX_CREATE "create vmlinuz mem=4 initrd=initrd cmdline=console=ttyS0"

extern u8 linux_file[LINUX_FILE_CODE + 4096];

/* Bytes of its header, into linux_file alone: front_put makes the file anew. */
void linux_file_set(u32 at, u64 value, u32 bytes);

/* Of a test: the parent with both files; two MiB of kernel, and a page and a byte. */
int linux_file_setup(void **state);

#define assert_done(line) assert_int_equal(hvctl(line), HVCTL_DONE)
#define assert_ends(line, result) assert_int_equal(hvctl(line), result)

#endif
