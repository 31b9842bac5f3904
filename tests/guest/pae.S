/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PAE paging: 4 KiB and 2 MiB pages by way of the four upper entries, no-execute, accessed and dirty bits, page-fault error codes, a
 * reserved bit in an entry, and another set of upper entries that is seen once CR3 is loaded. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define PDPT 0x20020 /* 32-byte aligned only */
#define PDPT2 0x20040
#define DIR0 0x21000
#define DIR3 0x22000
#define TABLE 0x23000
#define PAGE 0x30000
#define HIGH 0xc0000000
#define SEEN SCRATCH

guest_main:
    SET_GATE(14, fault)
    mov $0x20000, %edi
    xor %eax, %eax
    mov $0x1000, %ecx
    rep stosl
    movl $(DIR0 + 1), PDPT
    movl $(DIR3 + 1), PDPT + 24
    movl $0x83, DIR0 /* the first 2 MiB to themselves */
    movl $(TABLE + 7), DIR3 /* 3 GiB: a table; and 2 MiB further the first 2 MiB again */
    movl $0x83, DIR3 + 8
    movl $(PAGE + 3), TABLE
    movl $(PAGE + 3), TABLE + 8
    movl $0x80000000, TABLE + 12 /* no-execute */
    movl $(PAGE + 3), TABLE + 16
    movl $0x00080000, TABLE + 20 /* bit 51: beyond any physical address */
    mov $0xc0000080, %ecx
    rdmsr
    or $0x800, %eax
    wrmsr
    mov %cr4, %eax
    or $0x20, %eax
    mov %eax, %cr4
    mov $PDPT, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80010000, %eax
    mov %eax, %cr0
    jmp 1f
1:
    movl $0xcafe, PAGE
    mov HIGH, %eax
    EXPECT(%eax, $0xcafe)
    mov TABLE, %eax
    and $0x60, %eax
    EXPECT(%eax, $0x20)
    movl $0xbeef, HIGH + 4
    mov PAGE + 4, %eax
    EXPECT(%eax, $0xbeef)
    mov TABLE, %eax
    and $0x60, %eax
    EXPECT(%eax, $0x60)
    mov HIGH + 0x200000 + PAGE, %eax
    EXPECT(%eax, $0xcafe)
    /* data from a no-execute page, but no fetch: error code 0x11 */
    mov HIGH + 0x1000, %eax
    EXPECT(%eax, $0xcafe)
    mov $1f, %ebx
    mov $(HIGH + 0x1000), %ecx
    jmp *%ecx
1:  mov SEEN, %eax
    EXPECT(%eax, $0x11)
    mov SEEN + 4, %eax
    EXPECT(%eax, $(HIGH + 0x1000))
    /* the reserved bit: 9, written 0xb (QEMU 7.2 leaves out bit 0, which goes with bit 3: SDM vol. 3, 4.7) */
    mov $1f, %ebx
    mov HIGH + 0x2000, %eax
1:  mov SEEN, %eax
    or $1, %eax
    EXPECT(%eax, $9)
    mov $1f, %ebx
    mov %eax, HIGH + 0x2000
1:  mov SEEN, %eax
    or $1, %eax
    EXPECT(%eax, $0xb)
    /* nothing at 1 GiB: 0, written 2 */
    mov $1f, %ebx
    mov %eax, 0x40000000
1:  mov SEEN, %eax
    EXPECT(%eax, $2)
    /* other upper entries: what was there is gone, and the other way round */
    movl $(DIR0 + 1), PDPT2
    movl $(DIR3 + 1), PDPT2 + 8
    mov $PDPT2, %eax
    mov %eax, %cr3
    mov 0x40000000, %eax
    EXPECT(%eax, $0xcafe)
    mov $1f, %ebx
    mov HIGH, %eax
1:  mov SEEN, %eax
    EXPECT(%eax, $0)
    PASS

fault: /* notes error code and CR2, goes on at ebx */
    pop SEEN
    mov %cr2, %eax
    mov %eax, SEEN + 4
    mov %ebx, (%esp)
    iret
