/*
 * Whose processor it is: the test programs are the same for all.
 */
#ifndef GUEST_VENDOR_H
#define GUEST_VENDOR_H

#include "include/types.h"

/* It runs guests by SVM, AMD's, else by VT-x. */
bool vendor_is_svm(void);

/*
 * The programs are written, and built, with VMCALL, in their own code and in the bytes
 * of their children. With SVM the call is VMMCALL, of the same length: it takes the
 * place of each in these bytes.
 */
void vendor_fit_calls(u8 *bytes, u64 size);

#endif
