/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For `make bench-kvm`: 20,000 port accesses, each of which leaves the guest (reads and writes of a port where nobody is). */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define TURNS 10000

guest_main:
    mov $TURNS, %ecx
    mov $0x2f0, %dx
1:  out %al, %dx
    in %dx, %al
    dec %ecx
    jnz 1b
    cmp $0xff, %al
    EXPECT_IF(e)
    PASS
