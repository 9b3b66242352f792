/*
 * A framebuffer for Bochs, offered as firmware offers one: OVMF's driver for
 * this display reaches its registers by a port that Bochs does not have. Not a
 * scenario: test_stop.py runs it before Stasis.
 */
#include <efi.h>
#include <efilib.h>

#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/serial.h"

/* Bochs' VBE extension: an index, then its register, 16 bits each. */
#define VBE_INDEX 0x1ce
#define VBE_DATA 0x1cf
#define VBE_ID 0
#define VBE_WIDTH 1
#define VBE_HEIGHT 2
#define VBE_BITS 3
#define VBE_ENABLE 4
#define VBE_ID_ANY 0xb0c0 /* the last digit is a version */
#define VBE_LINEAR 0x41   /* on, with a linear framebuffer */
#define FRAMEBUFFER 0xe0000000ull

/* VGA: what lets the picture through, and the palette. */
#define VGA_ATTRIBUTES 0x3c0
#define VGA_ATTRIBUTES_SHOW 0x20
#define VGA_ENABLE 0x3c3
#define VGA_SEQUENCER 0x3c4
#define VGA_SEQUENCER_RUN 3
#define VGA_PALETTE_MASK 0x3c6
#define VGA_PALETTE_INDEX 0x3c8
#define VGA_PALETTE_DATA 0x3c9
#define VGA_STATUS 0x3da /* a read makes the next write of 3C0H an index */

/*
 * Bochs' RFB shows no more than this, and no more than 8 bits a pixel. A pixel
 * of 32 bits is four of those, side by side, and as wide.
 */
#define BYTES_WIDE 720
#define WIDTH (BYTES_WIDE / 4)
#define HEIGHT 480
#define GREY 0x80u

static void vbe_write(u16 index, u16 value)
{
	insn_out16(VBE_INDEX, index);
	insn_out16(VBE_DATA, value);
}

static bool vbe_is_there(void)
{
	insn_out16(VBE_INDEX, VBE_ID);
	return (insn_in16(VBE_DATA) & 0xfff0) == VBE_ID_ANY;
}

/* Each of 256 values is a grey as bright. */
static void set_palette(void)
{
	insn_out8(VGA_PALETTE_MASK, 0xff);
	insn_out8(VGA_PALETTE_INDEX, 0);
	for (u32 i = 0; i < 3 * 256; i++)
		insn_out8(VGA_PALETTE_DATA, (u8)(i / 3 >> 2));
}

static void set_mode(void)
{
	volatile u8 *bytes = (volatile u8 *)FRAMEBUFFER;

	vbe_write(VBE_ENABLE, 0);
	vbe_write(VBE_WIDTH, BYTES_WIDE);
	vbe_write(VBE_HEIGHT, HEIGHT);
	vbe_write(VBE_BITS, 8);
	vbe_write(VBE_ENABLE, VBE_LINEAR);
	insn_out8(VGA_ENABLE, 1);
	insn_out8(VGA_SEQUENCER, 0);
	insn_out8(VGA_SEQUENCER + 1, VGA_SEQUENCER_RUN);
	insn_in8(VGA_STATUS);
	insn_out8(VGA_ATTRIBUTES, VGA_ATTRIBUTES_SHOW);
	set_palette();
	/* Something that a report has to clear. */
	for (u32 i = 0; i < BYTES_WIDE * HEIGHT; i++)
		bytes[i] = GREY;
}

/*
 * What firmware calls when it looks for consoles, as it does behind every
 * program: mov $EFI_UNSUPPORTED, %rax; ret. It stays when the program goes.
 */
static void *refusal(void)
{
	static const u8 code[] = {
		0x48, 0xb8, 3, 0, 0, 0, 0, 0, 0, 0x80, 0xc3
	};
	void *to = NULL;

	if (!EFI_ERROR(
		    BS->AllocatePool(EfiBootServicesCode, sizeof(code), &to)))
		CopyMem(to, code, sizeof(code));
	return to;
}

static EFI_STATUS offer(void)
{
	EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = AllocateZeroPool(sizeof(*gop));
	EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE *mode =
		AllocateZeroPool(sizeof(*mode));
	EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info =
		AllocateZeroPool(sizeof(*info));
	EFI_HANDLE handle = NULL;

	void *refuse = refusal();

	if (!gop || !mode || !info || !refuse)
		return EFI_OUT_OF_RESOURCES;
	gop->QueryMode = (EFI_GRAPHICS_OUTPUT_PROTOCOL_QUERY_MODE)refuse;
	gop->SetMode = (EFI_GRAPHICS_OUTPUT_PROTOCOL_SET_MODE)refuse;
	gop->Blt = (EFI_GRAPHICS_OUTPUT_PROTOCOL_BLT)refuse;
	gop->Mode = mode;
	mode->MaxMode = 1;
	mode->Info = info;
	mode->SizeOfInfo = sizeof(*info);
	mode->FrameBufferBase = FRAMEBUFFER;
	mode->FrameBufferSize = (UINTN)BYTES_WIDE * HEIGHT;
	info->HorizontalResolution = info->PixelsPerScanLine = WIDTH;
	info->VerticalResolution = HEIGHT;
	info->PixelFormat = PixelBlueGreenRedReserved8BitPerColor;
	return BS->InstallProtocolInterface(&handle, &guid,
	                                    EFI_NATIVE_INTERFACE, gop);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	InitializeLib(image, table);
	if (!vbe_is_there())
		return EFI_UNSUPPORTED;
	set_mode();
	serial_print("\r\nSCREEN %u by %u\r\n", (u64)WIDTH, (u64)HEIGHT);
	return offer();
}
