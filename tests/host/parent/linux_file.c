#include "tests/host/parent/linux_file.h"

#include "tests/host/parent/fake.h"

u8 linux_file[LINUX_FILE_CODE + 4096];

void linux_file_set(u32 at, u64 value, u32 bytes)
{
	memcpy(linux_file + at, &value, bytes);
}

int linux_file_setup(void **state)
{
	/* Offsets are those of Linux' boot protocol (boot.rst, "The Real-Mode Kernel Header"). */
	static const struct {
		u32 at, bytes;
		u64 value;
	} header[] = {
		{ 0x1f1, 1, 1 },          /* setup_sects */
		{ 0x1f4, 4, 256 },        /* syssize, in 16 bytes */
		{ 0x1fe, 2, 0xaa55 },     /* boot_flag */
		{ 0x200, 2, 0x6aeb },     /* jump */
		{ 0x202, 4, 0x53726448 }, /* "HdrS" */
		{ 0x206, 2, 0x20f },      /* version */
		{ 0x211, 1, 1 },          /* loadflags: LOADED_HIGH */
		{ 0x22c, 4, 0x7fffffff }, /* initrd_addr_max */
		{ 0x238, 4, 20 },         /* cmdline_size */
		{ 0x258, 8, LINUX_FILE_START },
		{ 0x260, 4, 2 * LINUX_FILE_START }, /* init_size */
	};
	static u8 initrd[4097];
	int result = parent_setup(state);

	memset(linux_file, 0x90, sizeof(linux_file));
	for (u32 i = 0; i < ARRAY_LEN(header); i++)
		linux_file_set(header[i].at, header[i].value, header[i].bytes);
	front_put("vmlinuz", linux_file, sizeof(linux_file));
	front_put("initrd", initrd, sizeof(initrd));
	return result;
}
