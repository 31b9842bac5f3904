/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hardware task switches (SDM vol. 3, chapter 7): by JMP, CALL, task gate, interrupt and IRET, with busy bits, back link, NT and TS;
 * faults before the switch (the old task's) and after it (the new task's). */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"
#include "tests/guest/task.h"

#define ERROR SCRATCH
#define VECTOR (SCRATCH + 4)
#define RESUME (SCRATCH + 8)
#define NOTE (SCRATCH + 12)
#define NOTE16 0x7800 /* within 16-bit segments */
#define GDTR (SCRATCH + 0x40)
#define TSS_A TSS /* the main task's */
#define TSS_B 0x18000
#define TSS_C 0x18100
#define TSS_16 0x18200
#define STACK_B 0x20000
#define STACK_C 0x21000
#define SEL_B 0x60
#define SEL_C 0x68
#define SEL_GATE_B 0x70
#define SEL_16 0x78
#define SEL_SHORT 0x80 /* a TSS with too small a limit */
#define SEL_GONE 0x88  /* not present */
#define TYPE(sel) GDT + (sel) + 5

#define FAULTS(vector, error, ...) movl $76f, RESUME; movl $0, VECTOR; __VA_ARGS__; 76: mov VECTOR, %ecx; EXPECT(%ecx, $vector); \
    mov ERROR, %ecx; EXPECT(%ecx, $error)
#define EXPECT_TYPE(sel, wanted) mov TYPE(sel), %cl; and $0x0f, %cl; EXPECT(%cl, $wanted)


guest_main:
    movw $0xff, GDTR
    movl $GDT, GDTR + 2
    lgdt GDTR
    SET_GATE(10, fault_ts)
    SET_GATE(11, fault_np)
    SET_GATE(12, fault_ss)
    SET_GATE(13, fault_gp)
    task TSS_A, 0, 0
    task TSS_B, task_b, STACK_B
    task TSS_C, task_c, STACK_C
    descriptor SEL_B, 0x80000067, 0x00008901
    descriptor SEL_C, 0x81000067, 0x00008901
    descriptor SEL_GATE_B, SEL_B << 16, 0x8500
    descriptor SEL_16, 0x8200002b, 0x00008101
    descriptor SEL_SHORT, 0x80000066, 0x00008901
    descriptor SEL_GONE, 0x80000067, 0x00000901
    mov $SEL_TSS, %ax
    ltr %ax
    clts

    /* CALL: nested task with back link, NT and TS set; IRET comes back */
    mov $0x1234, %ebx
    lcall $SEL_B, $0
    EXPECT(%ebx, $0x1234)
    mov NOTE, %eax
    EXPECT(%eax, $0xb1)
    EXPECT_TYPE(SEL_B, 9)
    EXPECT_TYPE(SEL_TSS, 11)
    str %eax
    EXPECT(%eax, $SEL_TSS)
    pushf
    pop %eax
    test $0x4000, %eax
    EXPECT_IF(z)
    mov %cr0, %eax
    test $8, %al
    EXPECT_IF(nz)
    clts
    mov TSS_B, %ax
    EXPECT(%ax, $SEL_TSS) /* the back link stays in memory */
    mov TSS_A + 0x34, %eax
    EXPECT(%eax, $0x1234) /* our ebx was saved */

    /* the same through a task gate: task B goes on after its IRET */
    lcall $SEL_GATE_B, $0
    mov NOTE, %eax
    EXPECT(%eax, $0xb2)
    /* and by an interrupt */
    mov $IDT + 0x80 * 8, %edi
    movl $(SEL_B << 16), (%edi)
    movl $0x8500, 4(%edi)
    int $0x80
    mov NOTE, %eax
    EXPECT(%eax, $0xb3)
    /* an exception with an error code: it is on the new task's stack */
    mov $IDT + 13 * 8, %edi
    movl $(SEL_B << 16), (%edi)
    movl $0x8500, 4(%edi)
    mov $0xf8, %eax
    movl $2f, RESUME
    mov %ax, %es /* beyond the table's last used entry: not a segment */
    FAIL
2:  mov NOTE, %eax
    EXPECT(%eax, $0xb4)
    mov ERROR, %eax
    EXPECT(%eax, $0xf8)
    SET_GATE(13, fault_gp)

    /* JMP: no link, the old task is not busy any more; it jumps back */
    ljmp $SEL_C, $0
    mov NOTE, %eax
    EXPECT(%eax, $0xc1)
    EXPECT_TYPE(SEL_C, 9)
    EXPECT_TYPE(SEL_TSS, 11)

    /* what is refused before anything changes */
    FAULTS(13, SEL_TSS, ljmp $SEL_TSS, $0) /* busy */
    FAULTS(10, SEL_SHORT, ljmp $SEL_SHORT, $0)
    FAULTS(11, SEL_GONE, ljmp $SEL_GONE, $0)
    str %eax
    EXPECT(%eax, $SEL_TSS)
    EXPECT_TYPE(SEL_TSS, 11)
    /* IRET with NT to a task that is not busy */
    movw $SEL_C, TSS_A
    pushf
    orl $0x4000, (%esp)
    popf
    FAULTS(10, SEL_C, iret)
    pushf
    andl $~0x4000, (%esp)
    popf

    /* a 16-bit TSS */
    mov $TSS_16, %edi
    xor %eax, %eax
    mov $11, %ecx
    rep stosl
    movw $OFF(task_16), TSS_16 + 0x0e
    movw $2, TSS_16 + 0x10
    movw $0x7000, TSS_16 + 0x1a
    movw $SEL_DATA16, TSS_16 + 0x22
    movw $SEL_CODE16, TSS_16 + 0x24
    movw $SEL_DATA16, TSS_16 + 0x26
    movw $SEL_DATA16, TSS_16 + 0x28
    movl $0x56789abc, NOTE16
    lcall $SEL_16, $0
    mov NOTE16, %eax
    EXPECT(%eax, $0x56780016)
    PASS

task_b:
    str %eax
    EXPECT(%eax, $SEL_B)
    pushf
    pop %eax
    test $0x4000, %eax
    EXPECT_IF(nz)
    mov TSS_B, %ax
    EXPECT(%ax, $SEL_TSS)
    EXPECT_TYPE(SEL_B, 11)
    EXPECT_TYPE(SEL_TSS, 11)
    EXPECT(%esp, $STACK_B)
    movl $0xb1, NOTE
    iret
    movl $0xb2, NOTE /* comes back here, by the gate */
    iret
    movl $0xb3, NOTE
    iret
    EXPECT(%esp, $(STACK_B - 4))
    pop %eax
    mov %eax, ERROR
    mov RESUME, %eax
    mov %eax, TSS_A + 0x20
    movl $0xb4, NOTE
    iret

task_c:
    EXPECT_TYPE(SEL_TSS, 9)
    EXPECT_TYPE(SEL_C, 11)
    pushf
    pop %eax
    test $0x4000, %eax
    EXPECT_IF(z)
    movl $0xc1, NOTE
    ljmp $SEL_TSS, $0
    FAIL

.code16
task_16:
    mov %ss, %ax
    cmp $SEL_DATA16, %ax
    jne 1f
    cmp $0x7000, %sp
    jne 1f
    movw $0x16, NOTE16
1:  iret
.code32

fault_ts:
    movl $10, VECTOR
    jmp 1f
fault_np:
    movl $11, VECTOR
    jmp 1f
fault_ss:
    movl $12, VECTOR
    jmp 1f
fault_gp:
    movl $13, VECTOR
1:  push %eax
    mov 4(%esp), %eax
    mov %eax, ERROR
    mov RESUME, %eax
    mov %eax, 8(%esp)
    pop %eax
    add $4, %esp
    iret
