/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two processors: INIT and start-up interrupts, locked arithmetic against each other, a spin lock with xchg, a store seen
 * by the other side, and interrupts from one to the other that end its hlt. Needs -smp 2. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"
#include "tests/guest/ap.h"

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
    mov APIC + 0x20, %eax
    shr $24, %eax
    EXPECT(%eax, $0)

    start_ap 16
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
    SEND(0x50)
6:  pause
    cmpl $1, HEARD
    jne 6b
    call pause_a_little
    SEND(0x60)
7:  pause
    cmpl $2, HEARD
    jne 7b
    PASS

/* The second processor, in real mode at AP_PAGE. A virtual APIC write needs protected mode, so it only enables its APIC. */
.code16
ap_start:
    ap_enter
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
ap_end:
