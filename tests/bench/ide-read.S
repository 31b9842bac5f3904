/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random 4 KiB reads of `make bench`: READ DMA through the PIIX3's first channel, one at a time, the CPU halted until the
 * interrupt comes.  The disk has 64 MiB; every 4 KiB of it begin with their own number, which is checked.
 */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define READS 20000
#define BLOCKS 16384
#define BM 0xc000
#define PRD 0x9000
#define BUFFER 0x20000
#define DONE 0x9100
#define PCI_IDE 0x80000900 /* 00:01.1 */

#define OUTB(port, value) mov $port, %dx; mov value, %al; out %al, %dx
#define OUTL(port, value) mov $port, %dx; mov value, %eax; out %eax, %dx

guest_main:
    OUTL(0xcf8, $(PCI_IDE + 0x20))
    OUTL(0xcfc, $BM)
    OUTL(0xcf8, $(PCI_IDE + 0x40))
    OUTL(0xcfc, $0x80008000) /* both channels decode */
    OUTL(0xcf8, $(PCI_IDE + 0x04))
    OUTL(0xcfc, $5)

    OUTB(0x20, $0x11)
    OUTB(0xa0, $0x11)
    OUTB(0x21, $0x70)
    OUTB(0xa1, $0x78)
    OUTB(0x21, $4)
    OUTB(0xa1, $2)
    OUTB(0x21, $1)
    OUTB(0xa1, $1)
    OUTB(0x21, $0xfb)
    OUTB(0xa1, $0xbf) /* IRQ 14 only */
    SET_GATE(0x7e, guest_irq14)
    movl $0x1ff, 0xfee000f0 /* the local APIC lets the i8259 through, as firmware does it */
    movl $0x700, 0xfee00350

    movl $BUFFER, PRD
    movl $0x80001000, PRD + 4
    OUTL(BM + 4, $PRD)
    OUTB(0x3f6, $0)
    mov $READS, %ecx
    mov $12345, %esi

1:  imul $1664525, %esi, %esi
    add $1013904223, %esi
    mov %esi, %edi
    shr $16, %edi
    and $(BLOCKS - 1), %edi /* the block */
    lea (, %edi, 8), %ebx   /* its sector */
    movl $0, DONE
    movl $-1, BUFFER
    OUTB(BM + 2, $6)
    OUTB(0x1f6, $0xe0)
    OUTB(0x1f2, $8)
    OUTB(0x1f3, %bl)
    OUTB(0x1f4, %bh)
    shr $16, %ebx
    OUTB(0x1f5, %bl)
    OUTB(0x1f7, $0xc8)
    OUTB(BM, $9)
2:  cli
    cmpl $0, DONE
    jne 3f
    sti
    hlt
    jmp 2b
3:  OUTB(BM, $0)
    mov $(BM + 2), %dx
    in %dx, %al
    and $7, %al
    EXPECT(%al, $4)
    mov DONE, %eax
    and $0xa9, %eax
    EXPECT(%eax, $0)
    EXPECT(%edi, BUFFER)
    dec %ecx
    jnz 1b
    PASS

guest_irq14:
    push %eax
    push %edx
    mov $0x1f7, %dx
    in %dx, %al
    movzbl %al, %eax
    or $0x100, %eax
    mov %eax, DONE
    mov $0x20, %al
    out %al, $0xa0
    out %al, $0x20
    pop %edx
    pop %eax
    iret
