/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A UART without a bus (PC16550D data sheet).  A bus adapter embeds it, gives it an irq line and a back end,
 * maps uart_ops (8 bytes, opaque: Uart), and calls init, reset, destroy.  Under the big lock.
 */
#ifndef HW_CHAR_UART_H
#define HW_CHAR_UART_H

#include "chardev/char.h"
#include "migration/vmstate.h"
#include "system/irq.h"
#include "system/memory.h"
#include "util/fifo8.h"

#define UART_FIFO 16
#define UART_CLOCK_HZ 1843200

typedef struct Uart {
    /* set by the adapter before uart_init() */
    IrqLine irq;
    CharFe chr;
    /* registers */
    uint8_t rbr;  /* holds the last character read */
    uint8_t ier, fcr, lcr, mcr, lsr, msr, scr;
    uint16_t divisor;
    bool thr_pending;     /* transmitter-empty interrupt, cleared by reading IIR or by writing */
    bool timeout_pending; /* characters waited for four character times */
    uint8_t rx[UART_FIFO], rx_flags[UART_FIFO]; /* queue of received characters and their line errors */
    uint8_t rx_head, rx_num;
    uint8_t tx[UART_FIFO];
    uint8_t tx_head, tx_num;
    Timer timeout;        /* character timeout */
    Timer poll;           /* modem lines of a real line, while the interrupt wants them */
    bool sending;         /* in uart_send(): back ends may call back */
    bool irq_level;       /* as last driven; follows from the registers */
} Uart;

extern const MemOps uart_ops;
extern const VMState uart_state;

bool uart_init(Uart *s, Error **errp); /* connects the back end's callbacks */
void uart_reset(Uart *s);
void uart_destroy(Uart *s);

#endif
