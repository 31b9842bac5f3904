/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For `make bench-kvm`: 20,000 writes to the POST port, which systems use to pass time. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define TURNS 20000

guest_main:
    mov $TURNS, %ecx
1:  mov %cl, %al
    out %al, $0x80
    dec %ecx
    jnz 1b
    in $0x80, %al
    out %al, $0xe9 /* on Rhea what was written last, whoever kept it so long; all ones on QEMU */
    PASS
