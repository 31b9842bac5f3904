/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame of a flat guest: a 64 KiB BIOS-style ROM at 0xf0000 (and at the top of 4 GiB) that tests one topic.
 *
 *     #define GUEST_MODE MODE_LONG     (or MODE_REAL, MODE_PM16, MODE_PM32)
 *     #include "tests/guest/guest.h"
 *     guest_main:
 *         mov $2, %eax
 *         add %eax, %eax
 *         EXPECT(%eax, $4)
 *         PASS
 *
 * The start code below goes from the reset vector to that mode: interrupts off, A20 open, flat segments, a stack, and
 * (but in real mode) an IDT whose 32 exceptions print themselves and fail. Labels are linear addresses; 16-bit code
 * runs with CS base 0xf0000 and takes OFF(label). The ROM cannot be written; RAM from SCRATCH up to TABLES is the test's.
 *
 * Output goes to the debug console port 0xe9. The end is a write to the debug-exit port 0xf4, which makes the emulator
 * exit with (value << 1) | 1: PASS prints "PASS" and gives 33, a failed EXPECT prints its line number and gives 35.
 * Run by tests/guest/run on every accelerator, and with --oracle on QEMU.
 */
#define MODE_REAL 16
#define MODE_PM16 17
#define MODE_PM32 32
#define MODE_LONG 64

#define GDT 0x3000
#define TSS 0x4000
#define IDT 0x5000
#define STACK_TOP 0x8000
#define SCRATCH 0x10000
#define TABLES 0x70000 /* long mode's page tables: the first 4 GiB mapped to themselves by 2 MiB pages, user too */

#define SEL_CODE16 0x08
#define SEL_DATA16 0x10
#define SEL_CODE32 0x18
#define SEL_DATA32 0x20
#define SEL_CODE64 0x28
#define SEL_DATA64 0x30
#define SEL_USER32 0x3b
#define SEL_USER_DATA 0x43
#define SEL_USER64 0x4b
#define SEL_TSS 0x50

#define OFF(label) ((label) - guest_rom)

/* From 32-bit protected mode to 64-bit code at @label, with TABLES filled in. */
#define LONG_MODE(label) \
    mov %cr4, %eax; or $0x20, %eax; mov %eax, %cr4; mov $TABLES, %eax; mov %eax, %cr3; mov $0xc0000080, %ecx; rdmsr; or $0x100, %eax; \
    wrmsr; mov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0; ljmp $SEL_CODE64, $label

#if GUEST_MODE == MODE_LONG
#define CODE .code64
#define SI %rsi
#define AX %rax
#define SP %rsp
#define WORD 8
#define SEL_CODE SEL_CODE64
#define ADDRESS(label) $label
#elif GUEST_MODE == MODE_PM32
#define CODE .code32
#define SI %esi
#define AX %eax
#define SP %esp
#define WORD 4
#define SEL_CODE SEL_CODE32
#define ADDRESS(label) $label
#else
#define CODE .code16
#define SI %si
#define AX %ax
#define SP %sp
#define WORD 2
#define SEL_CODE SEL_CODE16
#define ADDRESS(label) $OFF(label)
#endif

/* Fails with this line's number unless the two operands of cmp are equal. Clobbers nothing but flags. */
#define EXPECT(got, wanted) cmp wanted, got; je 77f; FAIL; 77:
/* Fails unless the condition (of a jump: c, nc, z, nz, s, o, p ...) holds. */
#define EXPECT_IF(condition) j##condition 77f; FAIL; 77:
#define FAIL mov $__LINE__, %eax; jmp guest_fail
#define PASS jmp guest_pass
/* Prints a string; clobbers nothing. */
#define PRINT(text) push AX; push SI; mov ADDRESS(78f), SI; call guest_puts; jmp 79f; 78: .asciz text; 79: pop SI; pop AX

/* Points the IDT's gate of a vector at a handler (32-bit and long mode); clobbers eax. dpl 3 lets ring 3 call it. */
#if GUEST_MODE == MODE_LONG
#define SET_GATE_DPL(vector, handler, dpl) \
    mov $handler, %eax; mov %ax, IDT + (vector) * 16; movw $SEL_CODE, IDT + (vector) * 16 + 2; \
    movw $(0x8e00 | (dpl) << 13), IDT + (vector) * 16 + 4; shr $16, %eax; mov %ax, IDT + (vector) * 16 + 6
#else
#define SET_GATE_DPL(vector, handler, dpl) \
    mov $handler, %eax; mov %ax, IDT + (vector) * 8; movw $SEL_CODE, IDT + (vector) * 8 + 2; \
    movw $(0x8e00 | (dpl) << 13), IDT + (vector) * 8 + 4; shr $16, %eax; mov %ax, IDT + (vector) * 8 + 6
#endif
#define SET_GATE(vector, handler) SET_GATE_DPL(vector, handler, 0)

.text
.globl guest_rom
guest_rom:

/* ---- from reset to the mode -------------------------------------------------------------------------------- */
.code16
guest_reset:
    cli
    cld
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $STACK_TOP, %sp
    in $0x92, %al
    or $2, %al
    and $0xfe, %al
    out %al, $0x92
#if GUEST_MODE == MODE_REAL
    jmp guest_main
#else
    mov $OFF(guest_gdt), %si
    mov $GDT, %di
    mov $(guest_gdt_end - guest_gdt), %cx
    rep movsb %cs:(%si), %es:(%di)
    lgdtl %cs:OFF(guest_gdtr)
    lidtl %cs:OFF(guest_idtr)

    mov $IDT, %di
    mov $OFF(guest_exceptions), %ax
1:  mov %ax, (%di)
    movw $SEL_CODE, 2(%di)
    movw $0x8e00, 4(%di)
#if GUEST_MODE == MODE_PM16
    movw $0x8600, 4(%di)
    movw $0, 6(%di)
    add $8, %di
#elif GUEST_MODE == MODE_PM32
    movw $0xf, 6(%di)
    add $8, %di
#else
    movw $0xf, 6(%di)
    movl $0, 8(%di)
    movl $0, 12(%di)
    add $16, %di
#endif
    add $8, %ax
    cmp $OFF(guest_exceptions_end), %ax
    jb 1b

    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
#if GUEST_MODE == MODE_PM16
    ljmp $SEL_CODE16, $OFF(guest_protected)
guest_protected:
    mov $SEL_DATA16, %ax
#else
    ljmpl $SEL_CODE32, $guest_protected
.code32
guest_protected:
    mov $SEL_DATA32, %ax
#endif
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %fs
    mov %ax, %gs
    mov %ax, %ss
#if GUEST_MODE != MODE_LONG
#if GUEST_MODE == MODE_PM32
    mov $STACK_TOP, %esp
#endif
    jmp guest_main
#else
    mov $STACK_TOP, %esp
    mov $TABLES, %edi
    xor %eax, %eax
    mov $(6 * 1024), %ecx
    rep stosl
    movl $(TABLES + 0x1007), TABLES
    mov $(TABLES + 0x2007), %eax
    mov $(TABLES + 0x1000), %edi
1:  mov %eax, (%edi)
    add $8, %edi
    add $0x1000, %eax
    cmp $(TABLES + 0x6007), %eax
    jne 1b
    mov $0x87, %eax
    mov $(TABLES + 0x2000), %edi
    mov $2048, %ecx
1:  mov %eax, (%edi)
    add $8, %edi
    add $0x200000, %eax
    loop 1b
    LONG_MODE(guest_long)
.code64
guest_long:
    mov $SEL_DATA64, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %fs
    mov %ax, %gs
    mov %ax, %ss
    mov $STACK_TOP, %rsp
    jmp guest_main
#endif

.balign 16
guest_gdt:
    .quad 0
    .quad 0x00009b0f0000ffff /* code, 16 bit, base 0xf0000 */
    .quad 0x000093000000ffff /* data, 16 bit, base 0, limit 64 KiB */
    .quad 0x00cf9b000000ffff /* code, 32 bit, flat */
    .quad 0x00cf93000000ffff /* data, flat */
    .quad 0x00af9b000000ffff /* code, 64 bit */
    .quad 0x00cf93000000ffff /* data, flat: follows the code segment, as syscall wants */
    .quad 0x00cffb000000ffff /* ring 3 code, 32 bit */
    .quad 0x00cff3000000ffff /* ring 3 data */
    .quad 0x00affb000000ffff /* ring 3 code, 64 bit */
    .quad 0x0000890040000067 /* TSS at 0x4000 (two entries in long mode) */
    .quad 0
guest_gdt_end:
guest_gdtr:
    .word guest_gdt_end - guest_gdt - 1
    .long GDT
guest_idtr:
    .word 0xfff
    .long IDT
#endif

/* ---- printing and the ends, in the code of the mode ---------------------------------------------------------- */
CODE
guest_puts: /* prints the string at CS:SI */
1:  lodsb %cs:(SI), %al
    test %al, %al
    jz 2f
    out %al, $0xe9
    jmp 1b
2:  ret

guest_decimal: /* prints eax */
    xor %edx, %edx
    mov $10, %ecx
    div %ecx
    push AX
    test %eax, %eax
    mov %dl, %bl
    pop AX
    jz 1f
#if WORD == 8
    push %rbx
#elif WORD == 4
    push %ebx
#else
    push %bx
#endif
    call guest_decimal
#if WORD == 8
    pop %rbx
#elif WORD == 4
    pop %ebx
#else
    pop %bx
#endif
1:  mov %bl, %al
    add $'0', %al
    out %al, $0xe9
    ret

guest_hex: /* prints eax as eight digits */
    mov %eax, %edx
    mov $8, %cx
1:  rol $4, %edx
    mov %dl, %al
    and $15, %al
    add $'0', %al
    cmp $'9', %al
    jbe 2f
    add $('a' - '9' - 1), %al
2:  out %al, $0xe9
    dec %cx
    jnz 1b
    ret

guest_pass:
    mov ADDRESS(guest_text_pass), SI
    call guest_puts
    mov $0x10, %al
    out %al, $0xf4
1:  cli
    hlt
    jmp 1b

guest_fail: /* line in eax */
    push AX
    mov ADDRESS(guest_text_fail), SI
    call guest_puts
    pop AX
#if WORD == 2
    movzwl %ax, %eax
#endif
    call guest_decimal
guest_failed:
    mov $'\n', %al
    out %al, $0xe9
    mov $0x11, %al
    out %al, $0xf4
1:  cli
    hlt
    jmp 1b

guest_exception: /* on the stack: vector, then what the CPU pushed; prints vector and four words */
    mov ADDRESS(guest_text_exception), SI
    call guest_puts
    pop AX
    and $0xff, %eax
    call guest_decimal
    mov ADDRESS(guest_text_stack), SI
    call guest_puts
.rept 4
    mov $' ', %al
    out %al, $0xe9
    xor %eax, %eax
    pop AX
    call guest_hex
.endr
    jmp guest_failed

guest_text_pass: .asciz "PASS\n"
guest_text_fail: .asciz "FAIL at line "
guest_text_exception: .asciz "FAIL by exception "
guest_text_stack: .asciz ", stack:"

.balign 8
guest_exceptions:
.set vector, 0
.rept 32
    .balign 8
    push $vector
    jmp guest_exception
    .set vector, vector + 1
.endr
    .balign 8
guest_exceptions_end:

/* ---- the reset vector: the last 16 bytes of the ROM ------------------------------------------------------------ */
.section .reset, "ax"
.code16
    ljmp $0xf000, $0 /* guest_reset is the first byte */
.text
CODE
