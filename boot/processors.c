/*
 * Looks at the other processors before the launch, and brings them to it one by one behind
 * that. By then what the firmware sends them, INIT and SIPI, exits here, and is passed on.
 */
#include "boot/processors.h"

#include <cpuid.h>
#include <efilib.h>

#include "boot/call.h"
#include "boot/insn.h"
#include "boot/vendor.h"
#include "include/x86.h"
#include "include/x86_msr.h"

/* Of the protocol what is used, in its order. */
typedef struct mp_services mp_services;
typedef VOID(EFIAPI *mp_procedure)(VOID *argument);
struct mp_services {
	EFI_STATUS(EFIAPI *count)(mp_services *mp, UINTN *all, UINTN *enabled);
	VOID *info;
	EFI_STATUS(EFIAPI *run)
	(mp_services *mp, mp_procedure procedure, BOOLEAN one_by_one,
	 EFI_EVENT end, UINTN microseconds, VOID *argument, UINTN **failed);
};

static const EFI_GUID mp_guid = { 0x3fdda605,
	                          0xa76e,
	                          0x4f46,
	                          { 0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d,
	                            0x08 } };

/* What is to be the same on all. */
struct words {
	u32 signature;
	u64 lock;
	u64 in_use; /* CR4.VMXE, EFER.SVME */
};

static mp_services *find_protocol(void)
{
	EFI_GUID guid = mp_guid;
	VOID *found;

	if (EFI_ERROR(BS->LocateProtocol(&guid, NULL, &found)))
		return NULL;
	return found;
}

static struct words read_words(void)
{
	const struct vendor *vendor = vendor_here();
	u32 eax, ebx, ecx, edx;
	struct words w;

	__cpuid(1, eax, ebx, ecx, edx);
	w.signature = eax;
	/* Without the feature the MSR is #GP. */
	w.lock = vendor_is_there(vendor) ? insn_read_msr(vendor->lock_msr) : 0;
	w.in_use = (insn_read_cr4() & CR4_VMXE) |
	           (insn_read_msr(MSR_IA32_EFER) & EFER_SVME);
	return w;
}

/* ---- Before the launch ---- */

struct look {
	struct words first;
	u32 others;
	u32 different; /* the first that is, 0: none */
	struct words words;
};

static VOID EFIAPI look_at_one(VOID *argument)
{
	struct look *look = argument;
	struct words w = read_words();

	look->others++;
	/* One is enough for the message: firmware that forgot one forgot all. */
	if (look->different ||
	    (w.signature == look->first.signature &&
	     w.lock == look->first.lock && w.in_use == look->first.in_use))
		return;
	look->different = look->others;
	look->words = w;
}

EFI_STATUS processors_find(u32 *count)
{
	struct look look = { .first = read_words() };
	mp_services *mp = find_protocol();
	UINTN all, enabled;
	EFI_STATUS status;

	/* Firmware without the protocol has started none: then there is nobody to bring. */
	*count = 1;
	if (!mp || EFI_ERROR(mp->count(mp, &all, &enabled)) || enabled < 2)
		return EFI_SUCCESS;
	if (enabled > HANDOFF_PROCESSORS) {
		Print(L"stasis: this machine has %d processors, and there is room "
		      L"for %d; switch some off in its setup\n",
		      enabled, HANDOFF_PROCESSORS);
		return EFI_UNSUPPORTED;
	}
	/* Without an event it comes back when all are done; 0: however long they take. */
	status = mp->run(mp, look_at_one, TRUE, NULL, 0, &look, NULL);
	if (EFI_ERROR(status) || look.others != enabled - 1) {
		Print(L"stasis: the firmware runs nothing on the other "
		      L"processors (%r)\n",
		      status);
		return EFI_DEVICE_ERROR;
	}
	*count = (u32)enabled;
	if (!look.different)
		return EFI_SUCCESS;
	Print(L"stasis: processor %d is not as the first: signature %x, lock %lx, "
	      L"in use %lx; %x, %lx, %lx there; update the firmware\n",
	      look.different, look.words.signature, look.words.lock,
	      look.words.in_use, look.first.signature, look.first.lock,
	      look.first.in_use);
	return EFI_UNSUPPORTED;
}

/* ---- Behind it ---- */

struct entrance {
	struct call_image image;
	u32 last; /* that has come here */
	enum handoff_result results[HANDOFF_PROCESSORS];
};

/* Returns as a part of the root partition, or as it came. */
static VOID EFIAPI enter_one(VOID *argument)
{
	struct entrance *e = argument;
	u32 number = ++e->last;

	/* A processor that was switched on meanwhile has no structure to be entered with. */
	if (number < HANDOFF_PROCESSORS)
		e->results[number] = call_image(&e->image, number);
}

EFI_STATUS processors_enter(const struct call_image *image, u32 count)
{
	static struct entrance e;
	mp_services *mp = find_protocol();
	EFI_STATUS status;

	if (count < 2)
		return EFI_SUCCESS;
	/* The launch's own block is out of reach by now: what they need is in here, in memory
	 * that stays as long as this program runs, which is as long as they are in it. */
	e.image = *image;
	/*
	 * One by one: the page tables of call_image are one processor's at a time. Each comes
	 * back inside the firmware's procedure, under us.
	 */
	status = mp->run(mp, enter_one, TRUE, NULL, 0, &e, NULL);
	/* The first that is missing is named, and the others can be no better. */
	for (u32 i = 1; i < count && !EFI_ERROR(status); i++) {
		if (i <= e.last && e.results[i] == HANDOFF_OK)
			continue;
		Print(L"stasis: processor %d was not entered (%d): it is outside, "
		      L"and could reach everything; restart the machine\n",
		      i, i <= e.last ? e.results[i] : 0);
		status = EFI_DEVICE_ERROR;
	}
	return status;
}
