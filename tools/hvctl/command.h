/*
 * A command of hvctl: one row of the table in main.c, and how it sees its words.
 */
#ifndef STASIS_HVCTL_COMMAND_H
#define STASIS_HVCTL_COMMAND_H

#include "include/types.h"

#define HVCTL_WORDS 16 /* most that are looked at */

/* The words behind the command's name. */
struct args {
	u32 count;
	char **word;
};

/* How a command ended; a front turns it into what its shell knows. */
enum hvctl_result {
	HVCTL_DONE,
	HVCTL_ABORTED,
	HVCTL_NOT_FOUND, /* no such child */
	HVCTL_BAD_WORDS,
	HVCTL_NO_MEMORY,
	HVCTL_NOT_READY, /* the hypervisor is not running */
	HVCTL_REFUSED,   /* it does not let us call */
	HVCTL_TOO_LARGE, /* the image, for this child */
	HVCTL_FILE,      /* the front knows more */
	HVCTL_RESULTS
};

/* All of hvctl: the words of its command line, without its own name. */
enum hvctl_result hvctl_main(u32 count, char **words);

/* Handlers print what went wrong themselves; the result is for the shell. */
enum hvctl_result create_command(const struct args *args);
enum hvctl_result run_command(const struct args *args);
enum hvctl_result suspend_command(const struct args *args);
enum hvctl_result resume_command(const struct args *args);
enum hvctl_result save_command(const struct args *args);
enum hvctl_result restore_command(const struct args *args);
enum hvctl_result check_command(const struct args *args);
enum hvctl_result delete_command(const struct args *args);
enum hvctl_result list_command(const struct args *args);
enum hvctl_result regs_command(const struct args *args);
enum hvctl_result log_command(const struct args *args);
enum hvctl_result stats_command(const struct args *args);

/* Are two words the same, but for capital letters? */
bool args_same(const char *a, const char *b);

/* A whole word as a decimal number. */
bool args_number(const char *word, u64 *number);

/* True if one of the words is the flag. */
bool args_flag(const struct args *args, const char *flag);

/* The text behind "name=", NULL: no word begins so. */
const char *args_text(const struct args *args, const char *name);

/*
 * The number behind "name="; untouched where no word begins so. False, after a
 * line about it: the word is there, but is no number within the bounds.
 */
bool args_option(const struct args *args, const char *name, u64 lowest,
                 u64 highest, u64 *number);

#endif
