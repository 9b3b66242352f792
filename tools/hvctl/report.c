/*
 * Errors, and messages that nobody handled, in words.
 */
#include "tools/hvctl/report.h"

#include <efilib.h>

#include "parent/names.h"

static void print_hint(const char *hint)
{
	if (hint)
		Print(L"  %a\n", hint);
}

EFI_STATUS report_status(const char *what, u64 id, enum hv_status status,
                         const char *hint)
{
	const struct names_entry *n = names_of_status(status);

	Print(L"hvctl: %a, partition %ld: HV_STATUS_%a (0x%04x): %a\n", what,
	      id, n->name, (UINT32)status, n->meaning);
	print_hint(hint);
	return EFI_ABORTED;
}

/* About a page, OPERATION_DENIED means something of its own. */
EFI_STATUS report_page(const char *what, u64 id, u64 page,
                       enum hv_status status)
{
	const struct names_entry *n = names_of_status(status);
	bool denied = status == HV_STATUS_OPERATION_DENIED;

	Print(L"hvctl: %a, partition %ld, page 0x%lx: HV_STATUS_%a (0x%04x): "
	      L"%a\n",
	      what, id, page, n->name, (UINT32)status,
	      denied ? "the page is not RAM of ours" : n->meaning);
	if (denied)
		print_hint("the firmware had reserved it when Stasis started, "
		           "and has no other: reset, and start stasis.efi "
		           "before other programs");
	return EFI_ABORTED;
}

EFI_STATUS report_outcome(const char *what, u64 id,
                          const struct stream_outcome *outcome,
                          const char *hint)
{
	const struct names_entry *n = names_of_result(outcome->state);

	if (outcome->status != HV_STATUS_SUCCESS)
		return report_status(what, id, outcome->status, hint);
	if (outcome->stopped) /* the file has been reported */
		return EFI_ABORTED;
	if (outcome->state == HV_STATE_INCOMPLETE)
		Print(L"hvctl: %a, partition %ld: the stream ends too early, "
		      L"after %ld bytes\n",
		      what, id, outcome->bytes);
	else
		Print(L"hvctl: %a, partition %ld: HvState%a (%d): %a, "
		      L"at byte %ld\n",
		      what, id, n->name, outcome->state, n->meaning,
		      outcome->bytes);
	print_hint(hint);
	return EFI_ABORTED;
}

EFI_STATUS report_file(const char *what, const CHAR16 *path, EFI_STATUS status)
{
	Print(L"hvctl: cannot %a %s: %r\n", what, path, status);
	return status;
}

EFI_STATUS report_memory(u64 pages)
{
	Print(L"hvctl: the firmware has no %ld free pages%a\n"
	      L"  delete a child (hvctl list shows them), or use less mem=\n",
	      pages, pages > 1 ? " in one piece" : "");
	return EFI_OUT_OF_RESOURCES;
}

static void report_header(const struct hv_intercept_header *h)
{
	static const char *const access[] = { "read", "write", "execute" };

	Print(L"  VP %d at %04x:%lx, %a, state 0x%04x, RFLAGS 0x%lx\n",
	      h->vp_index, h->cs.selector, h->rip,
	      h->access_type < ARRAY_LEN(access) ? access[h->access_type] : "?",
	      h->execution_state, h->rflags);
}

static void report_memory_intercept(const void *payload)
{
	const struct hv_memory_intercept *m = payload;

	report_header(&m->header);
	Print(L"  GPA 0x%lx", m->gpa);
	if (m->access_info & HV_MEMORY_ACCESS_GVA_VALID)
		Print(L", linear address 0x%lx", m->gva);
	Print(L"\n");
}

static void report_io_port(const void *payload)
{
	const struct hv_io_port_intercept *m = payload;

	report_header(&m->header);
	Print(L"  port 0x%x, %d bytes%a, RAX 0x%lx\n", m->port,
	      m->access_info & 7,
	      m->access_info & HV_IO_ACCESS_STRING ? ", string" : "", m->rax);
}

static void report_msr(const void *payload)
{
	const struct hv_msr_intercept *m = payload;

	report_header(&m->header);
	Print(L"  MSR 0x%x, RDX 0x%lx, RAX 0x%lx\n", m->msr, m->rdx, m->rax);
}

static void report_cpuid(const void *payload)
{
	const struct hv_cpuid_intercept *m = payload;

	report_header(&m->header);
	Print(L"  CPUID EAX 0x%lx ECX 0x%lx\n", m->rax, m->rcx);
}

static void report_exception(const void *payload)
{
	const struct hv_exception_intercept *m = payload;

	report_header(&m->header);
	Print(L"  vector %d, error code 0x%x%a, parameter 0x%lx\n", m->vector,
	      m->error_code,
	      m->exception_info & HV_EXCEPTION_ERROR_CODE_VALID ? ""
	                                                        : " (none)",
	      m->parameter);
}

static void report_unrecoverable(const void *payload)
{
	report_header(payload);
}

static void report_invalid_register(const void *payload)
{
	const struct hv_invalid_vp_register *m = payload;

	Print(L"  VP %d\n", m->vp_index);
}

static void report_unsupported(const void *payload)
{
	const struct hv_unsupported_feature_message *m = payload;

	Print(L"  VP %d, feature %d, parameter 0x%lx\n", m->vp_index,
	      m->feature, m->parameter);
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

	Print(L"hvctl: child %ld: message %a (0x%08x): %a\n", message->sender,
	      n->name, message->type, n->meaning);
	for (u32 i = 0; i < ARRAY_LEN(payloads); i++)
		if (payloads[i].type == message->type)
			payloads[i].print(message->payload);
}
