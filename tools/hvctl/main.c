/*
 * hvctl: a parent of child partitions, as a command of the UEFI shell. The
 * table below is all that it can do.
 */
#include <efi.h>
#include <efilib.h>

#include "parent/supply.h"
#include "tools/hvctl/book.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/files.h"

#define WORDS_MAX 16

static EFI_STATUS help_command(const struct args *args);

static const struct command {
	const CHAR16 *name;
	const CHAR16 *args;
	u32 min_args;
	u32 max_args;
	bool offline; /* needs no hypervisor */
	EFI_STATUS (*run)(const struct args *args);
	const CHAR16 *help;
} commands[] = {
	{ L"create", L"IMAGE [mem=MiB] [vps=N]", 1, 3, false, create_command,
	  L"a child whose VP 0 starts the flat IMAGE, at 1000:0000 in real "
	  L"mode" },
	{ L"run", L"ID [for=CHARS] [quiet]", 1, 3, false, run_command,
	  L"let it run and show what it prints; q or Ctrl-C suspends it" },
	{ L"suspend", L"ID", 1, 1, false, suspend_command,
	  L"stop a child between two instructions" },
	{ L"resume", L"ID", 1, 1, false, resume_command,
	  L"let a child go on in the background" },
	{ L"save", L"ID FILE", 2, 2, false, save_command,
	  L"write all of a suspended child to FILE" },
	{ L"restore", L"FILE [piece=BYTES] [into=ID]", 1, 3, false,
	  restore_command,
	  L"a new child from FILE, suspended where it was saved; or into ID" },
	{ L"check", L"FILE [ID]", 1, 2, false, check_command,
	  L"may FILE be restored on this machine, and into child ID?" },
	{ L"delete", L"ID", 1, 1, false, delete_command,
	  L"end a child and free all it has" },
	{ L"list", L"", 0, 0, false, list_command,
	  L"children, and the page pools of all partitions" },
	{ L"regs", L"ID [VP] [GROUP]", 1, 3, false, regs_command,
	  L"registers of a VP (VP 0): core, msrs, apic, synic, fp, or all" },
	{ L"log", L"", 0, 0, false, log_command, L"the hypervisor's log" },
	{ L"help", L"[COMMAND]", 0, 1, true, help_command, L"this list" },
};

static const struct command *find(const CHAR16 *name)
{
	for (u32 i = 0; i < ARRAY_LEN(commands); i++)
		if (StriCmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void print_command(const struct command *c)
{
	Print(L"  hvctl %s %s\n      %s\n", c->name, c->args, c->help);
}

static EFI_STATUS help_command(const struct args *args)
{
	const struct command *one = NULL;

	if (args->count)
		one = find(args->word[0]);
	if (one) {
		print_command(one);
		return EFI_SUCCESS;
	}
	for (u32 i = 0; i < ARRAY_LEN(commands); i++)
		print_command(&commands[i]);
	return EFI_SUCCESS;
}

/*
 * The shell's words, its own name first. A copy, since LoadOptions of a boot
 * entry may be empty, and then there are none.
 */
static u32 get_words(EFI_HANDLE image, CHAR16 **words)
{
	CHAR16 **argv = NULL;
	INTN argc = GetShellArgcArgv(image, &argv);
	u32 count = 0;

	for (INTN i = 1; argv && i < argc && count < WORDS_MAX; i++)
		words[count++] = argv[i];
	return count;
}

static EFI_STATUS run_words(u32 count, CHAR16 **words)
{
	struct args args = { .count = count - 1, .word = words + 1 };
	const struct command *c = find(words[0]);
	EFI_STATUS status;

	if (!c) {
		Print(L"hvctl: there is no command %s\n  try: hvctl help\n",
		      words[0]);
		return EFI_INVALID_PARAMETER;
	}
	if (args.count < c->min_args || args.count > c->max_args) {
		Print(L"hvctl: use it so:\n");
		print_command(c);
		return EFI_INVALID_PARAMETER;
	}
	if (!c->offline) {
		status = book_open();
		if (EFI_ERROR(status))
			return status;
	}
	return c->run(&args);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	CHAR16 *words[WORDS_MAX];
	struct args none = { 0, NULL };
	EFI_STATUS status;
	u32 count;

	InitializeLib(image, table);
	files_init(image);
	count = get_words(image, words);
	if (count == 0) {
		help_command(&none);
		return EFI_INVALID_PARAMETER;
	}
	status = run_words(count, words);
	supply_end();
	return status;
}
