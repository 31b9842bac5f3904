/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC's timer in TSC deadline mode follows a TSC that was written: neither early nor never, also when the
 * deadline was armed before the write (SDM vol. 3, 11.5.4.1). A reset moves the TSC in the same way. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define APIC 0xfee00000
#define VECTOR 0x41
#define IRR_BIT (APIC + 0x200 + (VECTOR / 32) * 0x10)
#define MSR_TSC 0x10
#define MSR_DEADLINE 0x6e0

guest_main:
    mov $1, %eax
    cpuid
    bt $24, %ecx                /* without the mode there is nothing to test */
    jnc done
    SET_GATE(VECTOR, tick)
    mov $APIC, %ebx
    movl $0x1ff, 0xf0(%rbx)     /* software enable */
    movl $0x40000 | VECTOR, 0x320(%rbx)

    /* A TSC set back to 0 after 20 ms: the deadline of 10 ms is not past. */
1:  call read_tsc
    cmp $20000000, %rax
    jb 1b
    xor %eax, %eax
    mov $MSR_TSC, %ecx
    call write_msr
    mov $10000000, %eax
    call arm
    call wait_fired
    EXPECT(%r13, $1)

    /* A TSC set forward by 2^40: a deadline just after it comes. */
    mov $1, %eax
    shl $40, %rax
    mov $MSR_TSC, %ecx
    call write_msr
    call read_tsc
    add $1000000, %rax
    call arm
    call wait_fired
    EXPECT(%r13, $1)

    /* A far deadline, and then a TSC set forward past it. Linux's KVM does not arm its timer anew then. */
    mov $0x40000000, %eax
    cpuid
    cmp $0x4b4d564b, %ebx
    je done
    mov $0x40000100, %eax
    cpuid
    cmp $0x4b4d564b, %ebx
    je done
    mov $APIC, %ebx
    call read_tsc
    mov $1, %edx
    shl $41, %rdx
    add %rdx, %rax
    call arm
    EXPECT(%r13, $0)
    mov %r14, %rax
    add $1000, %rax
    mov $MSR_TSC, %ecx
    call write_msr
    call wait_fired
    EXPECT(%r13, $1)
done:
    PASS

/* Arms the deadline %rax and remembers it in %r14; %r13 tells whether it fired at once. */
arm:
    mov %rax, %r14
    mov $MSR_DEADLINE, %ecx
    call write_msr
    call fired
    ret

/* Waits for the request up to 2 s past the deadline %r14. %r13: 1 it came in time, 0 never, 2 early. The request is
 * then taken, for the next. */
wait_fired:
    mov $0, %r13
1:  call read_tsc
    mov %rax, %r15
    call fired
    test %r13, %r13
    jnz 2f
    mov %r14, %rdx
    add $2000000000, %rdx
    cmp %rdx, %r15
    jb 1b
    ret
2:  call read_tsc
    cmp %r14, %rax
    jae 3f
    mov $2, %r13
    ret
3:  mov $1, %r13
    sti                         /* the handler of this vector ends the interrupt */
    nop
    nop
    cli
    ret

tick:
    movl $0, 0xb0(%rbx)
    iretq

fired:
    xor %r13, %r13
    mov $IRR_BIT, %edx
    mov (%rdx), %edx
    bt $VECTOR % 32, %edx
    adc $0, %r13
    ret

read_tsc:
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    ret

write_msr:
    mov %rax, %rdx
    shr $32, %rdx
    wrmsr
    ret
