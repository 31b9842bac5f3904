/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ring 3 in long mode: iret to user code, interrupts back through the TSS's stack, syscall and sysret, what user code
 * may not do (#GP, #PF with the user bit), IOPL and the permission bitmap. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define USER_STACK 0x30000
#define KERNEL_STACK 0x20000
#define STEP SCRATCH /* what the kernel side saw last */
#define ERROR (SCRATCH + 8)

/* EXPECT for ring 3: opens the ports before it fails */
#define EXPECT3(got, wanted) cmp wanted, got; je 77f; mov $__LINE__, %edi; jmp user_fail; 77:

guest_main:
    SET_GATE_DPL(0x80, service, 3)
    SET_GATE(13, protection)
    SET_GATE(14, page_fault)
    /* the TSS: stack for ring 0, the permission bitmap past the limit */
    mov $TSS, %edi
    xor %eax, %eax
    mov $26, %ecx
    rep stosl
    movq $KERNEL_STACK, TSS + 4
    movw $0x68, TSS + 102
    mov $SEL_TSS, %ax
    ltr %ax
    str %bx
    EXPECT(%bx, $SEL_TSS)
    mov GDT + SEL_TSS + 5, %al
    and $0x0f, %al
    EXPECT(%al, $0x0b) /* marked busy */

    /* syscall: selectors, entry, flags to clear */
    mov $0xc0000080, %ecx
    rdmsr
    or $1, %eax
    wrmsr
    mov $0xc0000081, %ecx
    xor %eax, %eax
    mov $((SEL_USER32 << 16) | SEL_CODE64), %edx
    wrmsr
    mov $0xc0000082, %ecx
    mov $system_call, %eax
    xor %edx, %edx
    wrmsr
    mov $0xc0000084, %ecx
    mov $0x400, %eax /* the direction flag */
    wrmsr

    pushq $SEL_USER_DATA
    pushq $USER_STACK
    pushq $0x2
    pushq $SEL_USER64
    pushq $user
    iretq

user:
    mov %cs, %eax
    EXPECT3(%eax, $SEL_USER64)
    mov %ss, %eax
    EXPECT3(%eax, $SEL_USER_DATA)
    EXPECT3(%rsp, $USER_STACK)
    /* a software interrupt changes to the TSS's stack, and comes back */
    mov $5, %eax
    int $0x80
    EXPECT3(%eax, $6)
    EXPECT3(%rsp, $USER_STACK)
    mov STEP, %rax
    EXPECT3(%rax, $(KERNEL_STACK - 40))
    /* syscall: return address in rcx, flags in r11, masked flags clear inside */
    std
    mov $7, %eax
    syscall
after_syscall:
    EXPECT3(%eax, $8)
    cld
    EXPECT3(%rcx, $after_syscall)
    mov %r11, %rbx
    and $0x400, %ebx
    EXPECT3(%ebx, $0x400)
    mov %cs, %eax
    EXPECT3(%eax, $SEL_USER64)
    mov %ss, %eax
    EXPECT3(%eax, $SEL_USER_DATA)
    mov STEP, %rax
    EXPECT3(%rax, $SEL_CODE64)

    /* what is not allowed: each is a #GP with error code 0, but for the interrupt gate */
#define REFUSED(code, instruction...) movq $-1, ERROR; mov $78f, %ebx; instruction; 78: mov ERROR, %rax; EXPECT3(%rax, $(code))
    REFUSED(0, cli)
    REFUSED(0, hlt)
    REFUSED(0, in $0x80, %al)
    REFUSED(0, mov %cr0, %rax)
    REFUSED(0, wrmsr)
    REFUSED(0, lgdt SCRATCH)
    movq $-1, ERROR
    mov $1f, %ebx
    int $0x20
1:  mov ERROR, %rax
    and $7, %eax /* the IDT bit; the vector beside it is not checked, for QEMU 7.2 gives it times 16 */
    EXPECT3(%eax, $2)
    REFUSED(SEL_CODE64, mov $SEL_CODE64, %eax; mov %eax, %ds)
    /* a supervisor page: #PF, present and user */
    mov $9, %eax
    int $0x80
    REFUSED(5, mov 0x200000, %rax)
    REFUSED(7, movl $1, 0x200000)
    /* popf from ring 3 changes neither IF nor IOPL */
    pushq $0x3202
    popfq
    pushfq
    pop %rax
    and $0x3200, %eax
    EXPECT3(%eax, $0)
    /* with IOPL 3 ports are open: that is how this test ends */
    mov $10, %eax
    int $0x80
    PASS

user_fail:
    mov $10, %eax
    int $0x80
    mov %edi, %eax
    jmp guest_fail

service: /* int 0x80: 5 answers 6; 9 takes the second 2 MiB from the user; 10 opens the ports */
    mov %rsp, STEP
    cmp $5, %eax
    jne 1f
    inc %eax
    iretq
1:  cmp $9, %eax
    jne 2f
    andb $0xfb, TABLES + 0x2008
    mov %cr3, %rax
    mov %rax, %cr3
    iretq
2:  orq $0x3000, 16(%rsp)
    iretq

system_call: /* on the user's stack */
    mov %cs, STEP
    movl $0, STEP + 2
    inc %eax
    push %rax
    pushfq
    pop %rax
    test $0x400, %eax
    pop %rax
    jz 1f
    mov $0, %eax
1:  sysretq

protection:
page_fault: /* notes the error code and goes on at ebx */
    pop %rax
    mov %rax, ERROR
    mov %rbx, (%rsp)
    iretq
