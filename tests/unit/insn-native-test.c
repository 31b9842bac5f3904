/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer instructions against this machine's own CPU: every form of the tables below, each with random operands and flags in
 * which edge values are over-weighted.  CASES=n in the environment changes the number of cases a form (default 1000).
 */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/native-run.h"
#include "target/i386/cpuid.h"
#include "util/bytes.h"

/* Where the operands are and how they are written. */
typedef enum Enc {
    RM_R, R_RM,           /* ModRM, both operands */
    RM, RM_I8, RM_IZ, RM_IB8, /* ModRM with /ext; imm8; imm of operand size (at most 32 bits); imm8 sign-extended */
    RM_CL,                /* as RM; RCX holds a small count sometimes */
    RM_R_I8, RM_R_CL, R_RM_I8, R_RM_IZ,
    ACC_IZ,               /* rAX, imm */
    OPREG, OPREG_IV,      /* register in the opcode; with an immediate of full size */
    NONE,
    VEX_RVM, VEX_RMV, VEX_VM, VEX_RM_I8, /* VEX: order of dst, vvvv, r/m */
    STRING,               /* rSI, rDI, rCX prepared */
    STACK, STACK_R, STACK_I, /* rSP points into the data */
    STACK_RM,             /* as RM: PUSH, POP; JMP, CALL to the second exit */
    PLAIN_I8,             /* opcode and imm8 */
    BRANCH8, BRANCH32,    /* relative, to the second exit */
} Enc;

enum { MEM_ONLY = 1, REG_ONLY = 2, LOCKABLE = 4, MEM_UNSCALED = 8 /* bit string: register offset is made small */, DIVIDES = 16,
       ALIGN16 = 32, RAX_OFTEN = 64, COMPAT = 128 /* 32-bit code */ };
/* Flags that the manuals leave undefined; some depend on the count. */
#define U_NONE 0
#define U_AF FL_AF
#define U_MUL (FL_SF | FL_ZF | FL_AF | FL_PF)
#define U_ALL FL_ARITH
#define U_BSF (FL_ARITH & ~FL_ZF)
#define U_BT (FL_OF | FL_SF | FL_AF | FL_PF)
#define U_SHIFT (1u << 30)  /* AF; OF unless the count is 1; CF when the count reaches the operand's size */
#define U_ROTATE (1u << 29) /* OF unless the count is 1 */
#define U_DOUBLE (1u << 28) /* as SHIFT; everything with 16 bits and a count over 16 */
#define U_BMI (FL_AF | FL_PF)
#define U_LZ (FL_OF | FL_SF | FL_AF | FL_PF)

enum { S1 = 1, S2 = 2, S4 = 4, S8 = 8, SV = S2 | S4 | S8, SA = S1 | SV, SD = S4 | S8 };

typedef struct FormRow {
    const char *name;
    Enc enc;
    uint8_t prefix; /* mandatory: 66, F2, F3 */
    uint8_t map;    /* 0 none, 1 0F, 2 0F38, 3 0F3A */
    uint8_t op;     /* of the byte form when S1 is among the sizes and there are others: +1 for the rest */
    uint8_t ext;    /* ModRM.reg of RM encodings; VEX: W by size */
    uint8_t sizes;
    uint8_t how;
    uint32_t undefined;
    int feature;    /* CPUID_*, -1: none */
} FormRow;

#define ALU(name, n)                                                                                                      \
    { name " rm,r", RM_R, 0, 0, (n) * 8, 0, SA, 0, U_NONE, -1 }, { name " r,rm", R_RM, 0, 0, (n) * 8 + 2, 0, SA, 0, U_NONE, -1 }, \
    { name " rm,iz", RM_IZ, 0, 0, 0x80, n, SA, 0, U_NONE, -1 }, { name " rm,ib", RM_IB8, 0, 0, 0x83, n, SV, 0, U_NONE, -1 },       \
    { name " acc,iz", ACC_IZ, 0, 0, (n) * 8 + 4, 0, SA, 0, U_NONE, -1 },                                                  \
    { "lock " name " rm,r", RM_R, 0, 0, (n) * 8, 0, SA, MEM_ONLY | LOCKABLE, U_NONE, -1 },                                \
    { "lock " name " rm,iz", RM_IZ, 0, 0, 0x80, n, SA, MEM_ONLY | LOCKABLE, U_NONE, -1 }
#define LOGIC(name, n)                                                                                                    \
    { name " rm,r", RM_R, 0, 0, (n) * 8, 0, SA, 0, U_AF, -1 }, { name " r,rm", R_RM, 0, 0, (n) * 8 + 2, 0, SA, 0, U_AF, -1 }, \
    { name " rm,iz", RM_IZ, 0, 0, 0x80, n, SA, 0, U_AF, -1 }, { name " rm,ib", RM_IB8, 0, 0, 0x83, n, SV, 0, U_AF, -1 },   \
    { name " acc,iz", ACC_IZ, 0, 0, (n) * 8 + 4, 0, SA, 0, U_AF, -1 },                                                    \
    { "lock " name " rm,r", RM_R, 0, 0, (n) * 8, 0, SA, MEM_ONLY | LOCKABLE, U_AF, -1 }
#define UNARY(name, opc, n, undef)                                                                                        \
    { name " rm", RM, 0, 0, opc, n, SA, 0, undef, -1 }, { "lock " name " rm", RM, 0, 0, opc, n, SA, MEM_ONLY | LOCKABLE, undef, -1 }
#define SHIFT(name, n, undef)                                                                                             \
    { name " rm,1", RM, 0, 0, 0xd0, n, SA, 0, undef == U_SHIFT ? U_AF : U_NONE, -1 },                                     \
    { name " rm,cl", RM_CL, 0, 0, 0xd2, n, SA, 0, undef, -1 }, { name " rm,i8", RM_I8, 0, 0, 0xc0, n, SA, 0, undef, -1 }
#define BT(name, opc, n)                                                                                                  \
    { name " rm,r", RM_R, 0, 1, opc, 0, SV, MEM_UNSCALED, U_BT, -1 }, { name " rm,i8", RM_I8, 0, 1, 0xba, n, SV, 0, U_BT, -1 }
#define LOCKBT(name, opc, n)                                                                                              \
    { "lock " name " rm,r", RM_R, 0, 1, opc, 0, SV, MEM_UNSCALED | MEM_ONLY | LOCKABLE, U_BT, -1 },                       \
    { "lock " name " rm,i8", RM_I8, 0, 1, 0xba, n, SV, MEM_ONLY | LOCKABLE, U_BT, -1 }
#define CC(n)                                                                                                             \
    { "cmov" #n, R_RM, 0, 1, 0x40 + n, 0, SV, 0, U_NONE, -1 }, { "set" #n, RM, 0, 1, 0x90 + n, 0, S1, 0, U_NONE, -1 },    \
    { "j" #n " rel8", BRANCH8, 0, 0, 0x70 + n, 0, S4, 0, U_NONE, -1 }, { "j" #n " rel32", BRANCH32, 0, 1, 0x80 + n, 0, S4, 0, U_NONE, -1 }
#define STR(name, opc)                                                                                                    \
    { name, STRING, 0, 0, opc, 0, SA, 0, U_NONE, -1 }, { "rep " name, STRING, 0xf3, 0, opc, 0, SA, 0, U_NONE, -1 },       \
    { "repne " name, STRING, 0xf2, 0, opc, 0, SA, 0, U_NONE, -1 }

static const FormRow forms_alu[] = {
    ALU("add", 0), LOGIC("or", 1), ALU("adc", 2), ALU("sbb", 3), LOGIC("and", 4), ALU("sub", 5), LOGIC("xor", 6),
    { "cmp rm,r", RM_R, 0, 0, 0x38, 0, SA, 0, U_NONE, -1 }, { "cmp r,rm", R_RM, 0, 0, 0x3a, 0, SA, 0, U_NONE, -1 },
    { "cmp rm,iz", RM_IZ, 0, 0, 0x80, 7, SA, 0, U_NONE, -1 }, { "cmp rm,ib", RM_IB8, 0, 0, 0x83, 7, SV, 0, U_NONE, -1 },
    { "cmp acc,iz", ACC_IZ, 0, 0, 0x3c, 0, SA, 0, U_NONE, -1 },
    { "test rm,r", RM_R, 0, 0, 0x84, 0, SA, 0, U_AF, -1 }, { "test acc,iz", ACC_IZ, 0, 0, 0xa8, 0, SA, 0, U_AF, -1 },
    { "test rm,iz", RM_IZ, 0, 0, 0xf6, 0, SA, 0, U_AF, -1 }, { "test /1 rm,iz", RM_IZ, 0, 0, 0xf6, 1, SA, 0, U_AF, -1 },
    UNARY("inc", 0xfe, 0, U_NONE), UNARY("dec", 0xfe, 1, U_NONE), UNARY("not", 0xf6, 2, U_NONE), UNARY("neg", 0xf6, 3, U_NONE),
    { "adcx", R_RM, 0x66, 2, 0xf6, 0, SD, 0, U_NONE, CPUID_ADX }, { "adox", R_RM, 0xf3, 2, 0xf6, 0, SD, 0, U_NONE, CPUID_ADX },
    { NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};

static const FormRow forms_mov[] = {
    { "mov rm,r", RM_R, 0, 0, 0x88, 0, SA, 0, 0, -1 }, { "mov r,rm", R_RM, 0, 0, 0x8a, 0, SA, 0, 0, -1 },
    { "mov rm,iz", RM_IZ, 0, 0, 0xc6, 0, SA, 0, 0, -1 }, { "mov r8,i8", OPREG_IV, 0, 0, 0xb0, 0, S1, 0, 0, -1 },
    { "mov r,iv", OPREG_IV, 0, 0, 0xb8, 0, SV, 0, 0, -1 },
    { "movzx b", R_RM, 0, 1, 0xb6, 0, SV, 0, 0, -1 }, { "movzx w", R_RM, 0, 1, 0xb7, 0, SV, 0, 0, -1 },
    { "movsx b", R_RM, 0, 1, 0xbe, 0, SV, 0, 0, -1 }, { "movsx w", R_RM, 0, 1, 0xbf, 0, SV, 0, 0, -1 },
    { "movsxd", R_RM, 0, 0, 0x63, 0, SV, 0, 0, -1 }, { "lea", R_RM, 0, 0, 0x8d, 0, SV, MEM_ONLY, 0, -1 },
    { "xchg rm,r", RM_R, 0, 0, 0x86, 0, SA, 0, 0, -1 }, { "xchg rax,r", OPREG, 0, 0, 0x90, 0, SV, 0, 0, -1 },
    { "bswap", OPREG, 0, 1, 0xc8, 0, SD, 0, 0, -1 },
    { "cbw", NONE, 0, 0, 0x98, 0, SV, 0, 0, -1 }, { "cwd", NONE, 0, 0, 0x99, 0, SV, 0, 0, -1 },
    { "lahf", NONE, 0, 0, 0x9f, 0, S4, 0, 0, CPUID_LAHF_LM }, { "sahf", NONE, 0, 0, 0x9e, 0, S4, 0, 0, CPUID_LAHF_LM },
    { "cmc", NONE, 0, 0, 0xf5, 0, S4, 0, 0, -1 }, { "clc", NONE, 0, 0, 0xf8, 0, S4, 0, 0, -1 },
    { "stc", NONE, 0, 0, 0xf9, 0, S4, 0, 0, -1 }, { "cld", NONE, 0, 0, 0xfc, 0, S4, 0, 0, -1 },
    { "std", NONE, 0, 0, 0xfd, 0, S4, 0, 0, -1 },
    { "movbe r,m", R_RM, 0, 2, 0xf0, 0, SV, MEM_ONLY, 0, CPUID_MOVBE }, { "movbe m,r", RM_R, 0, 2, 0xf1, 0, SV, MEM_ONLY, 0, CPUID_MOVBE },
    { "movnti", RM_R, 0, 1, 0xc3, 0, SD, MEM_ONLY, 0, CPUID_SSE2 },
    { "nop", NONE, 0, 0, 0x90, 0, SV, 0, 0, -1 }, { "nop rm", RM, 0, 1, 0x1f, 0, SV, 0, 0, -1 },
    { "endbr64", RM, 0xf3, 1, 0x1e, 7, S4, REG_ONLY, 0, -1 },
    { "prefetchnta", RM, 0, 1, 0x18, 0, S4, 0, 0, -1 }, { "prefetchw", RM, 0, 1, 0x0d, 1, S4, MEM_ONLY, 0, -1 },
    { "clflush", RM, 0, 1, 0xae, 7, S4, MEM_ONLY, 0, CPUID_CLFLUSH }, { "mfence", NONE, 0, 1, 0xae, 0xf0, S4, 0, 0, -1 },
    { "ud2", NONE, 0, 1, 0x0b, 0, S4, 0, 0, -1 },
    { NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};

static const FormRow forms_shift[] = {
    SHIFT("rol", 0, U_ROTATE), SHIFT("ror", 1, U_ROTATE), SHIFT("rcl", 2, U_ROTATE), SHIFT("rcr", 3, U_ROTATE),
    SHIFT("shl", 4, U_SHIFT), SHIFT("shr", 5, U_SHIFT), SHIFT("sal", 6, U_SHIFT), SHIFT("sar", 7, U_SHIFT),
    { "shld i8", RM_R_I8, 0, 1, 0xa4, 0, SV, 0, U_DOUBLE, -1 }, { "shld cl", RM_R_CL, 0, 1, 0xa5, 0, SV, 0, U_DOUBLE, -1 },
    { "shrd i8", RM_R_I8, 0, 1, 0xac, 0, SV, 0, U_DOUBLE, -1 }, { "shrd cl", RM_R_CL, 0, 1, 0xad, 0, SV, 0, U_DOUBLE, -1 },
    { NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};

static const FormRow forms_muldiv[] = {
    { "mul", RM, 0, 0, 0xf6, 4, SA, 0, U_MUL, -1 }, { "imul", RM, 0, 0, 0xf6, 5, SA, 0, U_MUL, -1 },
    { "div", RM, 0, 0, 0xf6, 6, SA, DIVIDES, U_ALL, -1 }, { "idiv", RM, 0, 0, 0xf6, 7, SA, DIVIDES, U_ALL, -1 },
    { "imul r,rm", R_RM, 0, 1, 0xaf, 0, SV, 0, U_MUL, -1 }, { "imul r,rm,ib", R_RM_I8, 0, 0, 0x6b, 0, SV, 0, U_MUL, -1 },
    { "imul r,rm,iz", R_RM_IZ, 0, 0, 0x69, 0, SV, 0, U_MUL, -1 },
    { NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};

static const FormRow forms_bits[] = {
    BT("bt", 0xa3, 4), BT("bts", 0xab, 5), BT("btr", 0xb3, 6), BT("btc", 0xbb, 7),
    LOCKBT("bts", 0xab, 5), LOCKBT("btr", 0xb3, 6), LOCKBT("btc", 0xbb, 7),
    { "bsf", R_RM, 0, 1, 0xbc, 0, SV, 0, U_BSF, -1 }, { "bsr", R_RM, 0, 1, 0xbd, 0, SV, 0, U_BSF, -1 },
    { "popcnt", R_RM, 0xf3, 1, 0xb8, 0, SV, 0, 0, CPUID_POPCNT }, { "tzcnt", R_RM, 0xf3, 1, 0xbc, 0, SV, 0, U_LZ, CPUID_BMI1 },
    { "lzcnt", R_RM, 0xf3, 1, 0xbd, 0, SV, 0, U_LZ, CPUID_ABM },
    { "crc32 b", R_RM, 0xf2, 2, 0xf0, 0, SD, 0, 0, CPUID_SSE42 }, { "crc32 v", R_RM, 0xf2, 2, 0xf1, 0, SV, 0, 0, CPUID_SSE42 },
    { NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};

static const FormRow forms_bmi[] = {
    { "andn", VEX_RVM, 0, 2, 0xf2, 0, SD, 0, U_BMI, CPUID_BMI1 }, { "bextr", VEX_RMV, 0, 2, 0xf7, 0, SD, 0, U_BMI | FL_SF, CPUID_BMI1 },
    { "blsr", VEX_VM, 0, 2, 0xf3, 1, SD, 0, U_BMI, CPUID_BMI1 }, { "blsmsk", VEX_VM, 0, 2, 0xf3, 2, SD, 0, U_BMI, CPUID_BMI1 },
    { "blsi", VEX_VM, 0, 2, 0xf3, 3, SD, 0, U_BMI, CPUID_BMI1 }, { "bzhi", VEX_RMV, 0, 2, 0xf5, 0, SD, 0, U_BMI, CPUID_BMI2 },
    { "mulx", VEX_RVM, 0xf2, 2, 0xf6, 0, SD, 0, 0, CPUID_BMI2 }, { "pdep", VEX_RVM, 0xf2, 2, 0xf5, 0, SD, 0, 0, CPUID_BMI2 },
    { "pext", VEX_RVM, 0xf3, 2, 0xf5, 0, SD, 0, 0, CPUID_BMI2 }, { "rorx", VEX_RM_I8, 0xf2, 3, 0xf0, 0, SD, 0, 0, CPUID_BMI2 },
    { "sarx", VEX_RMV, 0xf3, 2, 0xf7, 0, SD, 0, 0, CPUID_BMI2 }, { "shlx", VEX_RMV, 0x66, 2, 0xf7, 0, SD, 0, 0, CPUID_BMI2 },
    { "shrx", VEX_RMV, 0xf2, 2, 0xf7, 0, SD, 0, 0, CPUID_BMI2 },
    { NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};

static const FormRow forms_atomic[] = {
    { "xadd", RM_R, 0, 1, 0xc0, 0, SA, 0, 0, -1 }, { "lock xadd", RM_R, 0, 1, 0xc0, 0, SA, MEM_ONLY | LOCKABLE, 0, -1 },
    { "cmpxchg", RM_R, 0, 1, 0xb0, 0, SA, RAX_OFTEN, 0, -1 },
    { "lock cmpxchg", RM_R, 0, 1, 0xb0, 0, SA, MEM_ONLY | LOCKABLE | RAX_OFTEN, 0, -1 },
    { "cmpxchg8b", RM, 0, 1, 0xc7, 1, S4, MEM_ONLY | RAX_OFTEN, 0, CPUID_CX8 },
    { "lock cmpxchg8b", RM, 0, 1, 0xc7, 1, S4, MEM_ONLY | LOCKABLE | RAX_OFTEN, 0, CPUID_CX8 },
    { "cmpxchg16b", RM, 0, 1, 0xc7, 1, S8, MEM_ONLY | ALIGN16 | RAX_OFTEN, 0, CPUID_CX16 },
    { "lock cmpxchg16b", RM, 0, 1, 0xc7, 1, S8, MEM_ONLY | LOCKABLE | ALIGN16 | RAX_OFTEN, 0, CPUID_CX16 },
    { NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};

static const FormRow forms_branch[] = {
    CC(0), CC(1), CC(2), CC(3), CC(4), CC(5), CC(6), CC(7), CC(8), CC(9), CC(10), CC(11), CC(12), CC(13), CC(14), CC(15),
    { "jmp rel8", BRANCH8, 0, 0, 0xeb, 0, S4, 0, 0, -1 }, { "jmp rel32", BRANCH32, 0, 0, 0xe9, 0, S4, 0, 0, -1 },
    { "loop", BRANCH8, 0, 0, 0xe2, 0, S4, 0, 0, -1 }, { "loope", BRANCH8, 0, 0, 0xe1, 0, S4, 0, 0, -1 },
    { "loopne", BRANCH8, 0, 0, 0xe0, 0, S4, 0, 0, -1 }, { "jrcxz", BRANCH8, 0, 0, 0xe3, 0, S4, 0, 0, -1 },
    { "jecxz", BRANCH8, 0x67, 0, 0xe3, 0, S4, 0, 0, -1 }, { "loop ecx", BRANCH8, 0x67, 0, 0xe2, 0, S4, 0, 0, -1 },
    { NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};

static const FormRow forms_string[] = {
    STR("movs", 0xa4), STR("stos", 0xaa), STR("lods", 0xac), STR("cmps", 0xa6), STR("scas", 0xae),
    { "xlat", STRING, 0, 0, 0xd7, 0, S4, 0, 0, -1 },
    { NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};

static const FormRow forms_stack[] = {
    { "push r", STACK_R, 0, 0, 0x50, 0, S2 | S8, 0, 0, -1 }, { "pop r", STACK_R, 0, 0, 0x58, 0, S2 | S8, 0, 0, -1 },
    { "push iz", STACK_I, 0, 0, 0x68, 0, S2 | S8, 0, 0, -1 }, { "push ib", STACK_I, 0, 0, 0x6a, 0, S2 | S8, 0, 0, -1 },
    { "enter", STACK_I, 0, 0, 0xc8, 0, S8, 0, 0, -1 }, { "leave", STACK, 0, 0, 0xc9, 0, S8, 0, 0, -1 },
    { "push rm", STACK_RM, 0, 0, 0xff, 6, S2 | S4, 0, 0, -1 }, { "pop rm", STACK_RM, 0, 0, 0x8f, 0, S2 | S4, 0, 0, -1 },
    { "call rm", STACK_RM, 0, 0, 0xff, 2, S4, 0, 0, -1 }, { "jmp rm", STACK_RM, 0, 0, 0xff, 4, S4, 0, 0, -1 },
    { "ret", STACK, 0, 0, 0xc3, 0, S4, 0, 0, -1 }, { "ret i16", STACK, 0, 0, 0xc2, 0, S4, 0, 0, -1 },
    { "call rel32", BRANCH32, 0, 0, 0xe8, 0, S4, 0, 0, -1 },
    { NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};

#define U_DAA FL_OF
#define U_AAA (FL_OF | FL_SF | FL_ZF | FL_PF)
#define U_AAM (FL_OF | FL_AF | FL_CF)

/* Not in 64-bit code. */
static const FormRow forms_legacy[] = {
    { "daa", NONE, 0, 0, 0x27, 0, S4, COMPAT, U_DAA, -1 }, { "das", NONE, 0, 0, 0x2f, 0, S4, COMPAT, U_DAA, -1 },
    { "aaa", NONE, 0, 0, 0x37, 0, S4, COMPAT, U_AAA, -1 }, { "aas", NONE, 0, 0, 0x3f, 0, S4, COMPAT, U_AAA, -1 },
    { "aam", PLAIN_I8, 0, 0, 0xd4, 0, S4, COMPAT, U_AAM, -1 }, { "aad", PLAIN_I8, 0, 0, 0xd5, 0, S4, COMPAT, U_AAM, -1 },
    { "salc", NONE, 0, 0, 0xd6, 0, S4, COMPAT, 0, -1 },
    { "inc r", OPREG, 0, 0, 0x40, 0, S2 | S4, COMPAT, 0, -1 }, { "dec r", OPREG, 0, 0, 0x48, 0, S2 | S4, COMPAT, 0, -1 },
    { "push r", STACK_R, 0, 0, 0x50, 0, S2 | S4, COMPAT, 0, -1 }, { "pop r", STACK_R, 0, 0, 0x58, 0, S2 | S4, COMPAT, 0, -1 },
    { "push iz", STACK_I, 0, 0, 0x68, 0, S2 | S4, COMPAT, 0, -1 }, { "push ib", STACK_I, 0, 0, 0x6a, 0, S2 | S4, COMPAT, 0, -1 },
    { "pusha", STACK, 0, 0, 0x60, 0, S2 | S4, COMPAT, 0, -1 }, { "popa", STACK, 0, 0, 0x61, 0, S2 | S4, COMPAT, 0, -1 },
    { "enter", STACK_I, 0, 0, 0xc8, 0, S2 | S4, COMPAT, 0, -1 }, { "leave", STACK, 0, 0, 0xc9, 0, S2 | S4, COMPAT, 0, -1 },
    { "lahf", NONE, 0, 0, 0x9f, 0, S4, COMPAT, 0, -1 }, { "cbw", NONE, 0, 0, 0x98, 0, S2 | S4, COMPAT, 0, -1 },
    { "add rm,r", RM_R, 0, 0, 0x00, 0, S1 | S2 | S4, COMPAT | REG_ONLY, 0, -1 },
    { "shl rm,cl", RM_CL, 0, 0, 0xd2, 4, S1 | S2 | S4, COMPAT | REG_ONLY, U_SHIFT, -1 },
    { "movs", STRING, 0, 0, 0xa4, 0, S1 | S2 | S4, COMPAT, 0, -1 }, { "rep stos", STRING, 0xf3, 0, 0xaa, 0, S1 | S2 | S4, COMPAT, 0, -1 },
    { "jcxz", BRANCH8, 0x67, 0, 0xe3, 0, S4, COMPAT, 0, -1 }, { "jecxz", BRANCH8, 0, 0, 0xe3, 0, S4, COMPAT, 0, -1 },
    { "loop", BRANCH8, 0, 0, 0xe2, 0, S4, COMPAT, 0, -1 }, { "jb", BRANCH8, 0, 0, 0x72, 0, S4, COMPAT, 0, -1 },
    { NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};

/* --- making a case ----------------------------------------------------------------------------------------------- */

typedef struct Case {
    uint8_t code[NATIVE_MAX_INSN];
    unsigned len;
    NativeState in;
    unsigned count; /* shift count as the instruction will see it */
} Case;

static void put(Case *c, uint64_t v, unsigned size)
{
    st_le(c->code + c->len, v, size);
    c->len += size;
}

static unsigned random_regs = 16; /* how many there are */

static uint8_t random_reg(void)
{
    return (uint8_t)(native_random() >> 20 & (random_regs - 1));
}

/* Data address for an operand of up to 16 bytes: anywhere, sometimes across the pages' border. */
static uint64_t random_address(unsigned align)
{
    uint64_t r = native_random() >> 16, at = NATIVE_DATA + 0x200 + r % 0xd00;

    if (((r >> 32) & 15) == 0) {
        at = NATIVE_DATA + 0x1000 - (r & 15);
    }
    return at & ~(uint64_t)(align - 1);
}

static uint8_t encode_rex_or_vex(const FormRow *f, unsigned size, uint8_t reg, uint8_t rm, uint8_t index, bool force)
{
    (void)f;
    uint8_t rex = (uint8_t)(0x40 | (size == 8) << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | rm >> 3);

    return rex != 0x40 || force ? rex : 0;
}

/* Prefixes, REX, escapes and opcode of a legacy encoding. */
static void put_opcode(Case *c, const FormRow *f, unsigned size, uint8_t reg, uint8_t rm, uint8_t index, bool rex_ok)
{
    bool sized = (f->sizes & S1) && f->sizes != S1;
    uint8_t rex = encode_rex_or_vex(f, size, reg, rm, index, false);

    if (f->how & LOCKABLE) {
        put(c, 0xf0, 1);
    }
    if (size == 2) {
        put(c, 0x66, 1);
    }
    if (f->prefix) {
        put(c, f->prefix, 1);
    }
    if (!rex && size == 1 && rex_ok && random_regs == 16 && (native_random() & 1)) {
        rex = 0x40; /* SPL.. instead of AH.. */
    }
    if (rex) {
        put(c, rex, 1);
    }
    if (f->map) {
        put(c, 0x0f, 1);
    }
    if (f->map > 1) {
        put(c, f->map == 2 ? 0x38 : 0x3a, 1);
    }
    put(c, (uint64_t)f->op + (sized && size != 1), 1);
}

/* ModRM for memory: [base + index * scale + disp32], base's value chosen so that it meets @at. */
static void put_memory(Case *c, uint8_t reg, uint8_t base, uint8_t index, unsigned scale, uint64_t at)
{
    int32_t disp = (int32_t)(native_random() >> 40);
    bool has_index = index != 4;

    put(c, (uint64_t)(0x80 | (reg & 7) << 3 | 4), 1);
    put(c, (uint64_t)(scale << 6 | (has_index ? index & 7 : 4) << 3 | (base & 7)), 1);
    put(c, (uint32_t)disp, 4);
    c->in.regs[base] = at - (uint64_t)(int64_t)disp - (has_index ? c->in.regs[index] << scale : 0);
}

static void put_vex(Case *c, const FormRow *f, unsigned size, uint8_t reg, uint8_t vvvv, uint8_t rm, uint8_t index)
{
    uint8_t pp = f->prefix == 0x66 ? 1 : f->prefix == 0xf3 ? 2 : f->prefix == 0xf2 ? 3 : 0;

    put(c, 0xc4, 1);
    put(c, (uint64_t)((reg < 8) << 7 | (index < 8) << 6 | (rm < 8) << 5 | f->map), 1);
    put(c, (uint64_t)((size == 8) << 7 | (~vvvv & 15) << 3 | pp), 1);
    put(c, f->op, 1);
}

static bool is_vex(Enc e)
{
    return e >= VEX_RVM && e <= VEX_RM_I8;
}

static unsigned imm_size(const FormRow *f, unsigned size)
{
    switch (f->enc) {
    case RM_I8:
    case RM_IB8:
    case RM_R_I8:
    case R_RM_I8:
    case VEX_RM_I8: return 1;
    case RM_IZ:
    case R_RM_IZ:
    case ACC_IZ: return MIN(size, 4u);
    case OPREG_IV: return size;
    default: return 0;
    }
}

static void make_modrm(Case *c, const FormRow *f, unsigned size, bool mem)
{
    bool ext = f->enc == RM || f->enc == RM_I8 || f->enc == RM_IZ || f->enc == RM_IB8 || f->enc == RM_CL || f->enc == VEX_VM;
    uint8_t reg = ext ? f->ext : random_reg(), rm = random_reg(), index = mem ? random_reg() : 0, vvvv = random_reg();
    unsigned scale = (unsigned)(native_random() >> 30) & 3;
    uint64_t at = random_address(f->how & ALIGN16 && native_random() % 16 ? 16 : 1);

    if (mem) {
        while (rm == 4 || rm == index) { /* RSP stays random unless it is the base */
            rm = random_reg();
        }
    }
    if (mem && (f->how & MEM_UNSCALED)) { /* a register that is neither base nor index, with a small bit offset */
        while (reg == rm || reg == index) {
            reg = random_reg();
        }
        c->in.regs[reg] = (uint64_t)((int64_t)(native_random() >> 52) - 2048);
    }
    if (is_vex(f->enc)) {
        put_vex(c, f, size, reg, f->enc == VEX_RM_I8 ? 0 : vvvv, rm, mem && index != 4 ? index : 0);
    } else {
        put_opcode(c, f, size, reg, rm, mem && index != 4 ? index : 0, !mem || !ext);
    }
    if (mem) {
        put_memory(c, reg, rm, index, scale, at);
        if ((f->how & RAX_OFTEN) && (native_random() & 1)) { /* what is in memory, if that does not move the operand */
            if (rm != 0 && index != 0) {
                c->in.regs[0] = ld_le(native_data() + (at - NATIVE_DATA), MIN(size, 8u));
            }
            if (f->op == 0xc7 && rm != 2 && index != 2) {
                c->in.regs[2] = ld_le(native_data() + (at - NATIVE_DATA) + size, size);
            }
        }
        if ((f->how & DIVIDES) && (native_random() & 1)) {
            st_le(native_data() + (at - NATIVE_DATA), native_value() >> (native_random() & 31), size);
        }
    } else {
        put(c, (uint64_t)(0xc0 | (reg & 7) << 3 | (rm & 7)), 1);
        if ((f->how & RAX_OFTEN) && (native_random() & 1)) {
            c->in.regs[0] = c->in.regs[rm];
        }
    }
}

/* Divisions that do not always overflow. */
static void tame_division(Case *c, unsigned size)
{
    uint64_t r = native_random();

    if (r & 1) {
        c->in.regs[2] = r & 2 ? 0 : (uint64_t)((int64_t)(c->in.regs[0] << (64 - size * 8)) >> 63);
    } else if (r & 2) {
        c->in.regs[2] &= 0xff;
    }
    if (size == 1 && (r & 4)) {
        c->in.regs[0] &= 0xfff;
    }
}

static void make_string(Case *c, const FormRow *f, unsigned size)
{
    uint64_t r = native_random();

    c->in.regs[6] = NATIVE_DATA + 0x300 + (r >> 8 & 0x7ff);
    c->in.regs[7] = r & 1 ? c->in.regs[6] + (r >> 30 & 31) : NATIVE_DATA + 0xc00 + (r >> 20 & 0x7ff);
    c->in.regs[1] = r >> 40 & 63;
    if (r >> 50 & 1) { /* something to find equal */
        memmove(native_data() + (c->in.regs[7] - NATIVE_DATA), native_data() + (c->in.regs[6] - NATIVE_DATA), 128);
    }
    if (r >> 51 & 1) {
        memset(native_data() + (c->in.regs[7] - NATIVE_DATA), (int)(uint8_t)c->in.regs[0], 100);
    }
    if (r >> 52 & 1) {
        c->in.flags |= FL_DF;
    }
    if (f->op == 0xd7) {
        c->in.regs[3] = random_address(1);
    }
    put_opcode(c, f, size, 0, 0, 0, false);
}

static void make_stack(Case *c, const FormRow *f, unsigned size)
{
    uint8_t reg = random_reg();

    c->in.regs[4] = random_address(1);
    if (f->op == 0xc9) {
        c->in.regs[5] = random_address(1);
    }
    if (size == 2) {
        put(c, 0x66, 1);
    }
    if (f->enc == STACK_R) {
        if (reg > 7) {
            put(c, 0x41, 1);
        }
        put(c, (uint64_t)f->op + (reg & 7), 1);
        return;
    }
    put(c, f->op, 1);
    if (f->op == 0xc2 || f->op == 0xc3) {
        uint64_t at = c->in.regs[4] & ~(uint64_t)7;
        c->in.regs[4] = at;
        if (f->op == 0xc2) {
            put(c, native_random() >> 20 & 0x7ff, 2);
        }
        st_le64(native_data() + (at - NATIVE_DATA), native_random() & 7 ? NATIVE_CODE + c->len + 32 : (uint64_t)1 << 47 | at);
    } else if (f->op == 0x6a) {
        put(c, native_value(), 1);
    } else if (f->op == 0x68) {
        put(c, native_value(), size == 2 ? 2 : 4);
    } else if (f->op == 0xc8) {
        c->in.regs[5] = random_address(1);
        put(c, native_random() >> 20 & 0xff, 2);
        put(c, native_random() >> 20 & 7, 1);
    }
}

/* PUSH, POP, JMP, CALL of a register or of memory that holds the target. */
static void make_stack_rm(Case *c, const FormRow *f, unsigned size, bool mem)
{
    bool jumps = f->ext == 2 || f->ext == 4;
    uint8_t rm = random_reg();
    uint64_t at = random_address(1);

    while (rm == 4) {
        rm = random_reg();
    }
    c->in.regs[4] = random_address(1);
    put_opcode(c, f, size, f->ext, rm, 0, false);
    if (mem) {
        put_memory(c, f->ext, rm, 4, 0, at);
    } else {
        put(c, (uint64_t)(0xc0 | f->ext << 3 | (rm & 7)), 1);
    }
    if (jumps && mem) {
        st_le64(native_data() + (at - NATIVE_DATA), NATIVE_CODE + c->len + 32);
    } else if (jumps) {
        c->in.regs[rm] = NATIVE_CODE + c->len + 32;
    }
}

static void make_branch(Case *c, const FormRow *f)
{
    if (f->op == 0xe8) {
        c->in.regs[4] = random_address(1);
    }
    if (native_random() & 1) {
        c->in.regs[1] &= 3;
    }
    if (f->prefix) {
        put(c, f->prefix, 1);
    }
    if (f->map) {
        put(c, 0x0f, 1);
    }
    put(c, f->op, 1);
    put(c, 32, f->enc == BRANCH8 ? 1 : 4);
}

static void make_case(Case *c, const FormRow *f, unsigned size, bool mem)
{
    memset(c, 0, sizeof(*c));
    c->in.compat = f->how & COMPAT;
    random_regs = c->in.compat ? 8 : 16;
    for (unsigned r = 0; r < 16; r++) {
        c->in.regs[r] = c->in.compat ? (uint32_t)native_value() : native_value();
    }
    c->in.flags = native_random() & FL_ARITH;
    if (f->how & DIVIDES) {
        tame_division(c, size);
    }
    if ((f->enc == RM_CL || f->enc == RM_R_CL) && (native_random() & 1)) {
        c->in.regs[1] = (c->in.regs[1] & ~(uint64_t)0xff) | (native_random() & 31);
    }
    switch (f->enc) {
    case STRING: make_string(c, f, size); break;
    case STACK:
    case STACK_R:
    case STACK_I: make_stack(c, f, size); break;
    case STACK_RM: make_stack_rm(c, f, size, mem); break;
    case PLAIN_I8:
        put(c, f->op, 1);
        put(c, native_random() & 1 ? 10 : native_value(), 1);
        break;
    case BRANCH8:
    case BRANCH32: make_branch(c, f); break;
    case NONE:
    case ACC_IZ: put_opcode(c, f, size, 0, 0, 0, false); break;
    case OPREG:
    case OPREG_IV: {
        uint8_t reg = random_reg();
        put_opcode(c, f, size, 0, reg, 0, true);
        c->code[c->len - 1] = (uint8_t)(c->code[c->len - 1] + (reg & 7));
        break;
    }
    default: make_modrm(c, f, size, mem); break;
    }
    if (f->enc == NONE && f->op == 0xae) {
        put(c, f->ext, 1);
    }
    unsigned n = imm_size(f, size);

    c->count = (unsigned)c->in.regs[1];
    if (n) {
        uint64_t v = native_value();
        put(c, v, n);
        c->count = (unsigned)v;
    }
    c->count &= size == 8 ? 63 : 31;
}

static uint64_t undefined_flags(const FormRow *f, const Case *c, unsigned size, bool *skip)
{
    uint64_t u = 0;

    *skip = false;
    if (f->undefined < (1u << 28)) {
        return f->undefined;
    }
    if (c->count == 0) {
        return 0;
    }
    if (c->count != 1) {
        u |= FL_OF;
    }
    if (f->undefined == U_ROTATE) {
        return u;
    }
    u |= FL_AF;
    if (c->count >= size * 8) {
        u |= FL_CF;
    }
    if (f->undefined == U_DOUBLE && c->count > size * 8) {
        *skip = true;
    }
    return u;
}

/* --- running ------------------------------------------------------------------------------------------------------- */

static char *hex(const Case *c)
{
    static char text[64];

    for (unsigned k = 0; k < c->len; k++) {
        g_snprintf(text + k * 3, 4, "%02x ", c->code[k]);
    }
    return text;
}

static bool run_form(const FormRow *f, unsigned size, bool mem, unsigned cases)
{
    for (unsigned n = 0; n < cases; n++) {
        NativeState host, emu;
        Case c;
        char why[200];
        bool skip;

        make_case(&c, f, size, mem);
        uint64_t undefined = undefined_flags(f, &c, size, &skip);

        if (skip) {
            continue;
        }
        native_both(c.code, c.len, &c.in, &host, &emu);
        if (!native_same(&host, &emu, undefined, why, sizeof(why))) {
            fprintf(stderr, "%s, %u bytes, %s, case %u: %s\n  code %s flags %" PRIx64 "\n", f->name, size,
                    mem ? "memory" : "register", n, why, hex(&c), c.in.flags);
            for (unsigned r = 0; r < 16; r++) {
                fprintf(stderr, "%s r%u=%" PRIx64, r % 4 ? "" : "\n ", r, c.in.regs[r]);
            }
            fprintf(stderr, "\n");
            return false;
        }
    }
    return true;
}

static bool has_modrm(Enc e)
{
    return e <= R_RM_IZ || is_vex(e) || e == STACK_RM;
}

static void run_table(const FormRow *table)
{
    const char *env = getenv("CASES");
    unsigned cases = env ? (unsigned)atoi(env) : 1000, failed = 0, ran = 0;

    if (!native_setup()) {
        TEST_SKIP("needs an x86-64 host with free addresses at 0x10000000");
    }
    for (unsigned k = 0; k < NATIVE_DATA_SIZE; k += 8) {
        st_le64(native_data() + k, native_value());
    }
    for (const FormRow *f = table; f->name; f++) {
        if (f->feature >= 0 && !x86_has_feature(native_cpu(), (unsigned)f->feature)) {
            fprintf(stderr, "%s: the host lacks it\n", f->name);
            continue;
        }
        for (unsigned size = 1; size <= 8; size *= 2) {
            for (unsigned mem = 0; mem < 2; mem++) {
                bool wanted = !has_modrm(f->enc) ? !mem : mem ? !(f->how & REG_ONLY) : !(f->how & MEM_ONLY);
                if ((f->sizes & size) && wanted) {
                    failed += !run_form(f, size, mem, cases);
                    ran++;
                }
            }
        }
    }
    fprintf(stderr, "%u forms, %u cases each, %u forms failed\n", ran, cases, failed);
    CHECK_EQ(failed, 0);
}

TEST(alu) { run_table(forms_alu); }
TEST(mov) { run_table(forms_mov); }
TEST(shift) { run_table(forms_shift); }
TEST(muldiv) { run_table(forms_muldiv); }
TEST(bits) { run_table(forms_bits); }
TEST(bmi) { run_table(forms_bmi); }
TEST(atomic) { run_table(forms_atomic); }
TEST(branch) { run_table(forms_branch); }
TEST(string) { run_table(forms_string); }
TEST(stack) { run_table(forms_stack); }
TEST(legacy) { run_table(forms_legacy); }
