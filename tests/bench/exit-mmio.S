/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For `make bench-kvm`: 20,000 memory accesses, each of which leaves the guest (registers of the HPET). */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define TURNS 10000
#define HPET 0xfed00000

guest_main:
    mov $TURNS, %ecx
    mov $HPET, %ebx
1:  mov (%rbx), %eax        /* identification */
    movl $0, 0x20(%rbx)     /* interrupt status: nothing to clear */
    dec %ecx
    jnz 1b
    shr $16, %eax
    EXPECT(%eax, $0x8086)
    PASS
