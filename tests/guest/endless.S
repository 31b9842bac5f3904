/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loops without an end of every kind that a translator may run without looking up: an interrupt must get in soon, whatever it is that
 * goes on. The longest delay of the local APIC's timer is printed, in microseconds.
 *
 * With more than two processors it runs loop number (processors - 3) with interrupts off for ever, for tests of the monitor.
 */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define APIC 0xfee00000
#define VECTOR 0x40
#define DIRECTORY 0x20000
#define KIND 0x600
#define ARMED 0x604
#define LONGEST 0x608
#define TRIED 0x60c
#define PERIOD 2000000    /* ns */
#define LIMIT 1000000000  /* ns: a loop that nothing gets into takes for ever */
#define TRIES 8           /* other work on the host delays a vCPU too */
#define CODE_AREA 0x30000
#define WINDOW 0x40000000 /* a GiB, all of it the same 4 MiB page */
#define QUARTER 0x40000000
#define FAR_CODE 0x10000000 /* 4 MiB that are there at the same place of each quarter of the address space */
#define STEP (QUARTER + 0x1100) /* of the loop through all quarters: its places meet in no table of a translator */

guest_main:
    /* 4 MiB pages: all of memory as it is, but the window and the places of the loop through all quarters */
    mov %cr4, %eax
    or $0x10, %eax
    mov %eax, %cr4
    xor %ecx, %ecx
1:  mov %ecx, %eax
    shl $22, %eax
    or $0x83, %eax
    mov %eax, DIRECTORY(, %ecx, 4)
    inc %ecx
    cmp $1024, %ecx
    jne 1b
    mov $256, %ecx
1:  movl $(0x400000 | 0x83), DIRECTORY + WINDOW / 0x400000 * 4 - 4(, %ecx, 4)
    loop 1b
    mov $0x83, %eax
    mov %eax, DIRECTORY + FAR_CODE / 0x400000 * 4
    mov %eax, DIRECTORY + (FAR_CODE + QUARTER) / 0x400000 * 4
    mov %eax, DIRECTORY + (FAR_CODE + 2 * QUARTER) / 0x400000 * 4
    mov %eax, DIRECTORY + (FAR_CODE / 0x400000 + 3 * (QUARTER / 0x400000)) * 4
    mov $DIRECTORY, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0

    /* code in RAM: two pages that jump to each other, and jumps by a quarter of all addresses */
    movb $0xe9, CODE_AREA
    movl $(0x1000 - 5), CODE_AREA + 1
    movb $0xe9, CODE_AREA + 0x1000
    movl $(-0x1000 - 5), CODE_AREA + 0x1001
    mov $(CODE_AREA + 0x2000), %edi
    mov $3, %ecx
1:  movb $0xe9, (%edi)
    movl $(STEP - 5), 1(%edi)
    add $0x1100, %edi
    loop 1b
    movb $0xe9, (%edi)
    movl $(-3 * STEP - 5), 1(%edi) /* forwards too: 4 GiB are a circle */
    movb $0xb8, CODE_AREA + 0x6ffd /* mov $-1, %eax across two pages; then back to it */
    movl $-1, CODE_AREA + 0x6ffe
    movw $0xf9eb, CODE_AREA + 0x7002

    SET_GATE(VECTOR, tick)
    SET_GATE(6, undefined)
    movl $0, KIND
    movl $0, LONGEST
    movl $0, TRIED
    mov $0x5f, %al
    out %al, $0x70
    in $0x71, %al
    movzbl %al, %ebx
    sub $2, %ebx
    jb next
    cli
    jmp *kinds(, %ebx, 4)

next:
    mov KIND, %ebx
    cmp $((kinds_end - kinds) / 4), %ebx
    je done
    movl $0x1ff, APIC + 0xf0
    movl $0xb, APIC + 0x3e0
    movl $VECTOR, APIC + 0x320
    rdtsc
    mov %eax, ARMED
    movl $PERIOD, APIC + 0x380
    sti
    jmp *kinds(, %ebx, 4)

tick: /* does not go back */
    cld
    rdtsc
    sub ARMED, %eax
    cmp $PERIOD, %eax
    jae 1f
    mov $PERIOD, %eax
1:  sub $PERIOD, %eax
    movl $0, APIC + 0xb0
    mov $STACK_TOP, %esp
    cmp $LIMIT, %eax
    jb 2f
    incl TRIED
    cmpl $TRIES, TRIED
    jb next
    PRINT("loop ")
    mov KIND, %eax
    call guest_decimal
    PRINT(": ")
    FAIL
2:  cmp LONGEST, %eax
    jb 3f
    mov %eax, LONGEST
3:  incl KIND
    movl $0, TRIED
    jmp next

done:
    PRINT("longest delay ")
    mov LONGEST, %eax
    xor %edx, %edx
    mov $1000, %ecx
    div %ecx
    call guest_decimal
    PRINT(" us\n")
    PASS

undefined: /* goes back to what raised it, interrupts on as they were there */
    iret

.balign 4
kinds: .long itself, pages, quarters, register, memory, returns, conditional, counted, empties, strings, copies, compares, crossing, halts, shadows, \
    faults, pauses, flags
kinds_end:

itself: jmp itself
pages: mov $CODE_AREA, %eax; jmp *%eax
quarters: mov $(FAR_CODE + CODE_AREA + 0x2000), %eax; jmp *%eax
register: mov $1f, %eax; 1: jmp *%eax
memory: movl $1f, 0x700; 1: jmp *0x700
returns: push $returns; ret
conditional: xor %eax, %eax; 1: inc %ecx; test %eax, %eax; jz 1b
counted: mov $-1, %ecx; loop .; jmp counted
empties: xor %ecx, %ecx; 1: jecxz 1b
strings: mov $WINDOW, %edi; mov $(QUARTER / 4), %ecx; rep stosl; jmp strings
copies: mov $WINDOW, %edi; mov $(WINDOW + 64), %esi; mov $(QUARTER - 64), %ecx; rep movsb; jmp copies
compares: mov $WINDOW, %edi; mov %edi, %esi; mov $(QUARTER / 4), %ecx; repe cmpsl; jmp compares
crossing: mov $(CODE_AREA + 0x6ffd), %eax; jmp *%eax
halts: hlt; jmp halts /* with its interrupts off it halts for ever */
shadows: cli; sti; nop; jmp shadows
faults: ud2
pauses: pause; jmp pauses
flags: pushf; popf; jmp flags
