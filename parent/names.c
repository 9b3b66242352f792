/*
 * The tables behind names.h. A meaning is written for the one who made the
 * call and has to do something about it.
 */
#include "parent/names.h"

static const struct names_entry statuses[] = {
	{ HV_STATUS_SUCCESS, "SUCCESS", "done" },
	{ HV_STATUS_INVALID_HYPERCALL_CODE, "INVALID_HYPERCALL_CODE",
	  "the hypervisor has no such call" },
	{ HV_STATUS_INVALID_HYPERCALL_INPUT, "INVALID_HYPERCALL_INPUT",
	  "the control word of the call is malformed" },
	{ HV_STATUS_INVALID_ALIGNMENT, "INVALID_ALIGNMENT",
	  "an input or output block is misaligned or crosses a page" },
	{ HV_STATUS_INVALID_PARAMETER, "INVALID_PARAMETER",
	  "a parameter has a value that is not allowed" },
	{ HV_STATUS_ACCESS_DENIED, "ACCESS_DENIED",
	  "the caller lacks the privilege or is not the parent" },
	{ HV_STATUS_INVALID_PARTITION_STATE, "INVALID_PARTITION_STATE",
	  "the partition is not in a state that allows this" },
	{ HV_STATUS_OPERATION_DENIED, "OPERATION_DENIED",
	  "not now: for example, a VP is not suspended" },
	{ HV_STATUS_UNKNOWN_PROPERTY, "UNKNOWN_PROPERTY",
	  "partitions have no such property" },
	{ HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE, "PROPERTY_VALUE_OUT_OF_RANGE",
	  "the property cannot have this value" },
	{ HV_STATUS_INSUFFICIENT_MEMORY, "INSUFFICIENT_MEMORY",
	  "the memory pool has too few pages" },
	{ HV_STATUS_PARTITION_TOO_DEEP, "PARTITION_TOO_DEEP",
	  "a child may not have children of its own" },
	{ HV_STATUS_INVALID_PARTITION_ID, "INVALID_PARTITION_ID",
	  "there is no such partition" },
	{ HV_STATUS_INVALID_VP_INDEX, "INVALID_VP_INDEX",
	  "no such virtual processor, or it exists already" },
	{ HV_STATUS_INVALID_PORT_ID, "INVALID_PORT_ID",
	  "there is no such port" },
	{ HV_STATUS_INVALID_CONNECTION_ID, "INVALID_CONNECTION_ID",
	  "there is no such connection" },
	{ HV_STATUS_INSUFFICIENT_BUFFERS, "INSUFFICIENT_BUFFERS",
	  "too many messages wait for the receiver already" },
	{ HV_STATUS_NOT_ACKNOWLEDGED, "NOT_ACKNOWLEDGED",
	  "the external interrupt was not taken yet" },
	{ HV_STATUS_INVALID_VP_STATE, "INVALID_VP_STATE",
	  "a VP's registers do not hold together (the log says which rule)" },
	{ HV_STATUS_ACKNOWLEDGED, "ACKNOWLEDGED",
	  "the external interrupt was taken, but not cleared" },
	{ HV_STATUS_INVALID_SAVE_RESTORE_STATE, "INVALID_SAVE_RESTORE_STATE",
	  "no save or restore is open on the partition" },
	{ HV_STATUS_INVALID_SYNIC_STATE, "INVALID_SYNIC_STATE",
	  "the receiver has not enabled its SynIC for this" },
	{ HV_STATUS_OBJECT_IN_USE, "OBJECT_IN_USE",
	  "the page is in use for something else" },
	{ HV_STATUS_NO_DATA, "NO_DATA", "there is nothing to be had" },
	{ HV_STATUS_NO_RESOURCES, "NO_RESOURCES",
	  "the hypervisor has no more of this" },
};

/* Most of the results from 12 on are one feature each that the processor lacks. */
#define CPU_LACKS(number, state, feature)                      \
	{                                                      \
		number, state, "this processor lacks " feature \
	}

/* Incomplete alone goes on; each of the others ends the process (TLFS 2.0a chapter 17). */
static const struct names_entry results[] = {
	{ HV_STATE_COMPLETE, "Complete", "all of the state is through" },
	{ HV_STATE_INCOMPLETE, "Incomplete", "the state goes on" },
	{ HV_STATE_RESTORABLE, "Restorable",
	  "this machine can take the state" },
	{ HV_STATE_CORRUPT_DATA, "CorruptData", "the stream is damaged" },
	{ HV_STATE_UNSUPPORTED_VERSION, "UnsupportedVersion",
	  "the stream's version is not known here" },
	{ HV_STATE_PROCESSOR_FEATURE_MISMATCH, "ProcessorFeatureMismatch",
	  "this processor lacks a feature (the log names it)" },
	{ HV_STATE_HARDWARE_FEATURE_MISMATCH, "HardwareFeatureMismatch",
	  "this machine lacks a feature (the log names it)" },
	{ HV_STATE_PROCESSOR_COUNT_MISMATCH, "ProcessorCountMismatch",
	  "the target has another number of VPs" },
	{ HV_STATE_PROCESSOR_FLAGS_MISMATCH, "ProcessorFlagsMismatch",
	  "a VP of the target was created with other flags" },
	{ HV_STATE_PROCESSOR_INDEX_MISMATCH, "ProcessorIndexMismatch",
	  "the VPs of the target have other indices" },
	{ HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY, "ProcessorInsufficientMemory",
	  "the target's mapped memory or its pool is too small" },
	{ HV_STATE_INCOMPATIBLE_PROCESSOR, "IncompatibleProcessor",
	  "the state is of another kind of processor" },
	CPU_LACKS(12, "ProcessorFeatureSse3Mismatch", "SSE3"),
	CPU_LACKS(13, "ProcessorFeatureLahfSahfMismatch", "LAHF and SAHF"),
	CPU_LACKS(14, "ProcessorFeatureSsse3Mismatch", "SSSE3"),
	CPU_LACKS(15, "ProcessorFeatureSse41Mismatch", "SSE4.1"),
	CPU_LACKS(16, "ProcessorFeatureSse42Mismatch", "SSE4.2"),
	CPU_LACKS(17, "ProcessorFeatureSse4aMismatch", "SSE4a"),
	CPU_LACKS(18, "ProcessorFeatureSse5Mismatch", "SSE5"),
	CPU_LACKS(19, "ProcessorFeaturePopcntMismatch", "POPCNT"),
	CPU_LACKS(20, "ProcessorFeatureCmpxchg16bMismatch", "CMPXCHG16B"),
	CPU_LACKS(21, "ProcessorFeatureAltmovcr8Mismatch", "LOCK MOV CR0"),
	CPU_LACKS(22, "ProcessorFeatureLzcntMismatch", "LZCNT"),
	CPU_LACKS(23, "ProcessorFeatureMisalignedSseMismatch",
	          "misaligned SSE"),
	CPU_LACKS(24, "ProcessorFeatureMmxExtMismatch", "extended MMX"),
	CPU_LACKS(25, "ProcessorFeature3DNowMismatch", "3DNow"),
	CPU_LACKS(26, "ProcessorFeatureExtended3DNowMismatch",
	          "extended 3DNow"),
	CPU_LACKS(27, "ProcessorFeaturePage1GBMismatch", "1-GiB pages"),
	{ HV_STATE_CLFLUSH_SIZE_MISMATCH, "CacheLineFlushSizeMismatch",
	  "this processor's CLFLUSH line has another size" },
	CPU_LACKS(29, "ProcessorFeatureXsaveMismatch", "XSAVE"),
	CPU_LACKS(30, "ProcessorFeatureXsaveoptMismatch", "XSAVEOPT"),
	CPU_LACKS(31, "ProcessorFeatureXsaveLegacySseMismatch",
	          "legacy SSE state in XSAVE"),
	CPU_LACKS(32, "ProcessorFeatureXsaveAvxMismatch", "AVX state"),
	CPU_LACKS(33, "ProcessorFeatureXsaveUnknownFeatureMismatch",
	          "an XSAVE component"),
	{ HV_STATE_XSAVE_AREA_MISMATCH, "XsaveSaveAreaMismatch",
	  "this processor lays out the XSAVE area differently" },
	CPU_LACKS(35, "ProcessorFeatureAesMismatch", "AES"),
	CPU_LACKS(36, "ProcessorFeaturePclmulqdqMismatch", "PCLMULQDQ"),
	CPU_LACKS(37, "ProcessorFeaturePcidMismatch", "PCID"),
	CPU_LACKS(38, "ProcessorFeatureFma4Mismatch", "FMA4"),
	CPU_LACKS(39, "ProcessorFeatureF16cMismatch", "F16C"),
	CPU_LACKS(40, "ProcessorFeatureRdrandMismatch", "RDRAND"),
	CPU_LACKS(41, "ProcessorFeatureFsgsbaseMismatch", "FSGSBASE"),
	CPU_LACKS(42, "ProcessorFeatureSmepMismatch", "SMEP"),
	CPU_LACKS(43, "ProcessorFeatureErmsMismatch", "enhanced REP MOVSB"),
	CPU_LACKS(44, "ProcessorFeatureFmaMismatch", "FMA"),
	CPU_LACKS(45, "ProcessorFeatureAvx2Mismatch", "AVX2"),
	CPU_LACKS(46, "ProcessorFeatureBmi1Mismatch", "BMI1"),
	CPU_LACKS(47, "ProcessorFeatureBmi2Mismatch", "BMI2"),
	CPU_LACKS(48, "ProcessorFeatureHleMismatch", "HLE"),
	CPU_LACKS(49, "ProcessorFeatureRtmMismatch", "RTM"),
	CPU_LACKS(50, "ProcessorFeatureMovbeMismatch", "MOVBE"),
	CPU_LACKS(51, "ProcessorFeatureNpiep1Mismatch", "NPIEP1"),
};

/* All types that this hypervisor sends; test_hvctl.py compares with include/. */
static const struct names_entry messages[] = {
	{ HV_MESSAGE_NONE, "None", "the slot is free" },
	{ HV_MESSAGE_UNMAPPED_GPA, "UnmappedGpa",
	  "an access to memory that is not mapped" },
	{ HV_MESSAGE_GPA_INTERCEPT, "GpaIntercept",
	  "an access that the page's rights forbid" },
	{ HV_MESSAGE_TIMER_EXPIRED, "TimerExpired",
	  "a synthetic timer has expired" },
	{ HV_MESSAGE_INVALID_VP_REGISTER_VALUE, "InvalidVpRegisterValue",
	  "the registers do not fit together" },
	{ HV_MESSAGE_UNRECOVERABLE_EXCEPTION, "UnrecoverableException",
	  "a triple fault" },
	{ HV_MESSAGE_UNSUPPORTED_FEATURE, "UnsupportedFeature",
	  "something that the hypervisor cannot do" },
	{ HV_MESSAGE_IO_PORT_INTERCEPT, "IoPortIntercept",
	  "an access to an I/O port" },
	{ HV_MESSAGE_MSR_INTERCEPT, "MsrIntercept", "an access to an MSR" },
	{ HV_MESSAGE_CPUID_INTERCEPT, "CpuidIntercept", "a CPUID" },
	{ HV_MESSAGE_EXCEPTION_INTERCEPT, "ExceptionIntercept",
	  "an exception" },
};

/*
 * A newer hypervisor may answer what is not in a table: then the number, which all
 * callers print beside the name, is what there is to look up.
 */
static const struct names_entry unknown = {
	0, "unknown", "a value that this program does not know"
};

static const struct names_entry *find(const struct names_entry *table,
                                      size_t count, u32 value)
{
	/* From front to back: names are asked for once a failure, in no order. */
	for (size_t i = 0; i < count; i++)
		if (table[i].value == value)
			return &table[i];
	return &unknown;
}

const struct names_entry *names_of_status(u32 status)
{
	return find(statuses, ARRAY_LEN(statuses), status);
}

const struct names_entry *names_of_result(u32 state)
{
	return find(results, ARRAY_LEN(results), state);
}

const struct names_entry *names_of_message(u32 type)
{
	return find(messages, ARRAY_LEN(messages), type);
}
