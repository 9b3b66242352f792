/*
 * A value of its own in every register that a parent can show, so that one that
 * was lost, or is shown under a wrong name, is noticed.
 */
#ifndef CHILD_SMP_MARKS_H
#define CHILD_SMP_MARKS_H

#include "include/types.h"

#define VECTOR_SERVED 0x40  /* in service for ever: nobody ends it */
#define VECTOR_PENDING 0x35 /* and these wait for it */
#define VECTOR_HIGHEST 0x3f

void marks_set(void);

/* All XMM and, where they are, YMM registers; nothing uses them afterwards. */
void marks_set_vectors(void);

#endif
