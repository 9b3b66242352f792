/*
 * Errors, and messages that nobody handled, in words.
 */
#include "tools/hvctl/report.h"

#include "parent/names.h"
#include "tools/hvctl/print.h"

static void print_hint(const char *hint)
{
	if (hint)
		print("  %s\n", hint);
}

enum hvctl_result report_status(const char *what, u64 id, enum hv_status status,
                                const char *hint)
{
	const struct names_entry *n = names_of_status(status);

	print("hvctl: %s, partition %lu: HV_STATUS_%s (0x%04X): %s\n", what, id,
	      n->name, (u32)status, n->meaning);
	print_hint(hint);
	return HVCTL_ABORTED;
}

/* About a page, OPERATION_DENIED means something of its own. */
enum hvctl_result report_page(const char *what, u64 id, u64 page,
                              enum hv_status status)
{
	const struct names_entry *n = names_of_status(status);
	/* Of other calls it means: not now. Of a page: never. */
	bool denied = status == HV_STATUS_OPERATION_DENIED;

	print("hvctl: %s, partition %lu, page 0x%lX: HV_STATUS_%s (0x%04X): "
	      "%s\n",
	      what, id, page, n->name, (u32)status,
	      denied ? "the page is not RAM of ours" : n->meaning);
	if (denied)
		print_hint("the firmware had reserved it when Stasis started, "
		           "and has no other: reset, and start stasis.efi "
		           "before other programs");
	return HVCTL_ABORTED;
}

enum hvctl_result report_outcome(const char *what, u64 id,
                                 const struct stream_outcome *outcome,
                                 const char *hint)
{
	const struct names_entry *n = names_of_result(outcome->state);

	/* The call failed: then there is no state to speak of, and its name would mislead. */
	if (outcome->status != HV_STATUS_SUCCESS)
		return report_status(what, id, outcome->status, hint);
	if (outcome->stopped) /* the file has been reported */
		return HVCTL_ABORTED;
	/* No result of the hypervisor's: it would have taken more. */
	if (outcome->state == HV_STATE_INCOMPLETE)
		print("hvctl: %s, partition %lu: the stream ends too early, "
		      "after %lu bytes\n",
		      what, id, outcome->bytes);
	else
		print("hvctl: %s, partition %lu: HvState%s (%u): %s, "
		      "at byte %lu\n",
		      what, id, n->name, outcome->state, n->meaning,
		      outcome->bytes);
	print_hint(hint);
	return HVCTL_ABORTED;
}

enum hvctl_result report_memory(u64 pages)
{
	/* The one thing that helps at once comes first. */
	print("hvctl: the firmware has no %lu free pages%s\n"
	      "  delete a child (hvctl list shows them), or use less mem=\n",
	      pages, pages > 1 ? " in one piece" : "");
	return HVCTL_NO_MEMORY;
}

static void report_header(const struct hv_intercept_header *h)
{
	static const char *const access[] = { "read", "write", "execute" };

	print("  VP %u at %04X:%lX, %s, state 0x%04X, RFLAGS 0x%lX\n",
	      h->vp_index, h->cs.selector, h->rip,
	      h->access_type < ARRAY_LEN(access) ? access[h->access_type] : "?",
	      h->execution_state, h->rflags);
}

static void report_memory_intercept(const void *payload)
{
	const struct hv_memory_intercept *m = payload;

	/* The linear address only where the hypervisor knows it: a table walk has none. */
	report_header(&m->header);
	print("  GPA 0x%lX", m->gpa);
	if (m->access_info & HV_MEMORY_ACCESS_GVA_VALID)
		print(", linear address 0x%lX", m->gva);
	print("\n");
}

static void report_io_port(const void *payload)
{
	const struct hv_io_port_intercept *m = payload;

	/* The low bits of the access are its width in bytes. */
	report_header(&m->header);
	print("  port 0x%X, %u bytes%s, RAX 0x%lX\n", m->port,
	      m->access_info & 7,
	      m->access_info & HV_IO_ACCESS_STRING ? ", string" : "", m->rax);
}

static void report_msr(const void *payload)
{
	const struct hv_msr_intercept *m = payload;

	report_header(&m->header);
	print("  MSR 0x%X, RDX 0x%lX, RAX 0x%lX\n", m->msr, m->rdx, m->rax);
}

static void report_cpuid(const void *payload)
{
	const struct hv_cpuid_intercept *m = payload;

	report_header(&m->header);
	print("  CPUID EAX 0x%lX ECX 0x%lX\n", m->rax, m->rcx);
}

static void report_exception(const void *payload)
{
	const struct hv_exception_intercept *m = payload;

	report_header(&m->header);
	print("  vector %u, error code 0x%X%s, parameter 0x%lX\n", m->vector,
	      m->error_code,
	      m->exception_info & HV_EXCEPTION_ERROR_CODE_VALID ? ""
	                                                        : " (none)",
	      m->parameter);
}

/* All there is to say is where it happened, and the header does. */
static void report_unrecoverable(const void *payload)
{
	report_header(payload);
}

static void report_invalid_register(const void *payload)
{
	/* This one has no header of an intercept: the VP was not at an instruction. */
	const struct hv_invalid_vp_register *m = payload;

	print("  VP %u\n", m->vp_index);
}

static void report_unsupported(const void *payload)
{
	const struct hv_unsupported_feature_message *m = payload;

	print("  VP %u, feature %u, parameter 0x%lX\n", m->vp_index, m->feature,
	      m->parameter);
}

static const struct {
	u32 type;
	void (*print)(const void *payload);
} payloads[] = {
	{ HV_MESSAGE_UNMAPPED_GPA, report_memory_intercept },
	{ HV_MESSAGE_GPA_INTERCEPT, report_memory_intercept },
	{ HV_MESSAGE_INVALID_VP_REGISTER_VALUE, report_invalid_register },
	{ HV_MESSAGE_UNRECOVERABLE_EXCEPTION, report_unrecoverable },
	{ HV_MESSAGE_UNSUPPORTED_FEATURE, report_unsupported },
	{ HV_MESSAGE_IO_PORT_INTERCEPT, report_io_port },
	{ HV_MESSAGE_MSR_INTERCEPT, report_msr },
	{ HV_MESSAGE_CPUID_INTERCEPT, report_cpuid },
	{ HV_MESSAGE_EXCEPTION_INTERCEPT, report_exception },
};

void report_message(const struct hv_message *message)
{
	const struct names_entry *n = names_of_message(message->type);

	print("hvctl: child %lu: message %s (0x%08X): %s\n", message->sender,
	      n->name, message->type, n->meaning);
	/* A type that is not here has been named, and its payload nobody could read. */
	for (u32 i = 0; i < ARRAY_LEN(payloads); i++)
		if (payloads[i].type == message->type)
			payloads[i].print(message->payload);
}

void report_mmio(const struct mmio *mmio)
{
	print("  device %s: %s", mmio->device->name, mmio->why);
	/* What the decoder does not know, whoever reads this can look up. */
	for (u32 i = 0; i < mmio->byte_count; i++)
		print("%s%02X", i ? " " : ", at ", mmio->bytes[i]);
	print("\n");
}
