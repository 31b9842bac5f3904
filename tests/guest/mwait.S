/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MONITOR and MWAIT with two processors: the wait ends when the other one writes the line, when an interrupt comes, and with ECX bit 0
 * also when that is masked; what is refused. Needs -smp 2 and a model with MONITOR. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"
#include "tests/guest/ap.h"

#define ALIVE 0x600
#define ACK 0x604
#define HEARD 0x608
#define PHASE 0x60c
#define WOKE 0x610
#define LINE 0x640 /* has a cache line of its own */
#define VECTOR 0x680
#define RESUME 0x684
#define ROUNDS 50

#define FAULTS(vector, ...) movl $76f, RESUME; movl $0, VECTOR; __VA_ARGS__; FAIL; 76: mov VECTOR, %ebx; EXPECT(%ebx, $vector)
#define UNTIL(place, value) 75: pause; cmpl value, place; jne 75b

guest_main:
    mov $1, %eax
    cpuid
    bt $3, %ecx
    EXPECT_IF(c)
    mov $5, %eax
    cpuid
    and $3, %ecx
    EXPECT(%ecx, $3) /* ECX bit 0 is there */
    SET_GATE(13, protection)
    mov $LINE, %eax
    mov $2, %ecx
    FAULTS(13, monitor)
    mov $2, %ecx
    xor %eax, %eax
    FAULTS(13, mwait)

    movl $0x1ff, APIC + 0xf0
    start_ap 32
    UNTIL(ALIVE, $1)

    /* a store to the line, soon and after a while */
    mov $1, %ebp
1:  mov %ebp, LINE
    UNTIL(ACK, %ebp)
    test $7, %ebp
    jnz 2f
    call pause_a_little
2:  inc %ebp
    cmp $ROUNDS, %ebp
    jb 1b
    movl $-1, LINE /* the other one goes to its next part */
    UNTIL(PHASE, $1)

    /* an interrupt */
    call pause_a_little
    cmpl $0, HEARD
    EXPECT_IF(e)
    SEND(0x50)
    UNTIL(PHASE, $2)
    cmpl $1, HEARD
    EXPECT_IF(e)

    mov $0x40000000, %eax /* QEMU's TCG shows ECX bit 0 in leaf 5, but has #GP for it */
    cpuid
    cmp $0x54474354, %ebx
    je 1f
    /* a masked one: it goes on without it, and takes it later */
    call pause_a_little
    SEND(0x60)
    UNTIL(PHASE, $3)
    mov WOKE, %eax
    EXPECT(%eax, $1) /* what was heard by then */
    cmpl $2, HEARD
    EXPECT_IF(e)
1:  PASS

protection:
    movl $13, VECTOR
    add $4, %esp
    push %eax
    mov RESUME, %eax
    mov %eax, 4(%esp)
    pop %eax
    iret

/* The second processor, in real mode at AP_PAGE, with big segments for its APIC. */
.code16
ap_start:
    ap_enter
    movl $1, ALIVE
    xor %ebx, %ebx
3:  mov $LINE, %eax
    xor %ecx, %ecx
    xor %edx, %edx
    monitor
    cmp %ebx, LINE
    jne 4f
    xor %eax, %eax
    mwait
    jmp 3b
4:  mov LINE, %ebx
    mov %ebx, ACK
    cmp $-1, %ebx
    jne 3b
    movl $1, PHASE
5:  mov $LINE, %eax
    monitor
    xor %eax, %eax
    sti
    mwait
    jmp 9f /* QEMU's MWAIT is still in the shadow of STI */
9:  nop
    jmp 9f
9:  cli
    cmpl $0, HEARD
    je 5b
    movl $2, PHASE
    /* masked: until it is in the local APIC's request register */
6:  testl $1, %fs:0x230(%edi)
    jnz 7f
    mov $LINE, %eax
    xor %ecx, %ecx
    monitor
    xor %eax, %eax
    mov $1, %ecx
    mwait
    jmp 6b
7:  mov HEARD, %eax
    mov %eax, WOKE
    sti
    nop
    cli
    movl $3, PHASE
8:  hlt
    jmp 8b
ap_heard:
    incl HEARD
    movl $0, %fs:0xb0(%edi)
    iret
ap_end:
.code32
