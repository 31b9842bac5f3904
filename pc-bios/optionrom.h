/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Rhea's boot ROMs share: the header by which firmware finds them (Plug and Play BIOS specification 1.0A, section
 * 3.3, with a bootstrap entry vector) and reading of fw_cfg.  16-bit real mode, assembled by gas, linked at 0.
 */
#define FW_CFG_PORT 0x510
#define FW_CFG_DMA_LOW 0x518
#define FW_CFG_DMA_HIGH 0x514
#define DMA_SELECT_READ 0x0a

#define KERNEL_ADDR 0x07
#define KERNEL_SIZE 0x08
#define INITRD_ADDR 0x0a
#define INITRD_SIZE 0x0b
#define KERNEL_ENTRY 0x10
#define KERNEL_DATA 0x11
#define INITRD_DATA 0x12
#define CMDLINE_ADDR 0x13
#define CMDLINE_SIZE 0x14
#define CMDLINE_DATA 0x15
#define SETUP_ADDR 0x16
#define SETUP_SIZE 0x17
#define SETUP_DATA 0x18

        .code16
        .text
rom_start:
        .byte 0x55, 0xaa
        .byte 0                         /* blocks of 512 bytes: scripts/romsum */
rom_init:
        movw $0x20, %ax                 /* an IPL device */
        lret
        .org 0x18
        .word 0                         /* no PCI data structure */
        .word pnp_header
        .align 16
pnp_header:
        .ascii "$PnP"
        .byte 1                         /* revision */
        .byte 2                         /* 32 bytes */
        .word 0                         /* no further header */
        .byte 0
        .byte 0                         /* checksum: firmware of emulators does not look */
        .long 0
        .word rom_vendor
        .word rom_product
        .byte 0, 0, 0
        .byte 0xe4                      /* initial program load device, device driver model */
        .word 0                         /* no boot connection vector */
        .word 0
        .word rom_boot
        .word 0
        .word 0
rom_vendor:
        .asciz "Rhea"

/* %ax: key.  Returns the item's first dword in %eax.  Changes %dx, %cx. */
fw_cfg_dword:
        movw $FW_CFG_PORT, %dx
        outw %ax, %dx
        incw %dx
        xorl %eax, %eax
        movw $4, %cx
1:      inb %dx, %al
        rorl $8, %eax
        loop 1b
        ret

/* %ax: key of the data, %bx: key of its address, %cx: key of its size.  Loads it there; does not return on errors. */
fw_cfg_load:
        pushw %ax
        pushw %cx
        movw %bx, %ax
        call fw_cfg_dword
        movl %eax, %ebx
        popw %ax
        call fw_cfg_dword
        movl %eax, %ecx
        popw %ax
        jecxz 2f
/* The descriptor lies on the stack: control, length, address, all big-endian. */
        movw %sp, %bp
        subw $16, %sp
        subw $16, %bp
        andl $0xffff, %eax
        shll $16, %eax
        orl $DMA_SELECT_READ, %eax
        bswapl %eax
        movl %eax, (%bp)
        bswapl %ecx
        movl %ecx, 4(%bp)
        movl $0, 8(%bp)
        bswapl %ebx
        movl %ebx, 12(%bp)
        movw $FW_CFG_DMA_HIGH, %dx
        xorl %eax, %eax
        outl %eax, %dx
        movw %ss, %ax
        shll $4, %eax
        movzwl %bp, %ecx
        addl %ecx, %eax
        bswapl %eax
        movw $FW_CFG_DMA_LOW, %dx
        outl %eax, %dx
1:      movl (%bp), %eax
        bswapl %eax
        testl $~1, %eax
        jnz 1b
        addw $16, %sp
        testl %eax, %eax
        jnz rom_fail
2:      ret

rom_fail:
        movw $rom_fail_text, %si
1:      movb %cs:(%si), %al
        incw %si
        testb %al, %al
        jz 2f
        movb $0x0e, %ah
        movw $7, %bx
        int $0x10
        jmp 1b
2:      int $0x18                       /* the next boot device */
        hlt
        jmp 2b
rom_fail_text:
        .asciz "Rhea: the kernel does not fit into this machine's memory\r\n"
