/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guests of hardware task switches share: descriptors in the GDT (at GDT) and task state segments (SDM vol. 3, 7.2.1). */
.macro descriptor sel, low, high
    movl $\low, GDT + \sel
    movl $\high, GDT + \sel + 4
.endm
/* a fresh task at @ip with its own stack */
.macro task tss, ip, stack
    mov $\tss, %edi
    xor %eax, %eax
    mov $26, %ecx
    rep stosl
    movl $\ip, \tss + 0x20
    movl $2, \tss + 0x24
    movl $\stack, \tss + 0x38
    movl $SEL_DATA32, \tss + 0x48
    movl $SEL_CODE32, \tss + 0x4c
    movl $SEL_DATA32, \tss + 0x50
    movl $SEL_DATA32, \tss + 0x54
    movl $SEL_DATA32, \tss + 0x58
    movl $SEL_DATA32, \tss + 0x5c
    movw $0x68, \tss + 0x66
.endm
