/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What flat guests share whose second processor stays in real mode. They define ap_start, ap_heard (IPIs 0x50 and 0x60) and ap_end. */
#define APIC 0xfee00000
#define AP_PAGE 0x9000 /* where the second processor starts */

/* To processor 1: delivery mode and vector. */
#define SEND(what) movl $(1 << 24), APIC + 0x310; movl $(0x4000 | what), APIC + 0x300

pause_a_little:
    push %ecx
    mov $3000, %ecx
76: in $0x80, %al
    loop 76b
    pop %ecx
    ret

/* Its code in place, @words of zeros at 0x600; then INIT, and the page to start at, twice as the manual wants. */
.macro start_ap words
    mov $(ap_end - ap_start), %ecx
    mov $ap_start, %esi
    mov $AP_PAGE, %edi
    rep movsb
    mov $0x600, %edi
    xor %eax, %eax
    mov $\words, %ecx
    rep stosl
    SEND(0x500)
    call pause_a_little
    SEND((0x600 | AP_PAGE >> 12))
    call pause_a_little
    SEND((0x600 | AP_PAGE >> 12))
.endm

/* Its first instructions: interrupts to ap_heard, to protected mode and back with big segments, its APIC enabled: FS:EDI. */
.macro ap_enter
    cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7800, %sp
    movw $(ap_heard - ap_start), 0x50 * 4
    movw %cs, 0x50 * 4 + 2
    movw $(ap_heard - ap_start), 0x60 * 4
    movw %cs, 0x60 * 4 + 2
    lgdtl %cs:(ap_gdtr - ap_start)
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    jmp 77f
77: mov $SEL_DATA32, %bx
    mov %bx, %fs
    and $0xfe, %al
    mov %eax, %cr0
    jmp 78f
78: mov $APIC, %edi
    movl $0x1ff, %fs:0xf0(%edi)
    jmp 79f
.balign 4
ap_gdtr:
    .word 0x5f
    .long GDT
79:
.endm
