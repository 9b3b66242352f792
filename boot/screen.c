/*
 * Finds a framebuffer by EFI_GRAPHICS_OUTPUT_PROTOCOL. The console's own
 * instance may join several screens and then has none: all are looked at.
 */
#include "boot/screen.h"

#include <efi.h>
#include <efilib.h>

#define WHITE_8_BIT 0x00ffffffu /* whatever the order of the colours */

/* The value of a white pixel; 0: not a format that we can write. */
static u32 screen_white(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info)
{
	const EFI_PIXEL_BITMASK *masks = &info->PixelInformation;
	u32 colours = masks->RedMask | masks->GreenMask | masks->BlueMask;

	if (info->PixelFormat == PixelRedGreenBlueReserved8BitPerColor ||
	    info->PixelFormat == PixelBlueGreenRedReserved8BitPerColor)
		return WHITE_8_BIT;
	/* Only the masks say how many bits a pixel has. */
	/* Pixels of 24 or 16 bits are not written: the hypervisor stores words of 32. */
	if (info->PixelFormat == PixelBitMask &&
	    (colours | masks->ReservedMask) >> 24)
		return colours;
	return 0;
}

static bool screen_take(const EFI_GRAPHICS_OUTPUT_PROTOCOL *gop,
                        const struct memory_map *map,
                        struct handoff_screen *screen)
{
	const EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE *mode = gop->Mode;
	const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info;

	/* A screen that can only be written by a call (Blt) has no address. */
	if (!mode || !mode->Info || !mode->FrameBufferBase)
		return false;
	info = mode->Info;
	*screen = (struct handoff_screen){
		.base = mode->FrameBufferBase,
		.width = info->HorizontalResolution,
		.height = info->VerticalResolution,
		.pitch = info->PixelsPerScanLine,
		.white = screen_white(info),
	};
	screen->size = (u64)screen->pitch * screen->height * sizeof(u32);
	/*
	 * All of it comes from firmware, and the hypervisor writes there when it has to trust
	 * nothing any more: within its own bounds, and not over RAM.
	 */
	return screen->white && screen->size &&
	       screen->pitch >= screen->width &&
	       screen->size <= mode->FrameBufferSize &&
	       !memory_map_has(map, screen->base, screen->size);
}

void screen_find(const struct memory_map *map, struct handoff_screen *screen)
{
	EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
	EFI_HANDLE *handles;
	UINTN count;
	bool found = false;

	if (!EFI_ERROR(BS->LocateHandleBuffer(ByProtocol, &guid, NULL, &count,
	                                      &handles))) {
		/* The first that has a framebuffer: the firmware's own console comes first. */
		for (UINTN i = 0; i < count && !found; i++)
			found = !EFI_ERROR(BS->HandleProtocol(handles[i], &guid,
			                                      (void **)&gop)) &&
			        screen_take(gop, map, screen);
		BS->FreePool(handles);
	}
	/* screen_take may have filled in what it did not accept. */
	if (!found)
		*screen = (struct handoff_screen){ .base = 0 };
}
