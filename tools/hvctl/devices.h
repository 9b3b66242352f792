/*
 * The devices that hvctl is to its children.
 */
#ifndef STASIS_HVCTL_DEVICES_H
#define STASIS_HVCTL_DEVICES_H

#include "parent/device.h"

/* Their states fit into BOOK_DEVICES bytes. */
extern const struct device_table devices_table;

#endif
