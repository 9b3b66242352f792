/*
 * hvctl run: lets all VPs of a child run and is its devices,
 * until one of them ends the child or does something else, they have printed
 * enough, or a key is pressed.
 *
 * A message may always be thrown away: its VP stays suspended at the intercepted
 * instruction, and executes it again when InterceptSuspend is cleared. That is
 * what happens to messages of other children, and to those from before the run.
 */
#include "tools/hvctl/run.h"

#include "parent/acpi_tables.h"
#include "parent/mmio.h"
#include "parent/partition.h"
#include "parent/transport.h"
#include "parent/vp.h"
#include "tools/hvctl/child.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/create.h"
#include "tools/hvctl/devices.h"
#include "tools/hvctl/front.h"
#include "tools/hvctl/print.h"
#include "tools/hvctl/report.h"
#include "tools/hvctl/terminal.h"

#define LIMIT_MAX 1000000000 /* of for= and ms= */
#define KEY_POLL_MS 50       /* asking for a key is slow */

enum run_end {
	RUN_GOES_ON,
	RUN_ENDED,     /* by itself: book_end */
	RUN_SUSPENDED, /* by for= or a key */
	RUN_STOPPED,   /* by a message that we do not handle */
	RUN_FAILED,    /* a hypercall failed */
};

struct run {
	struct book_child *child;
	u64 limit; /* characters, 0: any number */
	u64 until; /* front_ticks, when it is enough; 0: never */
	struct terminal terminal;
	enum run_end end;
	struct mmio
		mmio; /* the last access to memory that was not the child's */
};

static void run_fail(struct run *run, const char *what, enum hv_status status)
{
	report_status(what, run->child->id, status, NULL);
	run->end = RUN_FAILED;
}

void run_console(struct run *run, u8 byte)
{
	terminal_put(&run->terminal, byte);
	/* Not before the first: what comes may be the rest of a letter. */
	if (run->limit && run->terminal.printed == run->limit)
		run->end = RUN_SUSPENDED;
}

void run_exit(struct run *run, enum book_end how, u8 code)
{
	run->child->ended = how;
	run->child->exit_code = code;
	/* Behind the instruction that said so: run_finish resolves the intercept first. */
	run->end = RUN_ENDED;
}

/* ---- Interrupts ---- */

void run_interrupts(struct run *run)
{
	struct ioapic *io = devices_ioapic(run->child->devices);
	struct ioapic_message m;

	/*
	 * What the hypervisor does not take, a vector that is none or an SMI, no processor
	 * would have taken.
	 */
	while (ioapic_take(io, &m))
		(void)partition_assert_interrupt(
			run->child->id, (enum hv_interrupt_type)m.delivery,
			(m.level ? HV_INTERRUPT_LEVEL : 0) |
				(m.logical ? HV_INTERRUPT_LOGICAL : 0),
			m.destination, m.vector);
}

void run_line(struct run *run, u32 pin, bool asserted)
{
	ioapic_set_line(devices_ioapic(run->child->devices), pin, asserted);
	run_interrupts(run);
}

/* ---- Messages ---- */

/*
 * Goes on behind an intercepted instruction, with these registers, RIP among them.
 * Where the run ends here, the child is suspended before the intercept is resolved:
 * not one instruction more.
 */
static void run_finish(struct run *run, u32 vp,
                       const struct hv_register_assoc *list, u32 count)
{
	struct hv_register_assoc all[MMIO_SET_MAX + 1];
	enum hv_status status = HV_STATUS_SUCCESS;

	__builtin_memcpy(all, list, count * sizeof(*list));
	/*
	 * This order: InterceptSuspend goes last, or the VP would execute between two calls
	 * what no longer belongs to this run.
	 */
	all[count] = (struct hv_register_assoc){
		.name = HV_REGISTER_INTERCEPT_SUSPEND
	};
	if (run->end != RUN_GOES_ON)
		status = child_suspend(run->child, true);
	if (status == HV_STATUS_SUCCESS)
		status = vp_set_registers(run->child->id, vp, all, count + 1,
		                          NULL);
	if (status != HV_STATUS_SUCCESS)
		run_fail(run, "HvSetVpRegisters", status);
}

/* Behind a port's instruction, with RAX where it has read something. */
static void run_finish_port(struct run *run,
                            const struct hv_intercept_header *h, const u64 *rax)
{
	struct hv_register_assoc list[2] = { { .name = HV_REGISTER_RIP },
		                             { .name = HV_REGISTER_RAX } };

	list[0].value.reg64 = h->rip + (h->instruction_length & 15u);
	if (rax)
		list[1].value.reg64 = *rax;
	run_finish(run, h->vp_index, list, rax ? 2 : 1);
}

/* As IN does: AL and AX leave the rest of RAX, EAX clears the upper half. */
static u64 merge_rax(u64 rax, u64 value, u32 size)
{
	u64 mask = BIT(8 * size) - 1;

	return size == 4 ? value : (rax & ~mask) | value;
}

/* True: a device has answered. String instructions are nobody's here. */
static bool run_port(struct run *run, const struct hv_io_port_intercept *io)
{
	u32 size = io->access_info & 7u;
	u8 *states = run->child->devices;
	u64 value;

	/* INS and OUTS are a walk of the child's memory, which no device here has asked for. */
	if (io->access_info & HV_IO_ACCESS_STRING || size == 0 || size > 4)
		return false;
	if (io->header.access_type == HV_INTERCEPT_WRITE) {
		if (!device_write(&devices_table, states, run, DEVICE_PORT,
		                  io->port, size, io->rax))
			return false;
		run_finish_port(run, &io->header, NULL);
		return true;
	}
	if (!device_read(&devices_table, states, run, DEVICE_PORT, io->port,
	                 size, &value))
		return false;
	value = merge_rax(io->rax, value, size);
	run_finish_port(run, &io->header, &value);
	return true;
}

/*
 * A message from before the run may still arrive: then its VP has been let go
 * meanwhile, and is not at that instruction, or not suspended there.
 */
static bool run_is_current(struct run *run, const struct hv_intercept_header *h)
{
	static const u32 names[] = { HV_REGISTER_INTERCEPT_SUSPEND,
		                     HV_REGISTER_RIP };
	union hv_register_value value[ARRAY_LEN(names)];
	enum hv_status status;

	status = vp_get_registers(run->child->id, h->vp_index, names,
	                          ARRAY_LEN(names), value, NULL);
	if (status != HV_STATUS_SUCCESS) {
		run_fail(run, "HvGetVpRegisters", status);
		return false;
	}
	return value[0].reg64 & HV_SUSPENDED && value[1].reg64 == h->rip;
}

/* True: a device has answered, or a hypercall has failed. */
static bool run_memory(struct run *run, const struct hv_memory_intercept *m)
{
	struct mmio *mmio = &run->mmio;

	*mmio = (struct mmio){ .id = run->child->id,
		               .table = &devices_table,
		               .states = run->child->devices,
		               .parent = run };
	switch (mmio_carry_out(mmio, m)) {
	case MMIO_DONE:
		run_finish(run, m->header.vp_index, mmio->set, mmio->set_count);
		return true;
	case MMIO_FAILED:
		run_fail(run, "HvGetVpRegisters", mmio->status);
		return true;
	case MMIO_NOBODY:
	case MMIO_UNKNOWN:
		break;
	}
	return false;
}

/* True: a message that there is nothing more to do about. */
static bool run_answer(struct run *run, const struct hv_message *message)
{
	/* Both kinds have a header first. */
	const void *payload = message->payload;

	switch (message->type) {
	case HV_MESSAGE_IO_PORT_INTERCEPT:
		return !run_is_current(run, payload) || run_port(run, payload);
	/* Of a device's memory nothing is mapped, or it may not be written, as flash. */
	case HV_MESSAGE_UNMAPPED_GPA:
	case HV_MESSAGE_GPA_INTERCEPT:
		return !run_is_current(run, payload) ||
		       run_memory(run, payload);
	default:
		return false;
	}
}

static void run_message(struct run *run, const struct hv_message *message)
{
	/* Thrown away, as above: the child it is of waits, and its run asks again. */
	if (message->sender != run->child->id)
		return;
	run->mmio.why = NULL;
	if (run_answer(run, message))
		return;
	terminal_break(&run->terminal);
	report_message(message);
	if (run->mmio.why)
		report_mmio(&run->mmio);
	run->end = RUN_STOPPED;
	child_suspend(run->child, true);
}

/* As many as the port has room for; the line goes up once for all of them. */
static void run_type(struct run *run)
{
	struct uart16550 *u = devices_serial(run->child->devices);
	u8 byte;

	while (uart16550_room(u) && terminal_take_key(&run->terminal, &byte))
		uart16550_receive(u, byte);
	run_line(run, ACPI_TABLES_SERIAL_PIN, uart16550_asserts(u));
}

/* All VPs, and not the one that stopped alone: the others may need it. */
static void run_suspend(struct run *run)
{
	run->end = RUN_SUSPENDED;
	child_suspend(run->child, true);
}

static void run_key(struct run *run)
{
	bool serial = devices_serial_used(run->child->devices);
	bool ends = terminal_wants_end(&run->terminal, serial);

	if (run->terminal.key_count)
		run_type(run);
	if (ends)
		run_suspend(run);
}

static void run_serve(struct run *run)
{
	u64 pace = KEY_POLL_MS * book_get()->ticks_in_ms;
	u64 next_key = front_ticks() + pace;
	const struct hv_message *slot;
	struct hv_message message;

	while (run->end == RUN_GOES_ON) {
		/* Also of a child that never lets us wait: it may send one after the other. */
		if (run->until && front_ticks() >= run->until) {
			run_suspend(run);
			break;
		}
		slot = transport_message();
		if (slot) {
			/*
			 * A copy, and the slot goes at once: the next message of another VP can come while
			 * this one is answered.
			 */
			message = *slot;
			transport_release();
			run_message(run, &message);
			continue;
		}
		transport_wait();
		terminal_idle(&run->terminal);
		if (front_ticks() > next_key) {
			run_key(run);
			next_key = front_ticks() + pace;
		}
	}
}

static enum hv_status run_start(const struct run *run)
{
	static const struct hv_register_assoc list[2] = {
		{ .name = HV_REGISTER_INTERCEPT_SUSPEND },
		{ .name = HV_REGISTER_EXPLICIT_SUSPEND },
	};
	u64 id = run->child->id;
	enum hv_status status = HV_STATUS_SUCCESS;

	/* What waits there is of before: none of it will be current. */
	while (transport_message())
		transport_release();
	for (int vp = book_next_vp(run->child, -1);
	     vp >= 0 && status == HV_STATUS_SUCCESS;
	     vp = book_next_vp(run->child, vp))
		status = vp_set_registers(id, (u32)vp, list, ARRAY_LEN(list),
		                          NULL);
	return status;
}

static const char *end_words(const struct book_child *child)
{
	return child->ended == BOOK_OFF ? "switched itself off"
	                                : "wants a reset";
}

static enum hvctl_result run_say_end(struct run *run)
{
	const struct book_child *child = run->child;
	/* A script wants to know whether the child did what it was to do. */
	bool good = run->end == RUN_SUSPENDED ||
	            (run->end == RUN_ENDED && child->ended != BOOK_RESET &&
	             child->exit_code == 0);

	terminal_break(&run->terminal);
	terminal_close(&run->terminal);
	/* It was to be made anew, and could not be: why has been said. */
	if (child->id == 0)
		return HVCTL_ABORTED;
	if (run->end == RUN_ENDED && child->ended == BOOK_EXITED)
		print("hvctl: child %lu ended with code %u", child->id,
		      child->exit_code);
	else if (run->end == RUN_ENDED)
		print("hvctl: child %lu %s", child->id, end_words(child));
	else
		print("hvctl: child %lu %s", child->id,
		      run->end == RUN_SUSPENDED ? "suspended" : "stopped");
	print(" after %lu characters\n", run->terminal.printed);
	return good ? HVCTL_DONE : HVCTL_ABORTED;
}

/* As a machine does: begins anew by itself. True: there is something to serve. */
static bool run_again(struct run *run)
{
	struct book_child *child = run->child;
	enum hv_status status;

	if (run->end != RUN_ENDED || child->ended != BOOK_RESET)
		return false;
	terminal_break(&run->terminal);
	child = create_again(child);
	if (!child)
		return false;
	/* Terminal and log go on: to who looks at it, it is the same machine. */
	run->child = child;
	run->end = RUN_GOES_ON;
	status = run_start(run);
	if (status != HV_STATUS_SUCCESS)
		run_fail(run, "HvSetVpRegisters", status);
	return run->end == RUN_GOES_ON;
}

static void run_say_ended(const struct book_child *child)
{
	if (child->ended == BOOK_EXITED)
		print("hvctl: child %lu has ended with code %u\n", child->id,
		      child->exit_code);
	else
		print("hvctl: child %lu %s\n", child->id, end_words(child));
}

enum hvctl_result run_command(const struct args *args)
{
	static struct run run;
	enum hv_status status;
	u64 ms = 0;

	/* It is too large for a stack, and keeps what the last call has left. */
	__builtin_memset(&run, 0, sizeof(run));
	run.child = book_find(args->word[0]);
	if (!run.child)
		return HVCTL_NOT_FOUND;
	if (!args_option(args, "for", 1, LIMIT_MAX, &run.limit) ||
	    !args_option(args, "ms", 1, LIMIT_MAX, &ms))
		return HVCTL_BAD_WORDS;
	run.terminal.quiet = args_flag(args, "quiet");
	/* Its VPs would run on behind the exit port, into whatever comes there. */
	if (run.child->ended) {
		run_say_ended(run.child);
		return HVCTL_ABORTED;
	}
	if (!terminal_open(&run.terminal, args_text(args, "log")))
		return HVCTL_FILE;
	status = run_start(&run);
	/* Of a child that a failed restore has left: no VP of it may run. */
	if (status != HV_STATUS_SUCCESS) {
		terminal_close(&run.terminal);
		return report_status("HvSetVpRegisters", run.child->id, status,
		                     "a child whose restore failed cannot run: "
		                     "delete it");
	}
	if (ms)
		run.until = front_ticks() + ms * book_get()->ticks_in_ms;
	do
		run_serve(&run);
	while (run_again(&run));
	return run_say_end(&run);
}
