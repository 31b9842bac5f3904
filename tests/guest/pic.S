/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Priorities of the two 8259 as a program sees them: lines that wait together come in their order, one in service holds back itself and
 * those below, a specific end of interrupt, rotation, special mask mode, and the two in cascade.
 * Line 0 is the timer's, 8 the clock's (its periodic interrupt), 12 the mouse's (a byte that the keyboard controller is told to
 * show as coming from it). */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define ORDER 0x600
#define NEXT 0x7e0
#define NESTS 0x7d0 /* what the handlers of 0 and 8 do in between */
#define LET_IN sti; nop; nop; nop; cli
#define EXPECT_ORDER(n, vector) mov ORDER + (n), %al; EXPECT(%al, $(vector))
#define START movl $0, ORDER; movl $0, ORDER + 4; movl $ORDER, NEXT
#define OUT(port, value) mov $(value), %al; out %al, $(port)

guest_main:
    movl $0x1ff, 0xfee000f0
    movl $0x700, 0xfee00350 /* LINT0: ExtINT */
    SET_GATE(0x20, got_0)
    SET_GATE(0x2c, got_12)
    SET_GATE(0x27, got_7)
    SET_GATE(0x28, got_8)
    OUT(0x20, 0x11)
    OUT(0xa0, 0x11)
    OUT(0x21, 0x20)
    OUT(0xa1, 0x28)
    OUT(0x21, 4)
    OUT(0xa1, 2)
    OUT(0x21, 1)
    OUT(0xa1, 1)
    OUT(0x21, 0xff)
    OUT(0xa1, 0xff)

    /* all three ask: the timer once, clock and mouse until they are served */
    call ask
    START
    OUT(0xa1, 0xff - 0x11)
    OUT(0x21, 0xff - 0x05)
    LET_IN
    LET_IN
    LET_IN
    EXPECT_ORDER(0, 0x20)
    EXPECT_ORDER(1, 0x28)
    EXPECT_ORDER(2, 0x2c)
    EXPECT_ORDER(3, 0)

    /* the clock in service holds back the mouse, but not the timer, until its end */
    call ask
    START
    OUT(0x21, 0xff - 0x04)
    movl $1, NESTS
    LET_IN
    movl $0, NESTS
    LET_IN
    EXPECT_ORDER(0, 0x28)
    EXPECT_ORDER(1, 0x20) /* let in by its handler */
    EXPECT_ORDER(2, 0x88) /* which then went on */
    EXPECT_ORDER(3, 0x2c)

    /* rotation of the second one: its line 0 is made the lowest, so 12 comes before 8 */
    call ask
    START
    OUT(0xa0, 0xc0)
    OUT(0x21, 0xff - 0x05)
    LET_IN
    LET_IN
    LET_IN
    EXPECT_ORDER(0, 0x20)
    EXPECT_ORDER(1, 0x2c)
    EXPECT_ORDER(2, 0x28)
    OUT(0xa0, 0xc7) /* as it was */
    /* and of the first: 0 is made the lowest */
    call ask
    START
    OUT(0x20, 0xc0)
    OUT(0x21, 0xff - 0x05)
    LET_IN
    LET_IN
    LET_IN
    EXPECT_ORDER(0, 0x28)
    EXPECT_ORDER(1, 0x2c)
    EXPECT_ORDER(2, 0x20)
    OUT(0x20, 0xc7)

    /* special mask mode: with 0 in service and masked, the others come in */
    call ask
    START
    OUT(0x21, 0xff - 0x05)
    movl $2, NESTS
    LET_IN
    movl $0, NESTS
    EXPECT_ORDER(0, 0x20)
    EXPECT_ORDER(1, 0x28)
    EXPECT_ORDER(2, 0x2c)
    EXPECT_ORDER(3, 0x80)
    PASS
/* Lets each of the three raise its line, with all of them masked: waits until the timer and the clock have done so. */
ask:
    OUT(0x21, 0xff)
    OUT(0x43, 0x30) /* channel 0, mode 0: one interrupt when it has counted down */
    OUT(0x40, 100)
    OUT(0x40, 0)
    OUT(0x70, 0x0a)
    OUT(0x71, 0x26) /* 1024 Hz */
    OUT(0x70, 0x0b)
    OUT(0x71, 0x42) /* periodic interrupts, 24 hours */
    OUT(0x70, 0x0c)
    in $0x71, %al
    in $0x60, %al /* what may be left */
    OUT(0x64, 0x60)
    OUT(0x60, 0x02) /* the mouse may interrupt */
    OUT(0x64, 0xd3)
    OUT(0x60, 0x55)
    OUT(0xa0, 0x0a)
    OUT(0x20, 0x0a)
    OUT(0xa1, 0xff - 0x11)
1:  in $0xa0, %al
    and $0x11, %al
    cmp $0x11, %al
    jne 1b
1:  in $0x20, %al
    and $0x05, %al
    cmp $0x05, %al
    jne 1b
    ret

note:
    push %edi
    mov NEXT, %edi
    mov %al, (%edi)
    incl NEXT
    pop %edi
    ret

got_0:
    push %eax
    mov $0x20, %al
    call note
    cmpl $2, NESTS
    jne 1f
    OUT(0x20, 0x68)
    OUT(0x21, 0xff - 0x04) /* mask the one that is in service */
    LET_IN
    OUT(0x20, 0x48)
    mov $0x80, %al
    call note
1:  OUT(0x20, 0x60)
    pop %eax
    iret
got_12:
    push %eax
    mov $0x2c, %al
    call note
    in $0x60, %al
    OUT(0xa0, 0x64)
    OUT(0x20, 0x62)
    pop %eax
    iret
got_8:
    push %eax
    mov $0x28, %al
    call note
    OUT(0x70, 0x0b)
    OUT(0x71, 0x02) /* no more of them */
    OUT(0x70, 0x0c)
    in $0x71, %al
    cmpl $1, NESTS
    jne 1f
    OUT(0x21, 0xff - 0x05)
    LET_IN
    mov $0x88, %al
    call note
1:  OUT(0xa0, 0x60)
    OUT(0x20, 0x62)
    pop %eax
    iret
got_7:
    FAIL
