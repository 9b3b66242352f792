/*
 * What a child may have of a processor, feature by feature, as the SDM names them
 * (volume 2, CPUID): for the tests alone, which hold the core's masks against it.
 */
#ifndef ORACLE_FEATURES_H
#define ORACLE_FEATURES_H

#include "include/types.h"

struct oracle_feature {
	u32 leaf, subleaf, reg, bit;
	const char *name;
	u64 components; /* of XCR0 that it works on */
	u64 control;    /* of the VMCS that it is #UD without */
};

const struct oracle_feature *oracle_features(u32 *count);

#endif
