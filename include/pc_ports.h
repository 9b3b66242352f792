/*
 * I/O ports and device registers that all PCs have: PCI's configuration space,
 * reset, the first serial port.
 */
#ifndef STASIS_PC_PORTS_H
#define STASIS_PC_PORTS_H

#include "include/types.h"

#define PORT_PCI_ADDRESS 0xcf8
#define PORT_PCI_DATA 0xcfc
#define PCI_ENABLE BIT(31) /* of what is written to the address port */

#define PORT_RESET_CONTROL 0xcf9
#define PORT_KEYBOARD 0x64

#define PORT_COM1 0x3f8

/* Registers of a 16550, from its first port on. */
#define UART_DATA 0u       /* with LCR_DIVISOR: the divisor's low byte */
#define UART_INTERRUPTS 1u /* with LCR_DIVISOR: its high byte */
#define UART_FIFO 2u
#define UART_LINE_CONTROL 3u
#define UART_MODEM_CONTROL 4u
#define UART_LINE_STATUS 5u
#define UART_MODEM_STATUS 6u
#define UART_SCRATCH 7u /* a 16550 keeps what is written here */

#define LCR_DIVISOR 0x80 /* of its line control: DLAB */

/* Of its line status. */
#define LINE_STATUS_RECEIVED 0x01
#define LINE_STATUS_CAN_SEND 0x20

#endif
