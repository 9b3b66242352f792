/*
 * The front of hvctl under UEFI: a command of the UEFI shell.
 */
#include <efi.h>
#include <efilib.h>

#include "parent/cpu.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/front.h"
#include "tools/hvctl/uefi/files.h"
#include "tools/hvctl/uefi/text.h"

#define WORD_BYTES 512u
#define LINE 128u /* letters that go to the console in one call */
#define ESC "\x1b"
#define CTRL_BRACKET "\x1d"
#define STALL_MICROSECONDS 20000

/* Ours alone: by it the next hvctl of this boot finds what this one has noted. */
static EFI_GUID book_guid = { 0x7f6c2b1a,
	                      0x95d3,
	                      0x4c4e,
	                      { 0xa1, 0x0f, 0x53, 0x74, 0x61, 0x73, 0x69,
	                        0x73 } };

/* UEFI's console wants a carriage return before each line feed. */
static void add_returns(const CHAR16 *from, CHAR16 *to)
{
	u32 length = 0;

	for (; *from; from++) {
		if (*from == '\n')
			to[length++] = '\r';
		to[length++] = *from;
	}
	to[length] = 0;
}

/*
 * A letter has no more UCS-2 units than bytes of UTF-8, so a piece as long as the
 * longest text of the core's (print.c) would fit; longer ones go in several.
 */
void front_text(const char *text)
{
	CHAR16 wide[LINE], line[2 * LINE];
	char piece[LINE];
	u32 length;

	while (*text) {
		for (length = 0; text[length] && length < LINE - 1; length++)
			piece[length] = text[length];
		/* Not between the bytes of a letter: those are 10xxxxxx. */
		while (text[length] && length > 1 &&
		       ((u8)text[length] & 0xc0) == 0x80)
			length--;
		piece[length] = 0;
		text += length;
		text_widen(piece, wide, LINE);
		add_returns(wide, line);
		ST->ConOut->OutputString(ST->ConOut, line);
	}
}

/* Keys without a letter, by their scan codes (UEFI 2.10, table 12.1), as a VT100 sends them. */
static const char *const scan_bytes[] = {
	[SCAN_UP] = ESC "[A",
	[SCAN_DOWN] = ESC "[B",
	[SCAN_RIGHT] = ESC "[C",
	[SCAN_LEFT] = ESC "[D",
	[SCAN_HOME] = ESC "[H",
	[SCAN_END] = ESC "[F",
	[SCAN_INSERT] = ESC "[2~",
	[SCAN_DELETE] = ESC "[3~",
	[SCAN_PAGE_UP] = ESC "[5~",
	[SCAN_PAGE_DOWN] = ESC "[6~",
	/* A keyboard of a PC has no Ctrl-] for UEFI, which knows Ctrl with letters alone. */
	[SCAN_F12] = CTRL_BRACKET,
	[SCAN_ESC] = ESC,
};

/* At most what the door promises; a letter of UTF-8 has four bytes. */
static u32 copy_key(const char *from, u8 *to)
{
	u32 count = 0;

	for (; from && from[count] && count < FRONT_KEY; count++)
		to[count] = (u8)from[count];
	return count;
}

u32 front_key(u8 bytes[FRONT_KEY])
{
	CHAR16 wide[2] = { 0, 0 };
	char text[FRONT_KEY];
	EFI_INPUT_KEY key;

	/* A key that has no bytes is as none: the next one comes with the next look. */
	if (EFI_ERROR(ST->ConIn->ReadKeyStroke(ST->ConIn, &key)))
		return 0;
	if (!key.UnicodeChar)
		return key.ScanCode < ARRAY_LEN(scan_bytes)
		               ? copy_key(scan_bytes[key.ScanCode], bytes)
		               : 0;
	/* A control character, or a letter of UCS-2. */
	wide[0] = key.UnicodeChar;
	text_narrow(wide, text, FRONT_KEY);
	return copy_key(text, bytes);
}

u64 front_ticks(void)
{
	/* The TSC is the one clock that costs no call of the firmware's. */
	return cpu_read_tsc();
}

u64 front_ticks_in_ms(void)
{
	u64 before = cpu_read_tsc();

	/* Once a boot (the book keeps it): 20 ms are good enough for a bar and a poll. */
	BS->Stall(STALL_MICROSECONDS);
	return (cpu_read_tsc() - before) / (STALL_MICROSECONDS / 1000);
}

bool front_time(struct rtc_time *now)
{
	EFI_TIME time;

	/* Its zone is left aside: a PC's clock is of whatever zone its systems like, and
	 * those of a child are to see what they would see here. */
	if (EFI_ERROR(RT->GetTime(&time, NULL)))
		return false;
	*now = (struct rtc_time){ .year = time.Year,
		                  .month = time.Month,
		                  .day = time.Day,
		                  .hour = time.Hour,
		                  .minute = time.Minute,
		                  .second = time.Second };
	return true;
}

void *front_allocate(u64 bytes)
{
	/* Of the pool, so for ourselves alone: what a child is given are whole
	 * pages of a type that no firmware takes back (transport_take). */
	return AllocatePool(bytes);
}

void front_free(void *memory)
{
	FreePool(memory);
}

void *front_find_book(void)
{
	void *found;

	if (EFI_ERROR(LibGetSystemConfigurationTable(&book_guid, &found)))
		return NULL;
	return found;
}

bool front_keep_book(void *book)
{
	/* The table outlives this program, and an operating system ignores it. */
	return !EFI_ERROR(BS->InstallConfigurationTable(&book_guid, book));
}

/*
 * The shell's words without its own name, as UTF-8. LoadOptions of a boot entry may
 * be empty, and then there are none.
 */
static u32 get_words(EFI_HANDLE image, char **words)
{
	static char text[HVCTL_WORDS][WORD_BYTES];
	CHAR16 **argv = NULL;
	INTN argc = GetShellArgcArgv(image, &argv);
	u32 count = 0;

	for (INTN i = 1; argv && i < argc && count < HVCTL_WORDS; i++) {
		text_narrow(argv[i], text[count], WORD_BYTES);
		words[count] = text[count];
		count++;
	}
	return count;
}

static const EFI_STATUS statuses[HVCTL_RESULTS] = {
	[HVCTL_DONE] = EFI_SUCCESS,
	[HVCTL_ABORTED] = EFI_ABORTED,
	[HVCTL_NOT_FOUND] = EFI_NOT_FOUND,
	[HVCTL_BAD_WORDS] = EFI_INVALID_PARAMETER,
	[HVCTL_NO_MEMORY] = EFI_OUT_OF_RESOURCES,
	[HVCTL_NOT_READY] = EFI_NOT_READY,
	[HVCTL_REFUSED] = EFI_DEVICE_ERROR,
	[HVCTL_TOO_LARGE] = EFI_BAD_BUFFER_SIZE,
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	char *words[HVCTL_WORDS];
	enum hvctl_result result;

	InitializeLib(image, table);
	files_init(image);
	result = hvctl_main(get_words(image, words), words);
	/* What the firmware said of a file is what the shell's script may ask for. */
	return result == HVCTL_FILE ? files_status() : statuses[result];
}
