#include "tests/guest/lib/mp.h"

#include <efi.h>
#include <efilib.h>

#include "include/x86.h"
#include "parent/cpu.h"
#include "parent/transport.h"
#include "tests/guest/lib/gate.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/test.h"

#define OTHER 1 /* the firmware's number of it */
#define MICROSECONDS_A_LOOK 1000
#define LOOKS 5000
#define STACK_PAGES (MP_STACK_BYTES / PAGE_SIZE)

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

/* What it is to have besides: the first one's. */
static struct {
	bool wanted;
	struct descriptor_table idt;
} whole;

u64 mp_stack;

/* ---- Its side ---- */

ON_OTHER static void serve(void)
{
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

/* Of CR0 no bit keeps them away, or traps. Both as they were behind it. */
ON_OTHER static void serve_whole(void)
{
	static u8 vectors[512] __attribute__((aligned(16)));
	u64 cr0, cr4;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr0"
	                 :
	                 : "r"((cr0 & ~(CR0_EM | CR0_TS)) | CR0_MP));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_SSE));
	__asm__ volatile("fxsave %0\n\tfninit" : "=m"(vectors));
	__asm__ volatile("lidt %0" : : "m"(whole.idt));
	serve();
	__asm__ volatile("fxrstor %0" : : "m"(vectors));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0));
}

/* From the firmware's stack, which is of any size, to ours. */
ON_OTHER static VOID EFIAPI enter(VOID *argument)
{
	void (*to)(void) = whole.wanted ? serve_whole : serve;
	u64 top = mp_stack + MP_STACK_BYTES, kept;

	(void)argument;
	__asm__ volatile("mov %%rsp, %[kept]\n\t"
	                 "mov %[top], %%rsp\n\t"
	                 "call *%[to]\n\t"
	                 "mov %[kept], %%rsp"
	                 : [kept] "=&b"(kept)
	                 : [top] "r"(top), [to] "r"(to)
	                 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
	                   "r11", "cc", "memory");
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

static bool begin(void)
{
	EFI_GUID guid = mp_guid;
	mp_services *mp;

	if (!EXPECT(!EFI_ERROR(BS->LocateProtocol(&guid, NULL, (VOID **)&mp))))
		return false;
	shared.begun = shared.done = 0;
	shared.over = false;
	mp_stack = page_run(STACK_PAGES);
	return EXPECT(mp_stack) &&
	       EXPECT(!EFI_ERROR(BS->CreateEvent(0, 0, NULL, NULL, &end))) &&
	       EXPECT(!EFI_ERROR(
		       mp->run(mp, enter, OTHER, end, 0, NULL, NULL)));
}

bool mp_begin(void)
{
	whole.wanted = false;
	return begin();
}

bool mp_begin_whole(void)
{
	whole.wanted = true;
	__asm__ volatile("sidt %0" : "=m"(whole.idt));
	return begin();
}

/* The firmware looks now and then whether it has come back. */
void mp_end(void)
{
	shared.over = true;
	for (u32 i = 0; i < LOOKS && BS->CheckEvent(end) != EFI_SUCCESS; i++)
		BS->Stall(MICROSECONDS_A_LOOK);
	BS->CloseEvent(end);
	page_run_free(mp_stack, STACK_PAGES);
	mp_stack = 0;
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

ON_OTHER void mp_send(enum lapic_shorthand to, u32 what)
{
	u64 base = cpu_read_msr(MSR_IA32_APIC_BASE);
	u32 low = (u32)to << LAPIC_ICR_SHORTHAND_SHIFT | what;

	if (base & LAPIC_BASE_X2APIC)
		cpu_write_msr(LAPIC_MSR(LAPIC_ICR), low);
	else
		*(volatile u32 *)((base & LAPIC_BASE_ADDRESS) + LAPIC_ICR) =
			low;
}
