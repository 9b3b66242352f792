/*
 * Writes the report. Everything it reads may be damaged, so it checks what it
 * follows, and a second failure while it writes ends it at once.
 */
#include "arch/x86_64/common/report.h"

#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/machine.h"
#include "arch/x86_64/common/processor.h"
#include "arch/x86_64/common/record.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/reset.h"
#include "arch/x86_64/common/symbols.h"
#include "arch/x86_64/common/tables.h"
#include "arch/x86_64/common/vendor.h"
#include "hv/base/check.h"
#include "hv/base/cpus.h"
#include "hv/base/log.h"
#include "hv/vp/partition.h"

#define LINE_MAX 160
#define BACKTRACE_MAX 24
#define STACK_WORDS 12
#define STOP_MILLISECONDS 5

static volatile bool reporting; /* an exception may come in between */
static const char *states[HANDOFF_PROCESSORS]; /* before the stop */

/* One line, formatted as log_line does. */
#define SAY(...)                                                            \
	do {                                                                \
		char line_[LINE_MAX];                                       \
		u32 length_ = log_format(line_, LINE_MAX - 1, __VA_ARGS__); \
                                                                            \
		line_[length_] = '\n';                                      \
		arch_console_write(line_, length_ + 1);                     \
	} while (0)

static const char *const vector_names[] = {
	"#DE divide error",
	"#DB debug",
	"NMI",
	"#BP breakpoint",
	"#OF overflow",
	"#BR bound",
	"#UD invalid opcode",
	"#NM no device",
	"#DF double fault",
	"coprocessor overrun",
	"#TS invalid TSS",
	"#NP segment not present",
	"#SS stack fault",
	"#GP general protection",
	"#PF page fault",
	"reserved",
	"#MF x87 error",
	"#AC alignment check",
	"#MC machine check",
	"#XM SIMD error",
	"#VE virtualization",
	"#CP control protection",
};

/* What a report ends with, in any case. */
static _Noreturn void end(void)
{
	if (reset_seconds() == HANDOFF_RESET_NEVER)
		SAY("the machine waits for its reset");
	else
		SAY("the machine is reset in %u seconds", (u64)reset_seconds());
	SAY("STASIS STOPPED: end of report");
	record_finish();
	reset_later();
}

/* On the firmware's descriptors GS is the firmware's, too. */
static bool is_launched(void)
{
	return idt_read().base == tables_idt().base;
}

static struct processor *this_processor(void)
{
	return is_launched() ? processor_this() : &boot_processor;
}

/* What a processor was about before it was stopped: that sends it out of its guest. */
static const char *state_of(struct cpu *cpu)
{
	const struct cpu_arch *a = cpu_arch(cpu);

	return a->in_guest ? "in its guest"
	       : a->waits  ? "waits for its turn"
	       : a->halts  ? "halts"
	       : a->beside ? "works beside the turn"
	                   : "has the turn";
}

/* Stops the others; those that NMIs reach outside of a guest say where they were. */
static void stop_others(void)
{
	u64 begun = arch_tsc();

	for (u32 i = 0; i < HANDOFF_PROCESSORS; i++)
		if (cpus_at(i))
			states[i] = state_of(cpus_at(i));
	machine_stop();
	if (cpus_count() < 2)
		return;
	while (arch_tsc() - begun <
	       arch_facts()->tsc_hz / 1000 * STOP_MILLISECONDS)
		__asm__ volatile("pause");
}

/*
 * What fails while a report is written ends it; a third failure is silent. Where two
 * processors have one to write, the first does.
 */
static void begin(void)
{
	static struct processor *reporter;
	static volatile bool again;
	struct processor *first = NULL, *here = this_processor();

	if (!__atomic_compare_exchange_n(&reporter, &first, here, false,
	                                 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) &&
	    first != here)
		halt_forever();
	if (again)
		reset_later();
	again = reporting;
	reporting = true;
	if (!again) {
		stop_others();
		return;
	}
	SAY("STASIS STOPPED: again, while writing this report");
	end();
}

/* `back` is 1 for a return address: it may be in the next function already. */
static void say_address(const char *what, u64 address, u64 back)
{
	u64 offset;
	const char *name = symbols_find(address - back, &offset);

	if (name)
		SAY("  %s %x  %s+%x", what, address, name, offset + back);
	else
		SAY("  %s %x", what, address);
}

/* The whole of [address, address + bytes) is in one of our stacks. */
static bool in_stack(u64 address, u64 bytes)
{
	const struct stack *stacks = this_processor()->stacks;

	for (u32 i = 0; i < STACKS; i++)
		if (address >= (u64)stacks[i].bytes &&
		    address + bytes <= (u64)(stacks[i].bytes + STACK_SIZE))
			return address % 8 == 0;
	return false;
}

static void say_backtrace(u64 rbp)
{
	SAY("called");
	for (u32 i = 0; i < BACKTRACE_MAX && in_stack(rbp, 16); i++) {
		const u64 *frame = (const u64 *)rbp;

		if (!symbols_is_code(frame[1]))
			break;
		say_address("from", frame[1], 1);
		/* Frames lie towards the stack's top, or we would go round. */
		if (frame[0] <= rbp)
			break;
		rbp = frame[0];
	}
}

static void say_stack(u64 rsp)
{
	SAY("stack at %x:", rsp);
	for (u32 i = 0; i < STACK_WORDS && in_stack(rsp, 16); i += 2) {
		const u64 *words = (const u64 *)rsp;

		SAY("  %x %x", words[0], words[1]);
		rsp += 16;
	}
}

/* The VP and the call that a processor is about. */
static void say_subject(const struct cpu *cpu)
{
	const struct vp *vp = cpu->current;

	if (cpu->doing)
		SAY("hypercall under way: %s", cpu->doing);
	if (vp)
		SAY("current VP: partition %u, VP %u%s", vp->partition->id,
		    (u64)vp->index, vp->is_root ? " (the root partition)" : "");
	else
		SAY("no VP has run yet");
}

static void say_others(const struct cpu *here)
{
	for (u32 i = 0; i < HANDOFF_PROCESSORS; i++) {
		struct cpu *cpu = cpus_at(i);

		if (!cpu || cpu == here)
			continue;
		SAY("processor %u: %s", (u64)i,
		    states[i] ? states[i] : "not there yet");
		say_subject(cpu);
		if (cpu_arch(cpu)->stopped)
			say_address("RIP", cpu_arch(cpu)->stopped, 0);
	}
}

static void say_guest(void)
{
	struct cpu *cpu;
	struct vendor_last_exit last;

	if (!is_launched()) {
		SAY("before the launch");
		return;
	}
	cpu = arch_this_cpu();
	SAY("processor %u of %u", (u64)cpu->index, (u64)cpus_count());
	say_subject(cpu);
	if (cpu->current && vendor_last_exit(&last))
		SAY("%s: guest RIP %x, last exit reason %u", last.where,
		    last.rip, last.reason);
	say_others(cpu);
}

static void say_registers(const struct fault_frame *f)
{
	SAY("registers:");
	SAY("  RAX %x RBX %x RCX %x RDX %x", f->rax, f->rbx, f->rcx, f->rdx);
	SAY("  RSI %x RDI %x RBP %x RSP %x", f->rsi, f->rdi, f->rbp, f->rsp);
	SAY("  R8 %x R9 %x R10 %x R11 %x", f->r8, f->r9, f->r10, f->r11);
	SAY("  R12 %x R13 %x R14 %x R15 %x", f->r12, f->r13, f->r14, f->r15);
	SAY("  RFLAGS %x CS %x SS %x", f->rflags, f->cs, f->ss);
	SAY("  CR0 %x CR2 %x CR3 %x CR4 %x", cr0_read(), cr2_read(), cr3_read(),
	    cr4_read());
	say_address("RIP", f->rip, 0);
}

void report_exception(const struct fault_frame *f)
{
	const char *name = "unexpected vector";

	if (f->vector < ARRAY_LEN(vector_names))
		name = vector_names[f->vector];
	begin();
	SAY("STASIS STOPPED: exception %u (%s) in the hypervisor", f->vector,
	    name);
	SAY("error code %x, CR2 %x", f->error, cr2_read());
	say_registers(f);
	say_backtrace(f->rbp);
	say_stack(f->rsp);
	say_guest();
	end();
}

void report_stop(const char *what, u64 detail)
{
	begin();
	SAY("STASIS STOPPED: %s (%x)", what, detail);
	say_guest();
	say_backtrace((u64)__builtin_frame_address(0));
	end();
}

void report_hang(const char *what)
{
	begin();
	SAY("STASIS STOPPED: another processor %s for %u seconds", what,
	    (u64)MACHINE_PATIENCE);
	say_guest();
	say_backtrace((u64)__builtin_frame_address(0));
	end();
}

/* There is no frame to show: the callee-saved registers are the caller's. */
static void say_here(void)
{
	u64 rbx, r12, r13, r14, r15;

	__asm__ volatile("mov %%rbx, %0; mov %%r12, %1; mov %%r13, %2;"
	                 "mov %%r14, %3; mov %%r15, %4"
	                 : "=m"(rbx), "=m"(r12), "=m"(r13), "=m"(r14),
	                   "=m"(r15));
	SAY("registers:");
	SAY("  RBX %x R12 %x R13 %x R14 %x R15 %x", rbx, r12, r13, r14, r15);
	SAY("  CR0 %x CR2 %x CR3 %x CR4 %x", cr0_read(), cr2_read(), cr3_read(),
	    cr4_read());
}

void arch_check_failed(const char *expression, const char *file, u32 line)
{
	begin();
	SAY("STASIS STOPPED: CHECK(%s) failed", expression);
	SAY("at %s:%u", file, (u64)line);
	say_here();
	say_address("RIP", (u64)__builtin_return_address(0), 1);
	say_backtrace((u64)__builtin_frame_address(0));
	say_stack((u64)__builtin_frame_address(0));
	say_guest();
	end();
}

void report_reset(const char *how)
{
	SAY("STASIS RESET: the root partition, by %s", how);
	say_guest();
	record_finish();
	reset_now();
}
