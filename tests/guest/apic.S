/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Priorities of the local APIC (IRR, ISR, TPR, PPR, EOI, nesting) by interrupts that a processor sends itself, and messages to two
 * processors by every kind of destination: physical, logical flat and cluster, the shorthands, lowest priority, NMI. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define APIC 0xfee00000
#define EOI APIC + 0xb0
#define TPR APIC + 0x80
#define PPR APIC + 0xa0
#define ICR APIC + 0x300
#define AP_PAGE 0x9000
#define ORDER 0x600          /* vectors as they came, on processor 0 */
#define COUNT 0x700          /* how many came: to processor 0, and 0x80 further to 1; a byte each vector of 0x50..0x5f, NMI first */
#define ALIVE 0x7f0
#define SELF 0x40000
#define ALL 0x80000
#define OTHERS 0xc0000

#define SEND(low) movl $(low), ICR
#define TO(dest, low) movl $((dest) << 24), APIC + 0x310; SEND(low)
#define EXPECT_ORDER(n, vector) mov ORDER + (n), %al; EXPECT(%al, $(vector))
#define START movl $0, ORDER; movl $0, ORDER + 4; movl $ORDER, NEXT
#define NEXT 0x7e0
#define LET_IN sti; nop; nop; cli
#define IRR(vector) APIC + 0x200 + (vector) / 32 * 16
#define ISR(vector) APIC + 0x100 + (vector) / 32 * 16
/* Waits until a counter has a value; what does not come ends in the time limit. */
#define WAIT(cpu, vector, n) 1: pause; cmpb $(n), COUNT + (cpu) * 0x80 + (vector) % 16; jne 1b
#define CHECK_COUNT(cpu, vector, n) mov COUNT + (cpu) * 0x80 + (vector) % 16, %al; EXPECT(%al, $(n))

guest_main:
    mov $0x600, %edi
    xor %eax, %eax
    mov $0x80, %ecx
    rep stosl
    movl $0x1ff, APIC + 0xf0
    movl $0, TPR
    SET_GATE(0x31, got_31)
    SET_GATE(0x41, got_41)
    SET_GATE(0x45, got_45)
    SET_GATE(0x52, got_52)
    SET_GATE(0x53, got_53)
    SET_GATE(0x61, got_61)

    /* pending together: the highest first */
    START
    SEND(SELF + 0x31)
    SEND(SELF + 0x53)
    SEND(SELF + 0x52)
    mov IRR(0x31), %eax
    and $(1 << 0x11), %eax
    EXPECT(%eax, $(1 << 0x11))
    mov IRR(0x53), %eax
    and $(3 << 0x12), %eax
    EXPECT(%eax, $(3 << 0x12))
    LET_IN
    EXPECT_ORDER(0, 0x53)
    EXPECT_ORDER(1, 0x52)
    EXPECT_ORDER(2, 0x31)
    EXPECT_ORDER(3, 0)
    mov IRR(0x53), %eax
    and $(3 << 0x12), %eax
    EXPECT(%eax, $0)

    /* the task priority holds back its class and those below */
    START
    movl $0x50, TPR
    mov PPR, %eax
    EXPECT(%eax, $0x50)
    SEND(SELF + 0x53)
    SEND(SELF + 0x61)
    LET_IN
    EXPECT_ORDER(0, 0x61)
    EXPECT_ORDER(1, 0)
    movl $0x4f, TPR
    LET_IN
    EXPECT_ORDER(1, 0x53)
    movl $0, TPR

    /* nested: 0x41's handler lets others in; 0x45 is of its class and waits for the end, 0x61 is above */
    START
    SEND(SELF + 0x41)
    LET_IN
    EXPECT_ORDER(0, 0x41)
    EXPECT_ORDER(1, 0x61)
    EXPECT_ORDER(2, 0x42) /* 0x41 goes on */
    EXPECT_ORDER(3, 0x45)
    EXPECT_ORDER(4, 0)

    /* the same vector again while it waits: once; while it is in service: once more */
    START
    SEND(SELF + 0x31)
    SEND(SELF + 0x31)
    LET_IN
    EXPECT_ORDER(0, 0x31)
    EXPECT_ORDER(1, 0)

    /* the second processor: its own gates count */
    SET_GATE(2, got_nmi)
.irp vector, 0x50, 0x51, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59
    SET_GATE(\vector, count_\vector)
.endr
    mov $(ap_end - ap_start), %ecx
    mov $ap_start, %esi
    mov $AP_PAGE, %edi
    rep movsb
    TO(1, 0x4500)
    call pause_a_little
    TO(1, 0x4600 | AP_PAGE >> 12)
    call pause_a_little
    TO(1, 0x4600 | AP_PAGE >> 12)
1:  pause
    cmpl $1, ALIVE
    jne 1b
    movl $0xffffffff, APIC + 0xe0 /* flat */
    movl $0x01000000, APIC + 0xd0
    sti
    TO(1, 0x4050) /* physical */
    WAIT(1, 0x50, 1)
    TO(0xff, 0x4051) /* physical, everybody */
    WAIT(1, 0x51, 1)
    WAIT(0, 0x51, 1)
    TO(2, 0x4850) /* logical */
    WAIT(1, 0x50, 2)
    TO(3, 0x4854)
    WAIT(1, 0x54, 1)
    WAIT(0, 0x54, 1)
    SEND(OTHERS + 0x4055)
    WAIT(1, 0x55, 1)
    SEND(ALL + 0x4056)
    WAIT(1, 0x56, 1)
    WAIT(0, 0x56, 1)
    CHECK_COUNT(0, 0x50, 0)
    CHECK_COUNT(0, 0x55, 0)
    TO(1, 0x4400) /* NMI */
2:  pause
    cmpb $1, COUNT + 0x8f
    jne 2b
    TO(3, 0x4957) /* lowest priority: one of the two */
3:  pause
    mov COUNT + 7, %al
    add COUNT + 0x87, %al
    jz 3b
    call pause_a_little
    mov COUNT + 7, %al
    add COUNT + 0x87, %al
    EXPECT(%al, $1)
    movl $0x0fffffff, APIC + 0xe0 /* cluster model: cluster 1, member 1; the other one stays flat and is not meant */
    movl $0x11000000, APIC + 0xd0
    TO(0x11, 0x4858)
    WAIT(0, 0x58, 1)
    TO(0, 0x4059) /* oneself, physical */
    WAIT(0, 0x59, 1)
    PASS

pause_a_little:
    push %ecx
    push %eax
    mov $2000, %ecx
8:  in $0x80, %al
    loop 8b
    pop %eax
    pop %ecx
    ret

/* Appends the vector to the list. */
note:
    push %edi
    mov NEXT, %edi
    mov %al, (%edi)
    incl NEXT
    pop %edi
    ret
.irp vector, 0x31, 0x45, 0x52, 0x53, 0x61
.if \vector == 0x31
got_31:
.elseif \vector == 0x45
got_45:
.elseif \vector == 0x52
got_52:
.elseif \vector == 0x53
got_53:
.else
got_61:
.endif
    push %eax
    mov $\vector, %al
    call note
    movl $0, EOI
    pop %eax
    iret
.endr
got_41:
    push %eax
    mov $0x41, %al
    call note
    mov ISR(0x41), %eax
    and $2, %eax
    EXPECT(%eax, $2)
    mov PPR, %eax
    and $0xf0, %eax
    EXPECT(%eax, $0x40)
    SEND(SELF + 0x45)
    SEND(SELF + 0x61)
    LET_IN
    mov $0x42, %al
    call note
    movl $0, EOI
    pop %eax
    iret

/* Counts on the processor that it runs on. */
.irp vector, 0x50, 0x51, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59
count_\vector:
    push %eax
    mov $(\vector % 16), %eax
    jmp count
.endr
count:
    push %ecx
    mov APIC + 0x20, %ecx
    shr $24, %ecx
    shl $7, %ecx
    lock incb COUNT(%eax, %ecx)
    movl $0, EOI
    pop %ecx
    pop %eax
    iret
got_nmi:
    push %ecx
    mov APIC + 0x20, %ecx
    shr $24, %ecx
    shl $7, %ecx
    incb COUNT + 0xf(%ecx)
    pop %ecx
    iret

.code16
ap_start:
    cli
    lgdtl %cs:(ap_gdtr - ap_start)
    lidtl %cs:(ap_idtr - ap_start)
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $SEL_CODE32, $ap_protected
ap_gdtr:
    .word 0x5f
    .long GDT
ap_idtr:
    .word 0x7ff
    .long IDT
ap_end:
.code32
ap_protected:
    mov $SEL_DATA32, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7800, %esp
    movl $0x1ff, APIC + 0xf0
    movl $0xffffffff, APIC + 0xe0
    movl $0x02000000, APIC + 0xd0
    movl $0, TPR
    movl $1, ALIVE
1:  sti
    hlt
    jmp 1b
