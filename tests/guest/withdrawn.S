/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An interrupt of the 8259 that waits while the processor takes none, and is masked before it does: nothing comes, and the guest goes
 * on (an accelerator that still waited for it to be taken would stop at the sti). */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define OUT(port, value) mov $(value), %al; out %al, $(port)

guest_main:
    movl $0x1ff, 0xfee000f0
    movl $0x700, 0xfee00350 /* LINT0: ExtINT */
    SET_GATE(0x20, came)
    SET_GATE(0x27, came)
    OUT(0x20, 0x11)
    OUT(0x21, 0x20)
    OUT(0x21, 4)
    OUT(0x21, 1)
    mov $100, %ecx
again:
    OUT(0x21, 0xfe)
    OUT(0x43, 0x30)
    OUT(0x40, 50)
    OUT(0x40, 0)
    OUT(0x20, 0x0a)
1:  in $0x20, %al /* it waits, here and in the processor's INTR */
    test $1, %al
    jz 1b
    in $0x21, %al
    OUT(0x21, 0xff)
    sti
    nop
    mov $1000, %edx
1:  dec %edx
    jnz 1b
    cli
    dec %ecx
    jnz again
    PASS
came:
    FAIL
