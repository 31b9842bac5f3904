/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See insn-walk.h: extensions and mnemonics, and why some are not run beside the host's CPU. */
#include "util/osdep.h"
#include "tests/unit/insn-walk.h"

/* By extension of the instruction set, as decode_isa() says. */
static const WalkRow walk_isas[] = {
    { "I86", WALK_RUN, NULL }, { "I186", WALK_RUN, NULL }, { "I286REAL", WALK_RUN, NULL }, { "I286PROTECTED", WALK_RUN, NULL },
    { "I386", WALK_RUN, NULL }, { "I486", WALK_RUN, NULL }, { "I486REAL", WALK_RUN, NULL }, { "PENTIUMREAL", WALK_RUN, NULL },
    { "PPRO", WALK_RUN, NULL }, { "LONGMODE", WALK_RUN, NULL }, { "CMOV", WALK_RUN, NULL }, { "FAT_NOP", WALK_RUN, NULL },
    { "LAHF", WALK_RUN, NULL }, { "PAUSE", WALK_RUN, NULL }, { "MOVBE", WALK_RUN, NULL }, { "ADOX_ADCX", WALK_RUN, NULL },
    { "BMI1", WALK_RUN, NULL }, { "BMI2", WALK_RUN, NULL }, { "LZCNT", WALK_RUN, NULL }, { "POPCNT", WALK_RUN, NULL },
    { "CMPXCHG16B", WALK_RUN, NULL }, { "CLFSH", WALK_RUN, NULL }, { "CLFLUSHOPT", WALK_RUN, NULL }, { "CLWB", WALK_RUN, NULL },
    { "INVPCID", WALK_RUN, NULL }, { "SMAP", WALK_RUN, NULL }, { "MONITOR", WALK_RUN, NULL },
    { "CET", WALK_RUN, NULL }, { "RTM", WALK_RUN, NULL }, { "X87" /* FWAIT */, WALK_RUN, NULL },
    { "PT", WALK_RUN, NULL },
    { "RDTSCP", WALK_LISTED, "tests/guest/system-insns.S" }, { "RDPID", WALK_LISTED, "tests/guest/system-insns.S" },
    { "RDRAND", WALK_LISTED, "tests/guest/system-insns.S" }, { "RDSEED", WALK_LISTED, "tests/guest/system-insns.S" },
    { "RDPMC", WALK_LISTED, "tests/guest/system-insns.S" }, { "RDWRFSGS", WALK_LISTED, "tests/guest/kernel-flags.S" },
    { "PKU", WALK_LISTED, "tests/unit/paging-state-test.c" }, { "MOVDIR", WALK_NEVER, "newer than the models" },
    { "SERIALIZE", WALK_NEVER, "newer than the models" },
    { "CLZERO", WALK_NEVER, "AMD's" }, { "MONITORX", WALK_NEVER, "AMD's" }, { "RDPRU", WALK_NEVER, "AMD's" },
    { "MCOMMIT", WALK_NEVER, "AMD's" }, { "SNP", WALK_NEVER, "AMD's encrypted guests" }, { "AMD_INVLPGB", WALK_NEVER, "AMD's" },
    { "SVM", WALK_NEVER, "nested virtualisation" }, { "VTX", WALK_NEVER, "nested virtualisation" },
    { "VMFUNC", WALK_NEVER, "nested virtualisation" },
    { "AMD3DNOW", WALK_NEVER, "no model has it; its prefetches are vec-native-test's" },
    { "SGX", WALK_NEVER, "enclaves" }, { "SGX_ENCLV", WALK_NEVER, "enclaves" }, { "TDX", WALK_NEVER, "trusted domains" },
    { "SMX", WALK_NEVER, "measured launch" }, { "PCONFIG", WALK_NEVER, "memory encryption" },
    { "KEYLOCKER", WALK_NEVER, "newer than the models" },
    { "KEYLOCKER_WIDE", WALK_NEVER, "newer than the models" }, { "WAITPKG", WALK_NEVER, "newer than the models" },
    { "UINTR", WALK_NEVER, "newer than the models" }, { "ENQCMD", WALK_NEVER, "newer than the models" },
    { "TSX_LDTRK", WALK_NEVER, "newer than the models" },
    { "XOP", WALK_NEVER, "AMD's of 2011" }, { "AMX_TILE", WALK_NEVER, "newer than the models" },
    { "AMX_INT8", WALK_NEVER, "newer than the models" }, { "AMX_BF16", WALK_NEVER, "newer than the models" },
    { "KNCV", WALK_NEVER, "Knights Corner's" }, { "KNCJKBR", WALK_NEVER, "Knights Corner's" },
    { NULL, WALK_GAP, NULL },
};

#define GATES "tests/guest/gates.S"
#define SEGMENTS "tests/guest/far-pointers.S"
#define SYSTEM "tests/guest/system-insns.S"

/* By mnemonic; before the extensions. */
static const WalkRow walk_names[] = {
    { "syscall", WALK_LISTED, "tests/guest/ring3.S" }, { "sysret", WALK_LISTED, "tests/guest/ring3.S" },
    { "sysenter", WALK_LISTED, "tests/guest/sysenter.S" }, { "sysexit", WALK_LISTED, "tests/guest/sysenter.S" },
    { "int", WALK_LISTED, GATES }, { "int3", WALK_LISTED, SYSTEM }, { "int1", WALK_LISTED, "tests/guest/debug.S" },
    { "into", WALK_LISTED, SYSTEM }, { "iret", WALK_LISTED, GATES }, { "iretd", WALK_LISTED, GATES },
    { "iretq", WALK_LISTED, "tests/guest/ring3.S" }, { "les", WALK_LISTED, SEGMENTS }, { "lds", WALK_LISTED, SEGMENTS },
    { "lss", WALK_LISTED, SEGMENTS }, { "lfs", WALK_LISTED, SEGMENTS }, { "lgs", WALK_LISTED, SEGMENTS },
    { "cpuid", WALK_LISTED, "tests/unit/cpu-system-test.c" }, { "rdtsc", WALK_LISTED, "tests/guest/tsc-deadline.S" },
    { "lar", WALK_LISTED, GATES }, { "lsl", WALK_LISTED, GATES }, { "verr", WALK_LISTED, GATES }, { "verw", WALK_LISTED, GATES },
    { "sgdt", WALK_LISTED, "tests/unit/paging-state-test.c" }, { "sidt", WALK_LISTED, "tests/unit/paging-state-test.c" },
    { "sldt", WALK_LISTED, "tests/unit/paging-state-test.c" }, { "str", WALK_LISTED, "tests/unit/paging-state-test.c" },
    { "smsw", WALK_LISTED, "tests/unit/paging-state-test.c" }, { "xgetbv", WALK_LISTED, SYSTEM },
    { NULL, WALK_GAP, NULL },
};

/* These share their mnemonic with others, which are run. */
static const WalkRow far_transfer = { "far jmp, call, ret", WALK_LISTED, GATES };
static const WalkRow segment_move = { "mov, pop of a segment register", WALK_LISTED, SEGMENTS };
static const WalkRow truncated = { "near branch with 66 in 64-bit code", WALK_LISTED, "Intel's ignore the prefix, AMD's do not" };
static const WalkRow rep_loop = { "loope, loopne with REP", WALK_LISTED, "AMD's CPUs take F3 LOOPNE for LOOPE" };
static const WalkRow vectors = { "vec-native-test", WALK_VEC, NULL };

static bool walk_seen_isa[G_N_ELEMENTS(walk_isas)], walk_seen_name[G_N_ELEMENTS(walk_names)];

static const WalkRow *look_up(const WalkRow *rows, bool *seen, const char *name)
{
    for (unsigned k = 0; rows[k].name; k++) {
        if (!strcmp(rows[k].name, name)) {
            seen[k] = true;
            return &rows[k];
        }
    }
    return NULL;
}

/* Skips prefixes: the opcode's first byte. */
static const uint8_t *opcode_of(const uint8_t *code, bool compat)
{
    static const uint8_t prefixes[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65 };

    while (memchr(prefixes, *code, sizeof(prefixes)) || (!compat && (*code & 0xf0) == 0x40)) {
        code++;
    }
    return code;
}

static bool is_near_branch(const uint8_t *op)
{
    uint8_t reg = op[1] >> 3 & 7;

    return (*op & 0xf0) == 0x70 || (*op >= 0xe0 && *op <= 0xe3) || *op == 0xe8 || *op == 0xe9 || *op == 0xeb || *op == 0xc2 ||
           *op == 0xc3 || (*op == 0xff && (reg == 2 || reg == 4)) || (*op == 0x0f && (op[1] & 0xf0) == 0x80);
}

static const WalkRow *shared_mnemonic(bool compat, const char *name, const uint8_t *code)
{
    const uint8_t *op = opcode_of(code, compat);
    uint8_t reg = op[1] >> 3 & 7;

    if (*op == 0x9a || *op == 0xea || *op == 0xca || *op == 0xcb || (*op == 0xff && (reg == 3 || reg == 5))) {
        return &far_transfer;
    }
    if (*op == 0x8e || *op == 0x07 || *op == 0x17 || *op == 0x1f || (*op == 0x0f && !strcmp(name, "pop"))) {
        return &segment_move;
    }
    if ((*op == 0xe0 || *op == 0xe1) && (memchr(code, 0xf2, (size_t)(op - code)) || memchr(code, 0xf3, (size_t)(op - code)))) {
        return &rep_loop;
    }
    return !compat && is_near_branch(op) && memchr(code, 0x66, (size_t)(op - code)) ? &truncated : NULL;
}

const WalkRow *walk_kind(bool compat, const char *isa, const char *name, const uint8_t *code)
{
    const WalkRow *row = shared_mnemonic(compat, name, code);

    row = row ? row : look_up(walk_names, walk_seen_name, name);
    row = row ? row : look_up(walk_isas, walk_seen_isa, isa);
    return row ? row : vec_class(isa) >= 0 ? &vectors : &walk_isas[G_N_ELEMENTS(walk_isas) - 1];
}

bool walk_is_escape(const VecForm *f)
{
    static const uint8_t bytes[] = { 0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3 };
    static const uint8_t shared[] = { 0x62, 0x8f, 0xc4, 0xc5 }; /* BOUND, POP, LES, LDS, or a prefix */

    if (f->map != 0) {
        return false;
    }
    if (memchr(shared, f->op, sizeof(shared))) {
        return !f->isa || vec_class(f->isa) >= 0 || strchr("vk", f->name[0]);
    }
    return memchr(bytes, f->op, sizeof(bytes)) || (!f->compat && (f->op & 0xf0) == 0x40);
}

bool walk_is_call(const uint8_t *code, bool compat)
{
    const uint8_t *op = opcode_of(code, compat);

    return *op == 0xff && (op[1] >> 3 & 7) == 2;
}

bool walk_unordered(const uint8_t *code, bool compat)
{
    const uint8_t *op = opcode_of(code, compat);

    return *op == 0xa6 || *op == 0xa7 || *op == 0xc8 || *op == 0x60 || *op == 0x61 || walk_is_call(code, compat);
}

unsigned walk_check_listed(void)
{
    unsigned missing = 0;

    for (unsigned k = 0; walk_isas[k].name; k++) {
        if (!walk_seen_isa[k]) {
            fprintf(stderr, "no encoding belongs to %s\n", walk_isas[k].name);
            missing++;
        } else if (walk_isas[k].kind == WALK_NEVER) {
            fprintf(stderr, "%-14s #UD on every model: %s\n", walk_isas[k].name, walk_isas[k].why);
        } else if (walk_isas[k].kind == WALK_LISTED) {
            fprintf(stderr, "%-14s not beside the host: %s\n", walk_isas[k].name, walk_isas[k].why);
        }
    }
    for (unsigned k = 0; walk_names[k].name; k++) {
        if (!walk_seen_name[k]) {
            fprintf(stderr, "no encoding is called %s\n", walk_names[k].name);
            missing++;
        } else if (walk_names[k].kind == WALK_LISTED) {
            fprintf(stderr, "%-14s not beside the host: %s\n", walk_names[k].name, walk_names[k].why);
        }
    }
    return missing;
}
