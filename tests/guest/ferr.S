/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x87 errors while CR0.NE is 0: interrupt 13 by way of the second 8259, port 0xf0, and x87 instructions that go on behind that port
 * although the error is still there; with CR0.NE set the same error is exception 16.
 * (QEMU 7.2 cannot run this: its own assertion about a lock ends it.) */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define CAME SCRATCH          /* interrupts 13 */
#define EXCEPTIONS (SCRATCH + 4)
#define STATUS (SCRATCH + 8)  /* as the handler saw it */
#define KEEP (SCRATCH + 12)   /* the handler leaves the error */
#define CONTROL (SCRATCH + 16)
#define OUT(port, value) mov $(value), %al; out %al, $(port)
/* 1 / 0 with that exception unmasked; then an instruction that waits, and time for the interrupt. */
#define DIVIDE fninit; fldcw CONTROL; fld1; fldz; fdivrp %st, %st(1)
#define LET_IN nop; nop; nop; nop

guest_main:
    movl $0x1ff, 0xfee000f0
    movl $0x700, 0xfee00350
    SET_GATE(0x2d, got_13)
    SET_GATE(16, got_mf)
    OUT(0x20, 0x11)
    OUT(0xa0, 0x11)
    OUT(0x21, 0x20)
    OUT(0xa1, 0x28)
    OUT(0x21, 4)
    OUT(0xa1, 2)
    OUT(0x21, 1)
    OUT(0xa1, 1)
    OUT(0x21, 0xfb)
    OUT(0xa1, 0xdf)
    movl $0, CAME
    movl $0, EXCEPTIONS
    movl $0, KEEP
    movw $0x37b, CONTROL /* division by zero unmasked */
    mov %cr0, %eax
    and $~0x2c, %eax /* NE, TS, EM */
    or $2, %eax
    mov %eax, %cr0

    sti
    DIVIDE
    fwait
    LET_IN
    mov CAME, %eax
    EXPECT(%eax, $1)
    mov STATUS, %eax
    and $0x84, %eax
    EXPECT(%eax, $0x84) /* ZE, ES */
    fnstsw %ax
    and $0xff, %eax
    EXPECT(%eax, $0)
    fwait
    LET_IN
    mov CAME, %eax
    EXPECT(%eax, $1)

    /* again, and again: the line falls in between */
    DIVIDE
    fldpi /* any instruction that waits */
    LET_IN
    mov CAME, %eax
    EXPECT(%eax, $2)

    /* port 0xf0 without FNCLEX: what waits goes on */
    movl $1, KEEP
    DIVIDE
    fwait
    LET_IN
    mov CAME, %eax
    EXPECT(%eax, $3)
    fwait
    fldpi
    LET_IN
    mov CAME, %eax
    EXPECT(%eax, $3)
    fnstsw %ax
    and $0x84, %eax
    EXPECT(%eax, $0x84)
    fnclex /* FERR# falls, and with it IGNNE# */
    movl $0, KEEP
    DIVIDE
    fwait
    LET_IN
    mov CAME, %eax
    EXPECT(%eax, $4)
    mov EXCEPTIONS, %eax
    EXPECT(%eax, $0)

    /* the native way */
    mov %cr0, %eax
    or $0x20, %eax
    mov %eax, %cr0
    DIVIDE
    fwait
    mov EXCEPTIONS, %eax
    EXPECT(%eax, $1)
    mov CAME, %eax
    EXPECT(%eax, $4)
    PASS

got_13:
    push %eax
    incl CAME
    fnstsw STATUS
    out %al, $0xf0
    cmpl $0, KEEP
    jne 1f
    fnclex
1:  OUT(0xa0, 0x20)
    OUT(0x20, 0x20)
    pop %eax
    iret
got_mf:
    incl EXCEPTIONS
    fnclex
    iret
