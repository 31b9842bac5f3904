/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each fault of a task switch (SDM vol. 3, table 7-1): those before it, which the old task sees, and those of the new task's selectors,
 * which are raised in the new task; a task of their own handles them, as the new one may have no stack. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"
#include "tests/guest/task.h"

#define ERROR SCRATCH
#define VECTOR (SCRATCH + 4)
#define LINK (SCRATCH + 8) /* whom the handler was called from */
#define GDTR (SCRATCH + 0x40)
#define TSS_A TSS
#define TSS_B 0x18000
#define TSS_H 0x18100 /* the handlers': one for each vector */
#define STACK_B 0x20000
#define STACK_H 0x21000
#define SEL_B 0x60
#define SEL_GATE 0x68       /* task gate to B */
#define SEL_GATE_GONE 0x70  /* not present */
#define SEL_GATE_BAD 0x78   /* to a data segment */
#define SEL_SHORT 0x80      /* a TSS with too small a limit */
#define SEL_GONE 0x88       /* a TSS that is not present */
#define SEL_CODE_GONE 0x90
#define SEL_DATA_GONE 0x98
#define SEL_EXECUTE 0xa0    /* code that cannot be read */
#define SEL_DATA3 0xa8      /* data, DPL 3 */
#define SEL_LDT_GONE 0xb0
#define SEL_LDT 0xb8
#define SEL_H 0xc0          /* handlers of vectors 10 to 13: 0xc0, 0xc8, ... */
#define SEL_SMALL 0xe0      /* code, limit 0xfff */
#define SEL_BEYOND 0xf8     /* beyond the table */

.macro handler vector, ip
    task (TSS_H+(\vector-10)*0x80), \ip, (STACK_H+(\vector-10)*0x400)
    descriptor (SEL_H+(\vector-10)*8), (0x81000067+(\vector-10)*0x800000), 0x00008901
    movl $((SEL_H + (\vector - 10) * 8) << 16), IDT + \vector * 8
    movl $0x8500, IDT + \vector * 8 + 4
.endm

/* A switch by JMP to B, whose TSS has something wrong in it: the fault comes in B. */
#define NEW_TASK(vector, error, ...) task TSS_B, task_b, STACK_B; movb $0x89, GDT + SEL_B + 5; movl $0, VECTOR; __VA_ARGS__; \
    ljmp $SEL_B, $0; mov VECTOR, %ecx; EXPECT(%ecx, $vector); mov ERROR, %ecx; EXPECT(%ecx, $error); \
    mov LINK, %ecx; EXPECT(%ecx, $SEL_B)
#define FIELD(offset, value) movl $(value), TSS_B + (offset)
/* A switch that does not begin: the fault is the old task's, which goes on behind it. */
#define OLD_TASK(vector, error, ...) task TSS_B, task_b, STACK_B; movb $0x89, GDT + SEL_B + 5; movl $0, VECTOR; \
    movl $76f, SKIP; __VA_ARGS__; 76: movl $0, SKIP; mov VECTOR, %ecx; EXPECT(%ecx, $vector); mov ERROR, %ecx; EXPECT(%ecx, $error); \
    mov LINK, %ecx; EXPECT(%ecx, $SEL_TSS)
#define SKIP (SCRATCH + 12)
#define WITH_NT(link) movw $(link), TSS_A; pushf; orl $0x4000, (%esp); popf; iret

guest_main:
    movw $0xf7, GDTR
    movl $GDT, GDTR + 2
    lgdt GDTR
    descriptor SEL_B, 0x80000067, 0x00008901
    descriptor SEL_GATE, SEL_B << 16, 0x8500
    descriptor SEL_GATE_GONE, SEL_B << 16, 0x0500
    descriptor SEL_GATE_BAD, SEL_DATA32 << 16, 0x8500
    descriptor SEL_SHORT, 0x80000066, 0x00008901
    descriptor SEL_GONE, 0x80000067, 0x00000901
    descriptor SEL_CODE_GONE, 0x0000ffff, 0x00cf1b00
    descriptor SEL_DATA_GONE, 0x0000ffff, 0x00cf1300
    descriptor SEL_EXECUTE, 0x0000ffff, 0x00cf9900
    descriptor SEL_DATA3, 0x0000ffff, 0x00cff300
    descriptor SEL_LDT_GONE, 0x00000007, 0x00000202
    descriptor SEL_LDT, 0x00000007, 0x00008202
    descriptor SEL_SMALL, 0x00000fff, 0x00409b00
    task TSS_A, 0, 0
    handler 10, handle_10
    handler 11, handle_11
    handler 12, handle_12
    handler 13, handle_13
    mov $SEL_TSS, %ax
    ltr %ax

    /* before the switch: the descriptor of the new TSS */
    OLD_TASK(13, 0, ljmp $0, $0)
    OLD_TASK(13, 0x64, ljmp $0x64, $0)          /* in a local table that there is not */
    OLD_TASK(13, SEL_BEYOND, ljmp $SEL_BEYOND, $0)
    OLD_TASK(13, SEL_TSS, ljmp $SEL_TSS, $0)    /* busy */
    OLD_TASK(13, SEL_TSS, lcall $SEL_TSS, $0)
    OLD_TASK(11, SEL_GONE, lcall $SEL_GONE, $0)
    OLD_TASK(10, SEL_SHORT, lcall $SEL_SHORT, $0)
    OLD_TASK(11, SEL_GATE_GONE, lcall $SEL_GATE_GONE, $0)
    OLD_TASK(13, SEL_DATA32, ljmp $SEL_GATE_BAD, $0)
    OLD_TASK(10, SEL_BEYOND, WITH_NT(SEL_BEYOND)) /* IRET: the back link */
    OLD_TASK(10, SEL_DATA32, WITH_NT(SEL_DATA32))
    OLD_TASK(10, SEL_B, WITH_NT(SEL_B))         /* not busy */
    OLD_TASK(10, 0x64, WITH_NT(0x64))
    pushf
    andl $~0x4000, (%esp)
    popf

    /* after it: what the new TSS holds */
    NEW_TASK(10, 0x64, FIELD(0x60, 0x64))       /* LDT in an LDT, */
    NEW_TASK(10, SEL_DATA32, FIELD(0x60, SEL_DATA32)) /* not an LDT, */
    NEW_TASK(10, SEL_LDT_GONE, FIELD(0x60, SEL_LDT_GONE)) /* not present, */
    NEW_TASK(10, SEL_BEYOND, FIELD(0x60, SEL_BEYOND)) /* beyond the table */
    NEW_TASK(10, 0, FIELD(0x4c, 0))             /* CS: none, */
    NEW_TASK(10, SEL_DATA32, FIELD(0x4c, SEL_DATA32)) /* not code, */
    NEW_TASK(10, SEL_CODE32, FIELD(0x4c, SEL_CODE32 + 3)) /* of another level, */
    NEW_TASK(10, SEL_BEYOND, FIELD(0x4c, SEL_BEYOND))
    NEW_TASK(11, SEL_CODE_GONE, FIELD(0x4c, SEL_CODE_GONE))
    NEW_TASK(10, 0, FIELD(0x50, 0))             /* SS: none, */
    NEW_TASK(10, SEL_CODE32, FIELD(0x50, SEL_CODE32)) /* not to be written, */
    NEW_TASK(10, SEL_DATA3, FIELD(0x50, SEL_DATA3)) /* of another level, */
    NEW_TASK(10, SEL_DATA32, FIELD(0x50, SEL_DATA32 + 1)) /* asked for by another, */
    mov $0x40000000, %eax /* not present: QEMU's TCG has another fault there than the manual */
    cpuid
    cmp $0x54474354, %ebx
    je 3f
    NEW_TASK(12, SEL_DATA_GONE, FIELD(0x50, SEL_DATA_GONE))
3:
    NEW_TASK(10, SEL_EXECUTE, FIELD(0x54, SEL_EXECUTE)) /* DS: cannot be read, */
    NEW_TASK(10, SEL_TSS, FIELD(0x54, SEL_TSS)) /* not a segment, */
    NEW_TASK(10, SEL_BEYOND, FIELD(0x48, SEL_BEYOND)) /* ES, */
    NEW_TASK(11, SEL_DATA_GONE, FIELD(0x58, SEL_DATA_GONE)) /* FS, */
    NEW_TASK(11, SEL_DATA_GONE, FIELD(0x5c, SEL_DATA_GONE)) /* GS */
    NEW_TASK(13, 0, FIELD(0x4c, SEL_SMALL); FIELD(0x20, 0x1000)) /* EIP beyond the segment */

    /* nothing wrong: B runs, also with null data segments and an LDT */
    NEW_TASK(99, 0x600d, FIELD(0x60, SEL_LDT); FIELD(0x54, 0); FIELD(0x48, 3))
    PASS

task_b: /* tells the handlers' way that it came here */
    movl $99, %ss:VECTOR
    movl $0x600d, %ss:ERROR
    movl $SEL_B, %ss:LINK
    ljmp $SEL_TSS, $0

.macro handle vector
handle_\vector:
    movl $\vector, VECTOR
    pop %eax
    mov %eax, ERROR
    movzwl TSS_H + (\vector - 10) * 0x80, %eax
    mov %eax, LINK
    mov SKIP, %eax
    test %eax, %eax
    jnz 1f
    ljmp $SEL_TSS, $0 /* B is given up */
    jmp handle_\vector
1:  mov %eax, TSS_A + 0x20
    andl $~0x4000, TSS_A + 0x24
    iret
    jmp handle_\vector
.endm
    handle 10
    handle 11
    handle 12
    handle 13
