/*
 * A command of hvctl: one row of the table in main.c, and how it sees its words.
 */
#ifndef STASIS_HVCTL_COMMAND_H
#define STASIS_HVCTL_COMMAND_H

#include <efi.h>

#include "include/types.h"

/* The words behind the command's name. */
struct args {
	u32 count;
	CHAR16 **word;
};

/* Handlers print what went wrong themselves; the status goes to the shell. */
EFI_STATUS create_command(const struct args *args);
EFI_STATUS run_command(const struct args *args);
EFI_STATUS suspend_command(const struct args *args);
EFI_STATUS resume_command(const struct args *args);
EFI_STATUS save_command(const struct args *args);
EFI_STATUS restore_command(const struct args *args);
EFI_STATUS check_command(const struct args *args);
EFI_STATUS delete_command(const struct args *args);
EFI_STATUS list_command(const struct args *args);
EFI_STATUS regs_command(const struct args *args);
EFI_STATUS log_command(const struct args *args);

/* A whole word as a decimal number. */
bool args_number(const CHAR16 *word, u64 *number);

/* True if one of the words is the flag. */
bool args_flag(const struct args *args, const CHAR16 *flag);

/*
 * The number behind "name="; untouched where no word begins so. False, after a
 * line about it: the word is there, but is no number within the bounds.
 */
bool args_option(const struct args *args, const CHAR16 *name, u64 lowest,
                 u64 highest, u64 *number);

#endif
