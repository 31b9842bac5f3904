/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SYSENTER and SYSEXIT (SDM vol. 2): the selectors they make up, stack and flags, and when they are refused. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define VECTOR SCRATCH
#define ERROR (SCRATCH + 4)
#define RESUME (SCRATCH + 8)
#define NOTE (SCRATCH + 12)
#define KERNEL_STACK 0x20000
#define FAULT_STACK 0x28000
#define USER_STACK 0x30000
#define SEL_EXIT_CODE (SEL_CODE32 + 16 + 3) /* made up: no descriptor is read */
#define SEL_EXIT_DATA (SEL_CODE32 + 24 + 3)

#define WRITE(msr, value) mov $msr, %ecx; mov $value, %eax; xor %edx, %edx; wrmsr
#define FAULTS(vector, ...) movl $76f, RESUME; movl $0, VECTOR; __VA_ARGS__; FAIL; 76: mov VECTOR, %ecx; EXPECT(%ecx, $vector); \
    mov ERROR, %ecx; EXPECT(%ecx, $0)

guest_main:
    SET_GATE(13, protection)
    mov $TSS, %edi
    xor %eax, %eax
    mov $26, %ecx
    rep stosl
    movl $FAULT_STACK, TSS + 4
    movl $SEL_DATA32, TSS + 8
    movw $0x68, TSS + 0x66
    mov $SEL_TSS, %ax
    ltr %ax

    WRITE(0x174, 0)
    FAULTS(13, sysenter)
    FAULTS(13, sysexit)
    mov $0x40000000, %eax
    cpuid
    cmp $0x54474354, %ebx /* QEMU's TCG takes a null selector with an RPL */
    je 1f
    WRITE(0x174, 3)
    FAULTS(13, sysenter)
1:
    WRITE(0x174, SEL_CODE32)
    WRITE(0x175, KERNEL_STACK)
    WRITE(0x176, entry)
    mov $0x175, %ecx
    rdmsr
    EXPECT(%eax, $KERNEL_STACK)
    mov $0x176, %ecx
    rdmsr
    EXPECT(%eax, $entry)

    /* from ring 0 it is a jump with another stack, and interrupts are off */
    movl $first, NOTE
    sti
    sysenter
    FAIL
first:
    pushf
    testl $0x200, (%esp)
    EXPECT_IF(z)
    EXPECT(%esp, $(KERNEL_STACK - 4))

    /* out to ring 3: flags stay */
    mov $user, %edx
    mov $USER_STACK, %ecx
    std
    sysexit
    FAIL
user:
    pushf
    pop %eax
    test $0x400, %eax
    EXPECT_IF(nz)
    cld
    mov %cs, %eax
    EXPECT(%eax, $SEL_EXIT_CODE)
    mov %ss, %eax
    EXPECT(%eax, $SEL_EXIT_DATA)
    EXPECT(%esp, $USER_STACK)
    mov $SEL_USER_DATA, %eax
    mov %eax, %ds
    movl $0, NOTE
    movl $1f, RESUME
    movl $back, NOTE
    sysexit /* not in ring 3: the handler comes back by SYSEXIT, as the code selector has no descriptor for IRET */
1:  mov VECTOR, %eax
    EXPECT(%eax, $13)
    movl $second, NOTE
    sysenter
    FAIL
second:
    mov %cs, %eax
    EXPECT(%eax, $SEL_CODE32)
    mov %ss, %eax
    EXPECT(%eax, $SEL_DATA32)
    EXPECT(%esp, $KERNEL_STACK)
    PASS

back:
    mov RESUME, %edx
    mov $USER_STACK, %ecx
    sysexit

entry:
    jmp *NOTE

protection:
    movl $13, %ss:VECTOR
    pop %eax
    mov %eax, %ss:ERROR
    testb $3, 4(%esp)
    jnz back
    mov RESUME, %eax
    mov %eax, (%esp)
    iret
