#include "tests/guest/lib/mp.h"

#include <efi.h>
#include <efilib.h>

#include "parent/transport.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/test.h"

#define OTHER 1 /* the firmware's number of it */
#define MICROSECONDS_A_LOOK 1000
#define LOOKS 5000

/* Of EFI_MP_SERVICES_PROTOCOL what is used, in its order (PI specification). */
typedef struct mp_services mp_services;
typedef VOID(EFIAPI *mp_procedure)(VOID *argument);
struct mp_services {
	EFI_STATUS(EFIAPI *count)(mp_services *mp, UINTN *all, UINTN *enabled);
	VOID *info;
	VOID *run_all;
	EFI_STATUS(EFIAPI *run)
	(mp_services *mp, mp_procedure procedure, UINTN number, EFI_EVENT end,
	 UINTN microseconds, VOID *argument, BOOLEAN *finished);
};

static const EFI_GUID mp_guid = { 0x3fdda605,
	                          0xa76e,
	                          0x4f46,
	                          { 0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d,
	                            0x08 } };

/* Between us and the other one: a round each, which it has done as soon as both agree. */
static volatile struct {
	void (*work)(void *argument);
	void *argument;
	u64 begun;
	u64 done;
	bool over;
} shared;
static EFI_EVENT end;

/* ---- Its side ---- */

ON_OTHER static VOID EFIAPI serve(VOID *argument)
{
	(void)argument;
	while (!shared.over) {
		if (shared.done == shared.begun) {
			__asm__ volatile("pause");
			continue;
		}
		shared.work(shared.argument);
		__atomic_store_n(&shared.done, shared.done + 1,
		                 __ATOMIC_RELEASE);
	}
}

ON_OTHER enum hv_status mp_call(const struct mp_blocks *b,
                                enum hvcall_code code)
{
	return (enum hv_status)(transport_call(code, (u64)b->in, (u64)b->out) &
	                        HV_RESULT_STATUS);
}

/* ---- Ours ---- */

bool mp_blocks_begin(struct mp_blocks *b)
{
	u64 at = page_run(2);

	if (!EXPECT(at != 0))
		return false;
	b->in = (void *)at;
	b->out = (void *)(at + PAGE_SIZE);
	return true;
}

void mp_blocks_end(struct mp_blocks *b)
{
	page_run_free((u64)b->in, 2);
}

bool mp_begin(void)
{
	EFI_GUID guid = mp_guid;
	mp_services *mp;

	if (!EXPECT(!EFI_ERROR(BS->LocateProtocol(&guid, NULL, (VOID **)&mp))))
		return false;
	shared.begun = shared.done = 0;
	shared.over = false;
	return EXPECT(!EFI_ERROR(BS->CreateEvent(0, 0, NULL, NULL, &end))) &&
	       EXPECT(!EFI_ERROR(
		       mp->run(mp, serve, OTHER, end, 0, NULL, NULL)));
}

/* The firmware looks now and then whether it has come back. */
void mp_end(void)
{
	shared.over = true;
	for (u32 i = 0; i < LOOKS && BS->CheckEvent(end) != EFI_SUCCESS; i++)
		BS->Stall(MICROSECONDS_A_LOOK);
	BS->CloseEvent(end);
}

void mp_start(void (*work)(void *argument), void *argument)
{
	shared.work = work;
	shared.argument = argument;
	__atomic_store_n(&shared.begun, shared.begun + 1, __ATOMIC_RELEASE);
}

bool mp_is_done(void)
{
	return __atomic_load_n(&shared.done, __ATOMIC_ACQUIRE) == shared.begun;
}

void mp_wait(void)
{
	while (!mp_is_done())
		__asm__ volatile("pause");
}
