/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For `make bench-kvm`: 20,000 writes to a port of pci-testdev that rings an eventfd. Prints the device's count of them, four bytes. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define TURNS 20000
#define PORTS 0xc000
#define CONFIG(reg) lea (reg)(%rdi), %eax; mov $0xcf8, %dx; out %eax, %dx; mov $0xcfc, %dx

guest_main:
    mov $0x80000000, %edi /* looks for it, slot by slot */
1:  CONFIG(0)
    in %dx, %eax
    cmp $0x00051b36, %eax
    je 1f
    add $0x800, %edi
    cmp $0x80010000, %edi
    jne 1b
    FAIL
1:  CONFIG(0x14)
    mov $PORTS, %eax
    out %eax, %dx
    CONFIG(4)
    mov $1, %ax
    out %ax, %dx
    mov $PORTS, %dx
    mov $1, %al /* any value rings */
    out %al, %dx
    mov $PORTS + 1, %dx
    in %dx, %al
    mov %al, %bl /* width */
    mov $PORTS + 8, %dx
    in %dx, %eax
    mov %eax, %esi /* what to write */
    mov $PORTS + 4, %dx
    in %dx, %eax
    lea PORTS(%eax), %edx
    mov %esi, %eax
    mov $TURNS, %ecx
    cmp $1, %bl
    je 1f
    cmp $2, %bl
    je 2f
    cmp $4, %bl
    EXPECT_IF(e)
3:  out %eax, %dx
    dec %ecx
    jnz 3b
    jmp 9f
2:  out %ax, %dx
    dec %ecx
    jnz 2b
    jmp 9f
1:  out %al, %dx
    dec %ecx
    jnz 1b
9:  mov $PORTS + 12, %dx
    in %dx, %eax
    mov $4, %ecx
1:  out %al, $0xe9
    shr $8, %eax
    dec %ecx
    jnz 1b
    PASS
