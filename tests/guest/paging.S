/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 32-bit protected mode: segment limits, two-level paging, page faults with the right error code and CR2, WP,
 * accessed and dirty bits, invlpg. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define DIRECTORY 0x20000
#define TABLE0 0x21000
#define PTE(address) (TABLE0 + ((address) >> 12) * 4)
#define PAGE_A 0x30000
#define PAGE_B 0x31000
#define SEEN 0x10000 /* error code and CR2 of the last fault, and how many there were */

guest_main:
    SET_GATE(14, fault)
    movl $0, SEEN + 8
    /* the first 4 MiB mapped to themselves, supervisor, writable */
    mov $DIRECTORY, %edi
    xor %eax, %eax
    mov $1024, %ecx
    rep stosl
    movl $(TABLE0 + 7), DIRECTORY
    mov $TABLE0, %edi
    mov $3, %eax
1:  stosl
    add $0x1000, %eax
    cmp $0x400003, %eax
    jne 1b
    mov $DIRECTORY, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    jmp 1f
1:
    /* one page seen at another place */
    movl $0xcafe, PAGE_B
    movl $(PAGE_B + 3), PTE(PAGE_A)
    mov PAGE_A, %eax
    EXPECT(%eax, $0xcafe)
    /* accessed, not yet dirty; then dirty */
    mov PTE(PAGE_A), %eax
    and $0x60, %eax
    EXPECT(%eax, $0x20)
    movl $0xbeef, PAGE_A
    mov PAGE_B, %eax
    EXPECT(%eax, $0xbeef)
    mov PTE(PAGE_A), %eax
    and $0x60, %eax
    EXPECT(%eax, $0x60)

    /* a page that is not there, read: error code 0 */
    movl $0, PTE(PAGE_A)
    invlpg PAGE_A
    mov $1f, %ebx
    mov PAGE_A + 0x123, %eax
1:  EXPECT(%edx, $0x600d)
    mov SEEN, %eax
    EXPECT(%eax, $0)
    mov SEEN + 4, %eax
    EXPECT(%eax, $(PAGE_A + 0x123))
    /* written: error code 2 */
    mov $1f, %ebx
    movl $1, PAGE_A + 0x456
1:  mov SEEN, %eax
    EXPECT(%eax, $2)
    mov SEEN + 4, %eax
    EXPECT(%eax, $(PAGE_A + 0x456))
    /* a write that crosses into the missing page: CR2 is the first byte there, nothing was written before it */
    movl $0x11223344, PAGE_A - 4
    mov $1f, %ebx
    movl $0xffffffff, PAGE_A - 2
1:  mov SEEN + 4, %eax
    EXPECT(%eax, $PAGE_A)
    mov PAGE_A - 4, %eax
    EXPECT(%eax, $0x11223344)
    /* outside any table */
    mov $1f, %ebx
    mov 0x7f800000, %eax
1:  mov SEEN + 4, %eax
    EXPECT(%eax, $0x7f800000)

    /* read-only pages stop the supervisor only when CR0.WP is set: error code 3 */
    movl $(PAGE_B + 1), PTE(PAGE_A)
    invlpg PAGE_A
    movl $0x77, PAGE_A
    mov PAGE_B, %eax
    EXPECT(%eax, $0x77)
    mov %cr0, %eax
    or $0x10000, %eax
    mov %eax, %cr0
    mov $1f, %ebx
    movl $0x88, PAGE_A
1:  mov SEEN, %eax
    EXPECT(%eax, $3)
    mov PAGE_B, %eax
    EXPECT(%eax, $0x77)
    /* a read-modify-write faults as a write, and its destination keeps its value */
    mov $1f, %ebx
    lock incl PAGE_A
1:  mov SEEN, %eax
    EXPECT(%eax, $3)
    mov PAGE_B, %eax
    EXPECT(%eax, $0x77)
    mov SEEN + 8, %eax
    EXPECT(%eax, $6)

    /* a jump to a missing page faults at the target */
    movl $0, PTE(PAGE_A)
    invlpg PAGE_A
    mov $1f, %ebx
    mov $PAGE_A, %eax
    jmp *%eax
1:  mov SEEN + 4, %eax
    EXPECT(%eax, $PAGE_A)

    /* the changed entry counts after a reload of CR3 too */
    movl $(PAGE_B + 3), PTE(PAGE_A)
    mov %cr3, %eax
    mov %eax, %cr3
    mov PAGE_A, %eax
    EXPECT(%eax, $0x77)
    PASS

fault: /* notes the fault and goes on at ebx */
    pop %eax
    mov %eax, SEEN
    mov %cr2, %eax
    mov %eax, SEEN + 4
    incl SEEN + 8
    mov %ebx, (%esp)
    mov $0x600d, %edx
    iret
