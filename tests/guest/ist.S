/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Long mode's interrupts (AMD APM vol. 2, 8.9): IST stacks, alignment, double fault, non-canonical addresses, error codes; SYSCALL
 * from compatibility mode; LDT and 64-bit call gates. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define ERROR SCRATCH
#define VECTOR (SCRATCH + 8)
#define RESUME (SCRATCH + 16)
#define SAW_SP (SCRATCH + 24)
#define GDTR (SCRATCH + 0x40)
#define IST1 0x20000
#define IST2 0x21000
#define RSP0 0x22008 /* not aligned: the CPU aligns */
#define USER_STACK 0x30000
#define SEL_GATE 0x60
#define SEL_LDT 0x80

#define FAULTS(vector, error, ...) movq $76f, RESUME; movl $0, VECTOR; __VA_ARGS__; 76: mov VECTOR, %ecx; EXPECT(%ecx, $vector); \
    mov ERROR, %ecx; EXPECT(%ecx, $error)

.macro ist vector, number
    movb $\number, IDT + \vector * 16 + 4
.endm

guest_main:
    movw $0xff, GDTR
    movq $GDT, GDTR + 2
    lgdt GDTR
    mov $TSS, %edi
    xor %eax, %eax
    mov $26, %ecx
    rep stosl
    movq $RSP0, TSS + 4
    movq $IST1, TSS + 0x24
    movq $IST2, TSS + 0x2c
    movw $0x68, TSS + 102
    mov $SEL_TSS, %ax
    ltr %ax
    SET_GATE(3, breakpoint)
    SET_GATE(13, fault_gp)
    SET_GATE(11, fault_np)
    SET_GATE(12, fault_ss)
    SET_GATE(14, fault_pf)
    SET_GATE(8, double_fault)
    SET_GATE_DPL(0x80, service, 3)
    ist 3, 1
    ist 8, 2

    /* IST, also without a change of level */
    mov %rsp, %rbx
    int3
    EXPECT(%rsp, %rbx)
    mov SAW_SP, %rax
    EXPECT(%rax, $(IST1 - 40))
    /* no change of level, no IST: the current stack, aligned to 16 */
    sub $4, %rsp
    mov %rsp, %rbx
    int $0x80
    EXPECT(%rsp, %rbx)
    mov SAW_SP, %rax
    lea -4(%rbx), %rcx
    and $~15, %rbx
    sub $40, %rbx
    EXPECT(%rax, %rbx)
    add $4, %rsp

    /* error codes */
    mov $0x8000000000000000, %rax
    FAULTS(13, 0, mov (%rax), %ebx)
    mov $0x100000000, %rax
    FAULTS(14, 0, mov (%rax), %ebx)
    mov %cr2, %rbx
    EXPECT(%rbx, %rax)
    FAULTS(14, 2, mov %ebx, (%rax))
    /* what the oracle (QEMU's TCG) does otherwise: #SS by the stack's base register, reserved bits of CR8, the error code of a gate */
    mov $0x40000000, %eax
    cpuid
    cmp $0x54474354, %ebx
    je 1f
    mov $0x8000000000000000, %rbp
    FAULTS(12, 0, mov (%rbp), %ebx)
    mov $0x10, %eax
    FAULTS(13, 0, mov %rax, %cr8)
    FAULTS(13, 0x90 * 8 + 2, int $0x90)
    movb $0x0e, IDT + 0x80 * 16 + 5 /* not present */
    FAULTS(11, 0x80 * 8 + 2, int $0x80)
    movb $0xee, IDT + 0x80 * 16 + 5
1:

    /* #GP's gate made absent: #NP during #GP is a double fault, on IST 2 */
    movb $0x0e, IDT + 13 * 16 + 5
    mov $0x8000000000000000, %rax
    mov %rsp, %rdx
    FAULTS(8, 0, mov (%rax), %ebx)
    EXPECT(%rsp, %rdx)
    mov SAW_SP, %rax
    EXPECT(%rax, $(IST2 - 48))
    movb $0x8e, IDT + 13 * 16 + 5

    /* a 64-bit call gate (16 bytes), same level */
    mov $gate_target, %rax
    mov %ax, GDT + SEL_GATE
    movw $SEL_CODE64, GDT + SEL_GATE + 2
    movw $0xec00, GDT + SEL_GATE + 4
    shr $16, %rax
    mov %ax, GDT + SEL_GATE + 6
    movl $0, GDT + SEL_GATE + 8
    movl $0, GDT + SEL_GATE + 12
    movl $0, SCRATCH + 0x80
    movw $SEL_GATE, SCRATCH + 0x84
    xor %ebx, %ebx
    mov %rsp, %rdx
    lcall *SCRATCH + 0x80
    EXPECT(%ebx, $7)
    EXPECT(%rsp, %rdx)
    /* LDT: a 16-byte descriptor; a data segment in it */
    movl $0x8000000f, GDT + SEL_LDT
    movl $0x00008201, GDT + SEL_LDT + 4
    movl $0, GDT + SEL_LDT + 8
    movl $0, GDT + SEL_LDT + 12
    movl $0x4000ffff, 0x18008
    movl $0x00cff301, 0x1800c
    mov $SEL_LDT, %eax
    lldt %ax
    mov $0x0f, %eax
    mov %ax, %fs
    movl $0x11223344, 0x14010
    mov %fs:0x10, %eax
    EXPECT(%eax, $0x11223344)

    /* ring 3 in compatibility mode: INT to the 64-bit kernel and back */
    pushq $SEL_USER_DATA
    pushq $USER_STACK
    pushq $0x3002
    pushq $SEL_USER32
    pushq $user32
    iretq

gate_target:
    mov $7, %ebx
    lretq

breakpoint:
    mov %rsp, SAW_SP
    iretq
service:
    mov %rsp, SAW_SP
    iretq
double_fault:
    mov %rsp, SAW_SP
    movl $8, VECTOR
    jmp 1f
fault_np:
    movl $11, VECTOR
    jmp 1f
fault_ss:
    movl $12, VECTOR
    jmp 1f
fault_gp:
    movl $13, VECTOR
    jmp 1f
fault_pf:
    movl $14, VECTOR
1:  push %rax
    mov 8(%rsp), %rax
    mov %rax, ERROR
    mov RESUME, %rax
    mov %rax, 16(%rsp)
    pop %rax
    add $8, %rsp
    iretq

.code32
user32:
    mov $SEL_USER_DATA, %eax
    mov %ax, %ds
    int $0x80
    mov SAW_SP, %eax
    cmp $(0x22000 - 40), %eax
    jne 1f
    cmp $USER_STACK, %esp
    jne 1f
    mov %cs, %eax
    cmp $SEL_USER32, %eax
    jne 1f
    ljmp $SEL_USER64, $2f
1:  mov $'C', %al
    out %al, $0xe9
    mov $0x11, %al
    out %al, $0xf4
.code64
2:  PASS
