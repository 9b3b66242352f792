/*
 * Paths to volumes and files, through SimpleFileSystem: whole files, by the shell's
 * rules for paths (FS1:\dir\file, \dir\file, or relative to the shell's current
 * directory). Without a shell, paths count from the root of the volume that hvctl
 * came from.
 */
#include "tools/hvctl/uefi/files.h"

#include <efilib.h>
#include <efishell.h>

#include "tools/hvctl/front.h"
#include "tools/hvctl/uefi/text.h"

#define PATH_MAX 512
#define MAP_NAME_MAX 16

static EFI_GUID shell_guid = EFI_SHELL_PROTOCOL_GUID;
static EFI_GUID volume_guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
static EFI_GUID image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;

static EFI_SHELL_PROTOCOL *shell; /* null: started without one */
static EFI_HANDLE own_device;
/* The file that is being written. */
static EFI_FILE_HANDLE created;
static CHAR16 created_path[PATH_MAX];
static EFI_STATUS last_status; /* of the file that could not be used last */

void files_init(EFI_HANDLE image)
{
	EFI_LOADED_IMAGE *loaded;
	void *found;

	/* The volume that we came from: without a shell it is all the place that we know. */
	if (!EFI_ERROR(BS->HandleProtocol(image, &image_guid, &found))) {
		loaded = found;
		own_device = loaded->DeviceHandle;
	}
	/* Of the shell that started us; old shells have another protocol, and count as none. */
	if (!EFI_ERROR(BS->LocateProtocol(&shell_guid, NULL, &found)))
		shell = found;
}

/* Where "FS0:" of a path ends, 0 if it names no volume. */
static UINTN map_length(const CHAR16 *path)
{
	for (UINTN i = 0; path[i]; i++)
		if (path[i] == ':')
			return i + 1;
	return 0;
}

/* The device that a path with a volume's name is on. */
static EFI_HANDLE device_of_map(const CHAR16 *path, UINTN length)
{
	const EFI_DEVICE_PATH_PROTOCOL *map;
	EFI_DEVICE_PATH *walk;
	CHAR16 name[MAP_NAME_MAX];
	EFI_HANDLE device;

	/* Names such as FS0: are the shell's own: the firmware has no idea of them. */
	if (!shell || length >= MAP_NAME_MAX)
		return NULL;
	BS->CopyMem(name, (void *)(UINTN)path, length * sizeof(CHAR16));
	name[length] = 0;
	map = shell->GetDevicePathFromMap(name);
	if (!map)
		return NULL;
	walk = (EFI_DEVICE_PATH *)(UINTN)map;
	/* The longest part of the path that has a file system: the partition itself. */
	if (EFI_ERROR(BS->LocateDevicePath(&volume_guid, &walk, &device)))
		return NULL;
	return device;
}

/*
 * Makes a path whole: volume:\directory\file. The shell's current directory is
 * what a path without a volume, or without a leading backslash, begins with.
 */
static void complete(const CHAR16 *path, CHAR16 *whole)
{
	const CHAR16 *here = NULL;
	UINTN length;

	*whole = 0;
	if (shell && map_length(path) == 0)
		here = shell->GetCurDir(NULL);
	/* What does not fit stays as it was given, and will not be found: no half of a path is. */
	if (here && StrLen(here) + StrLen(path) + 2 < PATH_MAX) {
		StrCpy(whole, here);
		if (path[0] == '\\')
			whole[map_length(here)] = 0;
		length = StrLen(whole);
		if (path[0] != '\\' && length && whole[length - 1] != '\\')
			StrCat(whole, L"\\");
	}
	if (StrLen(whole) + StrLen(path) < PATH_MAX)
		StrCat(whole, path);
	/* The shell takes either slash, a file system only the one. */
	for (; *whole; whole++)
		if (*whole == '/')
			*whole = '\\';
}

static EFI_STATUS open_file(const CHAR16 *path, u64 mode, EFI_FILE_HANDLE *file)
{
	EFI_FILE_IO_INTERFACE *volume;
	EFI_HANDLE device = own_device;
	CHAR16 whole[PATH_MAX];
	EFI_FILE_HANDLE root;
	EFI_STATUS status;
	UINTN map;
	void *found;

	complete(path, whole);
	map = map_length(whole);
	if (map)
		device = device_of_map(whole, map);
	if (!device)
		return EFI_NO_MAPPING;
	status = BS->HandleProtocol(device, &volume_guid, &found);
	if (EFI_ERROR(status))
		return status;
	volume = found;
	status = volume->OpenVolume(volume, &root);
	if (EFI_ERROR(status))
		return status;
	status = root->Open(root, file, whole + map, mode, 0);
	/* The file stays open without it. */
	root->Close(root);
	return status;
}

/* The size, by going to the end: saves us the EFI_FILE_INFO of any length. */
static EFI_STATUS file_size(EFI_FILE_HANDLE file, u64 *size)
{
	/* UEFI 2.10, 13.5.11: this position is the end of the file. */
	EFI_STATUS status = file->SetPosition(file, ~0ull);

	if (!EFI_ERROR(status))
		status = file->GetPosition(file, size);
	if (!EFI_ERROR(status))
		status = file->SetPosition(file, 0);
	return status;
}

/* False, after a line about it. */
static bool report(const CHAR16 *what, const CHAR16 *path, EFI_STATUS status)
{
	Print(L"hvctl: cannot %s %s: %r\n", what, path, status);
	last_status = status;
	return false;
}

EFI_STATUS files_status(void)
{
	return last_status;
}

/* One byte more than there is: an empty file has an address too. */
static EFI_STATUS read_all(EFI_FILE_HANDLE file, u8 **data, u64 *size)
{
	EFI_STATUS status = file_size(file, size);
	UINTN count = *size;

	if (EFI_ERROR(status))
		return status;
	*data = AllocatePool(*size + 1);
	if (!*data)
		return EFI_OUT_OF_RESOURCES;
	status = file->Read(file, &count, *data);
	*size = count;
	if (EFI_ERROR(status))
		FreePool(*data);
	return status;
}

bool front_read_file(const char *path, u8 **data, u64 *size)
{
	CHAR16 wide[PATH_MAX];
	EFI_FILE_HANDLE file;
	EFI_STATUS status;

	text_widen(path, wide, PATH_MAX);
	status = open_file(wide, EFI_FILE_MODE_READ, &file);
	if (EFI_ERROR(status))
		return report(L"open", wide, status);
	status = read_all(file, data, size);
	file->Close(file);
	return EFI_ERROR(status) ? report(L"read", wide, status) : true;
}

/* Opened to write, an old file keeps its length: it has to go. */
bool front_create_file(const char *path)
{
	const u64 mode = EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE;
	EFI_STATUS status;

	text_widen(path, created_path, PATH_MAX);
	if (!EFI_ERROR(open_file(created_path, mode, &created)))
		created->Delete(created);
	status = open_file(created_path, mode | EFI_FILE_MODE_CREATE, &created);
	return EFI_ERROR(status) ? report(L"create", created_path, status)
	                         : true;
}

bool front_write_file(const u8 *data, u64 size)
{
	UINTN count = size;
	EFI_STATUS status =
		created->Write(created, &count, (void *)(UINTN)data);

	if (!EFI_ERROR(status) && count == size)
		return true;
	/* Below the bar that stands there without an end of its line. */
	Print(L"\n");
	return report(L"write", created_path,
	              EFI_ERROR(status) ? status : EFI_VOLUME_FULL);
}

void front_end_file(bool keep)
{
	if (keep)
		created->Close(created);
	else
		created->Delete(created);
}
