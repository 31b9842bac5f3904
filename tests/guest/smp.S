/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two processors: INIT and start-up interrupts, locked arithmetic against each other, a spin lock with xchg, a store seen
 * by the other side, and interrupts from one to the other that end its hlt. Needs -smp 2. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define APIC 0xfee00000
#define AP_PAGE 0x9000 /* where the second processor starts, in real mode */
#define ALIVE 0x600
#define COUNTER 0x604
#define LOCKED 0x608 /* the lock, */
#define GUARDED 0x60c /* and what it guards */
#define GO 0x610
#define DONE 0x614
#define HEARD 0x618
#define ROUNDS 20000

guest_main:
    movl $0x1ff, APIC + 0xf0
    mov $(ap_end - ap_start), %ecx
    mov $ap_start, %esi
    mov $AP_PAGE, %edi
    rep movsb
    mov $0x600, %edi
    xor %eax, %eax
    mov $16, %ecx
    rep stosl
    mov APIC + 0x20, %eax
    shr $24, %eax
    EXPECT(%eax, $0)

    /* to processor 1: INIT, then the page to start at, twice as the manual wants */
    movl $(1 << 24), APIC + 0x310
    movl $0x4500, APIC + 0x300
    call pause_a_little
    movl $(1 << 24), APIC + 0x310
    movl $(0x4600 | AP_PAGE >> 12), APIC + 0x300
    call pause_a_little
    movl $(1 << 24), APIC + 0x310
    movl $(0x4600 | AP_PAGE >> 12), APIC + 0x300
1:  pause
    cmpl $1, ALIVE
    jne 1b

    /* both add to the same word, with and without help of a lock */
    movl $1, GO
    mov $ROUNDS, %ecx
2:  lock incl COUNTER
    mov $1, %eax
3:  xchg %eax, LOCKED
    test %eax, %eax
    jz 4f
    pause
    jmp 3b
4:  incl GUARDED
    movl $0, LOCKED
    mov $2, %eax
    lock xadd %eax, COUNTER
    loop 2b
5:  pause
    cmpl $1, DONE
    jne 5b
    mov COUNTER, %eax
    EXPECT(%eax, $(ROUNDS * 6))
    mov GUARDED, %eax
    EXPECT(%eax, $(ROUNDS * 2))

    /* the other one halts with interrupts on: two vectors of rising priority, since it cannot end the first */
    call pause_a_little
    movl $(1 << 24), APIC + 0x310
    movl $0x4050, APIC + 0x300
6:  pause
    cmpl $1, HEARD
    jne 6b
    call pause_a_little
    movl $(1 << 24), APIC + 0x310
    movl $0x4060, APIC + 0x300
7:  pause
    cmpl $2, HEARD
    jne 7b
    PASS

pause_a_little:
    push %ecx
    mov $2000, %ecx
8:  in $0x80, %al
    loop 8b
    pop %ecx
    ret

/* The second processor, in real mode at AP_PAGE. A virtual APIC write needs protected mode, so it only enables its APIC. */
.code16
ap_start:
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
    /* to protected mode and back with big segments, to reach the APIC */
    lgdtl %cs:(ap_gdtr - ap_start)
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    jmp 1f
1:  mov $SEL_DATA32, %bx
    mov %bx, %fs
    and $0xfe, %al
    mov %eax, %cr0
    jmp 2f
2:  mov $APIC, %edi
    movl $0x1ff, %fs:0xf0(%edi)
    mov %fs:0x20(%edi), %eax
    shr $24, %eax
    mov %eax, ALIVE /* 1, its own number */
3:  pause
    cmpl $1, GO
    jne 3b
    mov $ROUNDS, %cx
4:  lock incl COUNTER
    mov $1, %eax
5:  xchg %eax, LOCKED
    test %eax, %eax
    jz 6f
    pause
    jmp 5b
6:  incl GUARDED
    movl $0, LOCKED
    mov $2, %eax
    lock xadd %eax, COUNTER
    loop 4b
    movl $1, DONE
7:  sti
    hlt
    cli
    jmp 7b
ap_heard:
    incl HEARD
    iret
ap_gdtr:
    .word 0x5f
    .long GDT
ap_end:
