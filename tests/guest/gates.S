/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Call gates with parameters and a change of privilege, far returns to an outer level, conforming code, interrupt gates from ring 3,
 * and the error codes of selectors that may not be used (SDM vol. 3, chapter 5). */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define ERROR SCRATCH
#define VECTOR (SCRATCH + 4)
#define RESUME (SCRATCH + 8)
#define RETURN_SP (SCRATCH + 12)
#define GDTR (SCRATCH + 0x40)
#define KERNEL_STACK 0x20000
#define USER_STACK 0x30000
#define SEL_GATE 0x60       /* call gate, DPL 3, two parameters */
#define SEL_GATE0 0x68      /* call gate, DPL 0 */
#define SEL_ABSENT 0x70     /* data, not present */
#define SEL_CONFORMING 0x78
#define SEL_READONLY 0x80
#define SEL_SMALL 0x88      /* data, limit 0xfff, expand down */

/* The instruction raises this vector with this error code; clobbers ecx. */
#define FAULTS(vector, error, ...) movl $76f, RESUME; movl $0, VECTOR; __VA_ARGS__; 76: mov VECTOR, %ecx; EXPECT(%ecx, $vector); \
    mov ERROR, %ecx; EXPECT(%ecx, $error)

.macro descriptor sel, low, high
    movl $\low, GDT + \sel
    movl $\high, GDT + \sel + 4
.endm
.macro call_gate sel, target, access
    mov $\target, %eax
    mov %ax, GDT + \sel
    movw $SEL_CODE32, GDT + \sel + 2
    movw $\access, GDT + \sel + 4
    shr $16, %eax
    mov %ax, GDT + \sel + 6
.endm

guest_main:
    movw $0xff, GDTR
    movl $GDT, GDTR + 2
    lgdt GDTR
    SET_GATE(10, fault_ts)
    SET_GATE(11, fault_np)
    SET_GATE(12, fault_ss)
    SET_GATE(13, fault_gp)
    SET_GATE_DPL(0x80, service, 3)
    SET_GATE(0x81, service)
    mov $TSS, %edi
    xor %eax, %eax
    mov $26, %ecx
    rep stosl
    movl $KERNEL_STACK, TSS + 4
    movl $SEL_DATA32, TSS + 8
    movw $0x68, TSS + 102
    mov $SEL_TSS, %ax
    ltr %ax
    call_gate SEL_GATE, gate_target, 0xec02
    call_gate SEL_GATE0, gate_target, 0x8c00
    descriptor SEL_ABSENT, 0x0000ffff, 0x00cf1300
    descriptor SEL_CONFORMING, 0x0000ffff, 0x00cf9f00
    descriptor SEL_READONLY, 0x0000ffff, 0x00cf9100
    descriptor SEL_SMALL, 0x00000fff, 0x00409600

    /* loading what may not be loaded */
    mov $SEL_ABSENT, %eax
    FAULTS(11, SEL_ABSENT, mov %ax, %es)
    FAULTS(12, SEL_ABSENT, mov %ax, %ss)
    mov $SEL_READONLY, %eax
    FAULTS(13, SEL_READONLY, mov %ax, %ss)
    mov $0x100, %eax
    FAULTS(13, 0x100, mov %ax, %ds)
    mov $0x14, %eax
    FAULTS(13, 0x14, mov %ax, %fs) /* no LDT */
    mov $0, %eax
    FAULTS(13, 0, mov %ax, %ss)
    mov $SEL_TSS, %eax
    FAULTS(13, SEL_TSS, mov %ax, %gs)
    FAULTS(13, SEL_TSS, ltr %ax) /* busy */
    mov $SEL_CODE32, %eax
    FAULTS(13, SEL_CODE32, lldt %ax)
    FAULTS(13, SEL_DATA32, ljmp $SEL_DATA32, $0)
    FAULTS(13, SEL_USER32 & ~3, ljmp $SEL_USER32, $0)
    FAULTS(13, 0, ljmp $0, $0)
    FAULTS(13, 0x90 * 8 + 2, int $0x90) /* no such gate */
    /* a read-only segment, and one that grows down; the oracle (QEMU's TCG) checks neither */
    mov $0x40000000, %eax
    cpuid
    cmp $0x54474354, %ebx
    je 1f
    mov $SEL_READONLY, %eax
    mov %ax, %es
    FAULTS(13, 0, mov %eax, %es:SCRATCH + 0x80)
    mov %es:SCRATCH, %ebx
    mov $SEL_SMALL, %eax
    mov %ax, %es
    FAULTS(13, 0, mov %es:0xffc, %ebx)
    mov %es:0x1000, %ebx
    mov GDT + SEL_SMALL + 5, %al
    test $1, %al
    EXPECT_IF(nz) /* accessed */
1:
    /* conforming code from ring 0, by call; same privilege, same stack */
    lcall $SEL_CONFORMING, $conforming
    EXPECT(%ebx, $SEL_CONFORMING)
    /* through the gate without a change of level: no parameters copied */
    mov %esp, %esi
    lcall $SEL_GATE0, $0
    EXPECT(%ebx, $1)
    EXPECT(%esp, %esi)

    /* to ring 3, with IOPL 3 for its output */
    mov $STACK_TOP, %esp
    pushl $SEL_USER_DATA
    pushl $USER_STACK
    pushl $0x3002
    pushl $SEL_USER32
    pushl $user
    iret

conforming:
    mov %cs, %ebx
    lret

/* by lcall from ring 3 with two parameters, or from ring 0 with none */
gate_target:
    mov %cs, %eax
    EXPECT(%eax, $SEL_CODE32)
    mov 4(%esp), %eax
    test $3, %al
    jnz 1f
    mov $1, %ebx
    lret
1:  EXPECT(%esp, $(KERNEL_STACK - 24))
    mov %ss, %eax
    EXPECT(%eax, $SEL_DATA32)
    mov 8(%esp), %eax
    EXPECT(%eax, $0x2222)
    mov 12(%esp), %eax
    EXPECT(%eax, $0x1111)
    mov 20(%esp), %eax
    EXPECT(%eax, $SEL_USER_DATA)
    mov 16(%esp), %eax
    EXPECT(%eax, $(USER_STACK - 8))
    mov $SEL_DATA32, %eax
    mov %ax, %fs /* must not be left to ring 3 */
    mov $2, %ebx
    lret $8

service: /* from ring 3: the frame is on the TSS's stack */
    EXPECT(%esp, $(KERNEL_STACK - 20))
    mov 4(%esp), %eax
    EXPECT(%eax, $SEL_USER32)
    mov $3, %ebx
    iret

user:
    mov $SEL_USER_DATA, %eax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %fs
    pushl $0x1111
    pushl $0x2222
    lcall $SEL_GATE, $0
    EXPECT(%ebx, $2)
    EXPECT(%esp, $USER_STACK)
    mov %fs, %eax
    EXPECT(%eax, $0) /* null after the return */
    mov %cs, %eax
    EXPECT(%eax, $SEL_USER32)
    int $0x80
    EXPECT(%ebx, $3)
    EXPECT(%esp, $USER_STACK)
    /* what ring 3 may not do */
    FAULTS(13, 0x81 * 8 + 2, int $0x81)
    FAULTS(13, SEL_GATE0, lcall $SEL_GATE0, $0)
    FAULTS(13, SEL_CODE32, ljmp $SEL_CODE32, $0)
    mov $SEL_DATA32, %eax
    FAULTS(13, SEL_DATA32, mov %ax, %es)
    FAULTS(13, SEL_DATA32, mov %ax, %ss)
    FAULTS(13, 0, hlt)
    FAULTS(13, 0, mov %cr0, %eax)
    FAULTS(13, 0, lgdt GDTR)
    FAULTS(13, 0, clts)
    lcall $(SEL_CONFORMING | 3), $conforming
    EXPECT(%ebx, $(SEL_CONFORMING | 3)) /* the privilege stays */
    /* rights that can be asked for */
    mov $SEL_DATA32, %eax
    verr %ax
    EXPECT_IF(nz)
    mov $SEL_USER_DATA, %eax
    verw %ax
    EXPECT_IF(z)
    lsl %eax, %ebx
    EXPECT_IF(z)
    EXPECT(%ebx, $0xffffffff)
    lar %eax, %ebx
    EXPECT_IF(z)
    and $0x00f0ff00, %ebx
    EXPECT(%ebx, $0x00c0f300)
    mov $SEL_DATA32, %eax
    lar %eax, %ebx
    EXPECT_IF(nz)
    mov $0x40, %eax
    mov $3, %ecx
    arpl %cx, %ax
    EXPECT_IF(z)
    EXPECT(%eax, $0x43)
    PASS

/* VECTOR is written with the segment that faulted still in DS: through SS instead. */
fault_ts:
    movl $10, %ss:VECTOR
    jmp 1f
fault_np:
    movl $11, %ss:VECTOR
    jmp 1f
fault_ss:
    movl $12, %ss:VECTOR
    jmp 1f
fault_gp:
    movl $13, %ss:VECTOR
1:  push %eax
    push %ds
    mov $SEL_DATA32, %eax
    mov %ax, %ds
    mov 8(%esp), %eax
    mov %eax, ERROR
    mov RESUME, %eax
    mov %eax, 12(%esp)
    pop %ds
    pop %eax
    add $4, %esp
    iret
