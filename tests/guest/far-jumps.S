/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Direct jumps, calls and running on from one page into the next, which a translator may link: the same page of code at two addresses, with
 * different pages behind it; that page written, mapped elsewhere, or no code any more.
 */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define WINDOW 0x40000000  /* 1 GiB: JUMPER and behind it FIRST, and from TWIN on JUMPER and SECOND */
#define TWIN (WINDOW + 0x10000)
#define TABLE 0x600000
#define JUMPER 0x200000
#define FIRST 0x201000
#define SECOND 0x202000
#define THIRD 0x203000
#define TURNS 150
#define RESUME 0x700

#define MAP(lin, phys) movq $((phys) | 7), TABLE + ((lin) - WINDOW) / 4096 * 8; invlpg (lin)
#define GIVES(phys, value) movl $(value), (phys) + 1; movl $((value) + 1), (phys) + 0x11
#define CODE_AT(phys, value) movb $0xb8, (phys); movb $0xc3, (phys) + 5; movb $0xb8, (phys) + 0x10; movb $0xc3, (phys) + 0x15; GIVES(phys, value)
#define RUN(lin, value) mov $(lin), %edi; call *%rdi; EXPECT(%eax, $(value))
#define RUN_ALL(lin, value) RUN(lin, value); RUN((lin) + 0x100, (value) + 1); RUN((lin) + 0xff0, value)
#define TURN(first, second) \
    mov $TURNS, %r14d; \
75: RUN_ALL(WINDOW, first); \
    RUN_ALL(TWIN, second); \
    dec %r14d; \
    jnz 75b

guest_main:
    SET_GATE(14, page_fault)
    movq $(TABLE | 7), TABLES + 0x3000
    movb $0xe9, JUMPER /* jmp to the next page */
    movl $0xffb, JUMPER + 1
    movb $0xe8, JUMPER + 0x100 /* call into it, ret */
    movl $(0x1010 - 0x105), JUMPER + 0x101
    movb $0xc3, JUMPER + 0x105
    movabs $0x9090909090909090, %rax
    mov %rax, JUMPER + 0xff0
    mov %rax, JUMPER + 0xff8
    CODE_AT(FIRST, 0x11)
    CODE_AT(SECOND, 0x22)
    CODE_AT(THIRD, 0x33)
    MAP(WINDOW, JUMPER)
    MAP(WINDOW + 0x1000, FIRST)
    MAP(TWIN, JUMPER)
    MAP(TWIN + 0x1000, SECOND)
    TURN(0x11, 0x22)

    /* one address only, so that a translator may be sure of it; then the other */
    mov $TURNS, %r14d
1:  RUN_ALL(WINDOW, 0x11)
    dec %r14d
    jnz 1b
    TURN(0x11, 0x22)

    GIVES(FIRST, 0x44)
    TURN(0x44, 0x22)
    mov $TURNS, %r14d
2:  RUN_ALL(WINDOW, 0x44)
    dec %r14d
    jnz 2b
    GIVES(FIRST, 0x55)
    RUN_ALL(WINDOW, 0x55)

    MAP(WINDOW + 0x1000, THIRD)
    TURN(0x33, 0x22)
    mov %cr3, %rax
    movq $(SECOND | 7), TABLE + 8
    mov %rax, %cr3
    TURN(0x22, 0x22)

    /* not there: the fault is the target's */
    mov $TURNS, %r14d
3:  RUN_ALL(WINDOW, 0x22)
    dec %r14d
    jnz 3b
    movq $0, TABLE + 8
    invlpg WINDOW + 0x1000
    movl $4f, RESUME
    mov $WINDOW, %edi
    call *%rdi
    FAIL
4:  mov %cr2, %rax
    EXPECT(%rax, $(WINDOW + 0x1000))
    EXPECT(%rbx, $(WINDOW + 0x1000)) /* RIP */
    RUN_ALL(TWIN, 0x22)
    PASS

page_fault:
    mov 8(%rsp), %rbx
    mov RESUME, %eax
    mov %rax, 8(%rsp)
    add $8, %rsp
    iretq
