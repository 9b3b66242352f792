/*
 * Paths to volumes and files, through SimpleFileSystem.
 */
#include "tools/hvctl/files.h"

#include <efilib.h>
#include <efishell.h>

#include "tools/hvctl/report.h"

#define PATH_MAX 512
#define MAP_NAME_MAX 16

static EFI_GUID shell_guid = EFI_SHELL_PROTOCOL_GUID;
static EFI_GUID volume_guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
static EFI_GUID image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;

static EFI_SHELL_PROTOCOL *shell; /* null: started without one */
static EFI_HANDLE own_device;

void files_init(EFI_HANDLE image)
{
	EFI_LOADED_IMAGE *loaded;
	void *found;

	if (!EFI_ERROR(BS->HandleProtocol(image, &image_guid, &found))) {
		loaded = found;
		own_device = loaded->DeviceHandle;
	}
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

	if (!shell || length >= MAP_NAME_MAX)
		return NULL;
	BS->CopyMem(name, (void *)(UINTN)path, length * sizeof(CHAR16));
	name[length] = 0;
	map = shell->GetDevicePathFromMap(name);
	if (!map)
		return NULL;
	walk = (EFI_DEVICE_PATH *)(UINTN)map;
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
	root->Close(root);
	return status;
}

/* The size, by going to the end: saves us the EFI_FILE_INFO of any length. */
static EFI_STATUS file_size(EFI_FILE_HANDLE file, u64 *size)
{
	EFI_STATUS status = file->SetPosition(file, ~0ull);

	if (!EFI_ERROR(status))
		status = file->GetPosition(file, size);
	if (!EFI_ERROR(status))
		status = file->SetPosition(file, 0);
	return status;
}

EFI_STATUS files_read(const CHAR16 *path, u8 **data, u64 *size)
{
	EFI_FILE_HANDLE file;
	EFI_STATUS status = open_file(path, EFI_FILE_MODE_READ, &file);
	UINTN count;

	if (EFI_ERROR(status))
		return report_file("open", path, status);
	status = file_size(file, size);
	*data = NULL;
	if (!EFI_ERROR(status)) {
		*data = AllocatePool(*size + 1);
		count = *size;
		status = *data ? file->Read(file, &count, *data)
		               : EFI_OUT_OF_RESOURCES;
		*size = count;
	}
	file->Close(file);
	if (!EFI_ERROR(status))
		return status;
	if (*data)
		FreePool(*data);
	return report_file("read", path, status);
}

EFI_STATUS files_create(const CHAR16 *path, EFI_FILE_HANDLE *file)
{
	const u64 mode = EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE;
	EFI_STATUS status;

	if (!EFI_ERROR(open_file(path, mode, file)))
		(*file)->Delete(*file);
	status = open_file(path, mode | EFI_FILE_MODE_CREATE, file);
	if (EFI_ERROR(status))
		return report_file("create", path, status);
	return status;
}
