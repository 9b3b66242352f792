/*
 * hvctl: a parent of child partitions, as a command of a shell. The table below is
 * all that it can do.
 */

#include "lib/crc32c.h"
#include "parent/supply.h"
#include "parent/transport.h"
#include "tools/hvctl/book.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/print.h"

static enum hvctl_result help_command(const struct args *args);

static const struct command {
	const char *name;
	const char *args;
	u32 min_args;
	u32 max_args;
	bool offline; /* needs no hypervisor */
	enum hvctl_result (*run)(const struct args *args);
	const char *help;
} commands[] = {
	{ "create", "IMAGE [mem=MiB] [vps=N] [initrd=FILE] [cmdline=\"WORDS\"]",
	  1, 5, false, create_command,
	  "a child that starts IMAGE: a Linux kernel (bzImage), or flat, at "
	  "1000:0000 in real mode" },
	{ "run", "ID [for=CHARS] [ms=MS] [log=FILE] [quiet]", 1, 5, false,
	  run_command,
	  "let it run, show what it prints, and type to it; Ctrl-] or F12 "
	  "suspends it" },
	{ "suspend", "ID", 1, 1, false, suspend_command,
	  "stop a child between two instructions" },
	{ "resume", "ID", 1, 1, false, resume_command,
	  "let a child go on in the background" },
	{ "save", "ID FILE [state]", 2, 3, false, save_command,
	  "write all of a suspended child to FILE; state: but for its memory" },
	{ "restore", "FILE [piece=BYTES] [into=ID]", 1, 3, false,
	  restore_command,
	  "a new child from FILE, suspended where it was saved; or into ID" },
	{ "check", "FILE [ID]", 1, 2, false, check_command,
	  "may FILE be restored on this machine, and into child ID?" },
	{ "delete", "ID", 1, 1, false, delete_command,
	  "end a child and free all it has" },
	{ "list", "", 0, 0, false, list_command,
	  "children, and the page pools of all partitions" },
	{ "regs", "ID [VP] [GROUP]", 1, 3, false, regs_command,
	  "registers of a VP (VP 0): core, msrs, apic, synic, fp, or all" },
	{ "log", "", 0, 0, false, log_command, "the hypervisor's log" },
	{ "stats", "", 0, 0, false, stats_command,
	  "hypercalls by code and VM exits by reason: how many, how long" },
	{ "help", "[COMMAND]", 0, 1, true, help_command, "this list" },
};

static const struct command *find(const char *name)
{
	for (u32 i = 0; i < ARRAY_LEN(commands); i++)
		/* The table is in the order of help; thirteen rows want no better search. */
		if (args_same(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void print_command(const struct command *c)
{
	print("  hvctl %s %s\n      %s\n", c->name, c->args, c->help);
}

static enum hvctl_result help_command(const struct args *args)
{
	const struct command *one = NULL;

	/* A name that is none gets the whole list, where the right one will be. */
	if (args->count)
		one = find(args->word[0]);
	if (one) {
		print_command(one);
		return HVCTL_DONE;
	}
	for (u32 i = 0; i < ARRAY_LEN(commands); i++)
		print_command(&commands[i]);
	return HVCTL_DONE;
}

static enum hvctl_result run_words(u32 count, char **words)
{
	struct args args = { .count = count - 1, .word = words + 1 };
	const struct command *c = find(words[0]);
	enum hvctl_result result;

	if (!c) {
		print("hvctl: there is no command %s\n  try: hvctl help\n",
		      words[0]);
		return HVCTL_BAD_WORDS;
	}
	/* What stands behind the words that a command knows is a slip: say so, and do nothing. */
	if (args.count < c->min_args || args.count > c->max_args) {
		print("hvctl: use it so:\n");
		print_command(c);
		return HVCTL_BAD_WORDS;
	}
	/* hvctl ends with each command: what it has to know comes out of the book every time. */
	if (!c->offline) {
		result = book_open();
		if (result != HVCTL_DONE)
			return result;
		/* Only here: that there is EPT says that there is CRC32. */
		crc32c_init();
	}
	return c->run(&args);
}

enum hvctl_result hvctl_main(u32 count, char **words)
{
	struct args none = { 0, NULL };
	enum hvctl_result result;

	/* As most tools: no words, the list, and a failure, since nothing was done. */
	if (count == 0) {
		help_command(&none);
		return HVCTL_BAD_WORDS;
	}
	result = run_words(count, words);
	/* Also when a command has failed: what the hypervisor refused must not stay with us. */
	supply_end();
	transport_close();
	return result;
}
