/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NMIs by the local APIC: taken with IF clear, blocked until IRET, one more pends meanwhile. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define COUNT SCRATCH
#define NESTED (SCRATCH + 4)
#define APIC 0xfee00000
#define SEND_NMI_AT_EDI movl $0x00004400, 0x300(%rdi) /* to APIC id 0: us */

#define SETTLE mov $1000, %ecx; 75: pause; loop 75b

guest_main:
    SET_GATE(2, nmi)
    movq $0, COUNT
    mov $APIC, %edi
    movl $0x1ff, 0xf0(%rdi)
    cli
    SEND_NMI_AT_EDI
    SETTLE
    mov COUNT, %eax
    EXPECT(%eax, $1)
    /* two more inside the handler: one is kept, and comes after the IRET */
    movl $1, NESTED
    SEND_NMI_AT_EDI
    SETTLE
    mov COUNT, %eax
    EXPECT(%eax, $3)
    PASS

nmi:
    push %rax
    push %rcx
    incl COUNT
    cmpl $1, NESTED
    jne 1f
    movl $0, NESTED
    mov COUNT, %eax
    SEND_NMI_AT_EDI
    SEND_NMI_AT_EDI
    SETTLE
    cmp COUNT, %eax
    je 1f
    FAIL
1:  pop %rcx
    pop %rax
    iretq
