/*
 * The scenario "intercepts": what all messages of children in long mode have in common.
 */
#ifndef GUEST_INTERCEPTS_H
#define GUEST_INTERCEPTS_H

#include "tests/guest/lib/child.h"

#define PAGES 8
#define PORT 0x80
#define MARK 0x3000 /* where children leave a word */
#define READ HV_INTERCEPT_ACCESS_READ
#define WRITE HV_INTERCEPT_ACCESS_WRITE
#define EXECUTE HV_INTERCEPT_ACCESS_EXECUTE

/* A child at CHILD_CODE in long mode. */
bool intercepts_create(struct child *c, const void *code, u64 size);

/* The word that it left. */
u32 intercepts_mark(const struct child *c);

/* It runs until it halts. */
bool intercepts_halts(const struct child *c);

/* The last message: its type, the size of its payload, and zeros behind that. */
void intercepts_check_message(const struct child *c, u32 type, u32 size);

/* Of a child in long mode. length 0: the processor may know it or not. */
void intercepts_check_header(const struct hv_intercept_header *h, u32 length,
                             u32 access, u64 rip);

bool intercepts_all_zero(const void *bytes, u64 size);

/* The cases: the table of intercepts.c says what each shows. */

/* ports.c */
void intercepts_io_messages(void);
void intercepts_io_string(void);
void intercepts_io_string_to_nobody(void);
void intercepts_io_rights_and_widths(void);

/* instructions.c */
void intercepts_cpuid_message(void);
void intercepts_cpuid_of_one_leaf(void);
void intercepts_msr_messages(void);
void intercepts_exception_messages(void);
void intercepts_exception_of_an_emulation(void);

/* memory.c */
void intercepts_unmapped_gpa(void);
void intercepts_gpa_rights(void);

/* device.c */
void intercepts_device_long(void);
void intercepts_device_elsewhere(void);

/* ends.c */
void intercepts_triple_fault(void);
void intercepts_impossible_registers(void);
void intercepts_task_switch(void);
void intercepts_halt_waits(void);
void intercepts_halt_ends_by_interrupt(void);

#endif
