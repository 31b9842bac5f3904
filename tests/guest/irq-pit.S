/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two 8259 and the 8254: set-up, masks, timer interrupts that wake hlt, end of interrupt, the in-service and
 * request registers, sti's one-instruction shadow, and channel 2 read through port 61. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define TICKS SCRATCH
#define SERVICE (SCRATCH + 4)

guest_main:
    SET_GATE(0x20, tick)
    SET_GATE(0x27, spurious)
    movl $0, TICKS
    /* the local APIC lets the 8259's line through (virtual wire): software enable, LINT0 = ExtINT */
    movl $0x1ff, 0xfee000f0
    movl $0x700, 0xfee00350
    /* both controllers: edge triggered, cascade on line 2, vectors 0x20 and 0x28, all lines masked */
    mov $0x11, %al
    out %al, $0x20
    out %al, $0xa0
    mov $0x20, %al
    out %al, $0x21
    mov $0x28, %al
    out %al, $0xa1
    mov $4, %al
    out %al, $0x21
    mov $2, %al
    out %al, $0xa1
    mov $1, %al
    out %al, $0x21
    out %al, $0xa1
    mov $0xff, %al
    out %al, $0x21
    out %al, $0xa1
    in $0x21, %al
    EXPECT(%al, $0xff)

    /* channel 0, mode 2, 1 kHz */
    mov $0x34, %al
    out %al, $0x43
    mov $(1193 & 0xff), %al
    out %al, $0x40
    mov $(1193 >> 8), %al
    out %al, $0x40

    /* masked: the request waits, nothing comes in */
    sti
    mov $0x0a, %al
    out %al, $0x20 /* read the request register */
1:  in $0x20, %al
    test $1, %al
    jz 1b
    cmpl $0, TICKS
    EXPECT_IF(z)
    cli

    /* unmasked: ten ticks, each of which ends a hlt */
    mov $0xfe, %al
    out %al, $0x21
2:  sti
    hlt
    cli
    cmpl $10, TICKS
    jb 2b
    /* while the handler ran, line 0 was in service; now it is not */
    mov SERVICE, %al
    EXPECT(%al, $1)
    mov $0x0b, %al
    out %al, $0x20
    in $0x20, %al
    EXPECT(%al, $0)

    /* From here on ticks are counted one by one, so that the next must not come before the handler of this one ends: 20 Hz, which
     * allows for a slow or busy host.  A new count also ends what a timer owed for ticks that it could not deliver. */
    mov $0x34, %al
    out %al, $0x43
    mov $(59659 & 0xff), %al
    out %al, $0x40
    mov $(59659 >> 8), %al
    out %al, $0x40

    /* interrupts off: no tick, though the line rises */
    mov TICKS, %ebx
    mov $0x0a, %al
    out %al, $0x20
3:  in $0x20, %al
    test $1, %al
    jz 3b
    EXPECT(TICKS, %ebx)
    /* sti takes effect one instruction late: a cli right after it lets nothing in */
    sti
    cli
    EXPECT(TICKS, %ebx)
    sti
    nop
    nop
    cli
    inc %ebx
    EXPECT(TICKS, %ebx)

    /* channel 2, mode 0, gate by port 61: the output rises after about 10 ms, and the count went down */
    mov $0xff, %al
    out %al, $0x21
    in $0x61, %al
    and $0xfc, %al
    or $1, %al
    out %al, $0x61
    mov $0xb0, %al
    out %al, $0x43
    mov $(11932 & 0xff), %al
    out %al, $0x42
    mov $(11932 >> 8), %al
    out %al, $0x42
    in $0x61, %al
    test $0x20, %al
    EXPECT_IF(z)
4:  in $0x61, %al
    test $0x20, %al
    jz 4b

    /* the read-back command latches status and count of channel 0: mode 2, binary, both bytes */
    mov $0xc2, %al
    out %al, $0x43
    in $0x40, %al
    and $0x3f, %al
    EXPECT(%al, $0x34)
    in $0x40, %al
    mov %al, %bl
    in $0x40, %al
    mov %al, %bh
    cmp $59659, %bx
    EXPECT_IF(be)
    PASS

tick:
    push %eax
    incl TICKS
    mov $0x0b, %al
    out %al, $0x20
    in $0x20, %al
    mov %al, SERVICE
    mov $0x20, %al
    out %al, $0x20
    pop %eax
    iret
spurious:
    iret
