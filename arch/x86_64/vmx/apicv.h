/*
 * APIC-register virtualization and virtual-interrupt delivery.
 */
#ifndef ARCH_APICV_H
#define ARCH_APICV_H

#include "hv/vp/vp.h"

/*
 * Before an entry of a child: what is in the APIC's page, for a processor that
 * virtualizes it (vendor_delivers). Its VMCS is loaded.
 */
void apicv_show(struct vp *vp);

#endif
