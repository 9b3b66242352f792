/*
 * What the shell gave a program. The text may be missing, and need not end in
 * a zero: its size bounds it.
 */
#include "tests/guest/lib/arguments.h"

#include <efilib.h>

struct text {
	const CHAR16 *at;
	u64 length;
};

static struct text command_line(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	EFI_GUID guid = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *loaded = NULL;

	table->BootServices->HandleProtocol(image, &guid, (void **)&loaded);
	if (!loaded || !loaded->LoadOptions)
		return (struct text){ NULL, 0 };
	return (struct text){ loaded->LoadOptions,
		              loaded->LoadOptionsSize / sizeof(CHAR16) };
}

/* Behind the name and its "="; 0: this is not it. */
static u64 skip_name(struct text t, u64 at, const char *name)
{
	for (; *name; name++, at++)
		if (at >= t.length || t.at[at] != (CHAR16)*name)
			return 0;
	return at < t.length && t.at[at] == L'=' ? at + 1 : 0;
}

static u64 number(struct text t, u64 at)
{
	u64 value = 0;

	for (; at < t.length && t.at[at] >= L'0' && t.at[at] <= L'9'; at++)
		value = value * 10 + (u64)(t.at[at] - L'0');
	return value;
}

u64 arguments_number(EFI_HANDLE image, EFI_SYSTEM_TABLE *table,
                     const char *name, u64 otherwise)
{
	struct text t = command_line(image, table);

	for (u64 i = 1; i < t.length; i++) {
		u64 at = skip_name(t, i, name);

		if (at && t.at[i - 1] == L' ')
			return number(t, at);
	}
	return otherwise;
}
