/*
 * What hvctl regs shows: groups of tables of registers, each table with the way
 * it is printed.
 */
#ifndef STASIS_HVCTL_REGS_H
#define STASIS_HVCTL_REGS_H

#include "include/tlfs.h"

/* Most registers of one table. */
#define REGS_MAX 40

struct reg {
	const char *label;
	u32 name;
};

/* A register that this VP has, and what is in it. */
struct reg_value {
	const struct reg *reg;
	union hv_register_value value;
};

struct reg_table {
	const struct reg *list;
	u32 count;
	void (*print)(const struct reg_value *list, u32 count);
};

struct reg_group {
	const char *name;
	const char *headline;
	const struct reg_table *tables;
	u32 count;
};

/* All groups, in the order in which they are shown. */
const struct reg_group *regs_groups(u32 *count);

/* ---- Ways to print (regs_print.c); all keep within 80 columns ---- */

void regs_print_words(const struct reg_value *list, u32 count); /* 3 a row */
void regs_print_long_words(const struct reg_value *list,
                           u32 count);                           /* 2 a row */
void regs_print_halves(const struct reg_value *list, u32 count); /* 32 bits */
void regs_print_segments(const struct reg_value *list, u32 count);
void regs_print_tables(const struct reg_value *list, u32 count);
void regs_print_states(const struct reg_value *list, u32 count);
void regs_print_vectors(const struct reg_value *list, u32 count); /* one set */
void regs_print_x87(const struct reg_value *list, u32 count);
void regs_print_x87_control(const struct reg_value *list, u32 count);
void regs_print_mxcsr(const struct reg_value *list, u32 count);
void regs_print_xmm(const struct reg_value *list, u32 count);

#endif
