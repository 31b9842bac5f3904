/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDE as a hostile driver would use it: commands that are nearly right, data phases cut short or overrun, PRD tables of any
 * content, resets in flight, packets of random bytes, trays moved by the user meanwhile.  Under ASan and UBSan.
 */
#include "util/osdep.h"
#include "block/drive.h"
#include "tests/fuzz/fuzz-machine.h"
#include "tests/unit/test.h"
#include "util/bytes.h"
#include "util/mainloop.h"

enum { BM = 0xc000, PRDS = 0x8000 };

static Machine *m;
static FuzzRng rng;

static void out(uint16_t port, uint64_t val, unsigned size)
{
    address_space_store(&m->as_io, port, size, val);
}

static uint64_t in(uint16_t port, unsigned size)
{
    uint64_t v = 0;
    address_space_load(&m->as_io, port, size, &v);
    return v;
}

static void prds(void)
{
    uint8_t *ram = mem_ram_ptr(&m->ram);
    unsigned n = (unsigned)fuzz_below(&rng, 64) + 1;
    for (unsigned i = 0; i < n; i++) {
        uint64_t addr = fuzz_below(&rng, 8) ? 0x10000 + fuzz_below(&rng, 8 * MiB) : fuzz_value(&rng);
        uint64_t count = fuzz_below(&rng, 4) ? fuzz_below(&rng, 0x10000) : fuzz_value(&rng);
        st_le32(ram + PRDS + 8 * i, (uint32_t)addr);
        st_le32(ram + PRDS + 8 * i + 4, (uint32_t)(count | (i + 1 == n && fuzz_below(&rng, 8) ? 0x80000000u : 0)));
    }
}

static void bus_master(unsigned channel)
{
    uint16_t base = (uint16_t)(BM + 8 * channel);
    prds();
    out(base, 0, 1);
    out(base + 2, 6, 1);
    out(base + 4, fuzz_below(&rng, 16) ? PRDS : fuzz_value(&rng), 4);
    out(base, fuzz_below(&rng, 2) ? 9 : 1, 1);
}

static void data_phase(uint16_t base)
{
    unsigned n = (unsigned)fuzz_below(&rng, 2000);
    bool write = fuzz_below(&rng, 2);
    unsigned size = 2u << fuzz_below(&rng, 2);
    for (unsigned i = 0; i < n; i++) {
        if (write) {
            out(base, fuzz_next(&rng), size);
        } else {
            in(base, size);
        }
    }
}

static void packet(uint16_t base)
{
    static const uint8_t known[] = { 0x00, 0x03, 0x12, 0x15, 0x1a, 0x1b, 0x1e, 0x25, 0x28, 0x2b, 0x42, 0x43, 0x46, 0x4a,
                                     0x51, 0x52, 0x55, 0x5a, 0xa8, 0xad, 0xbb, 0xbd, 0xbe };
    uint8_t cdb[12];
    for (unsigned i = 0; i < 12; i++) {
        cdb[i] = (uint8_t)(fuzz_below(&rng, 3) ? fuzz_below(&rng, 4) : fuzz_value(&rng));
    }
    cdb[0] = fuzz_below(&rng, 8) ? known[fuzz_below(&rng, sizeof(known))] : (uint8_t)fuzz_next(&rng);
    out(base + 1, fuzz_below(&rng, 3) == 0, 1);
    out(base + 4, fuzz_value(&rng), 1);
    out(base + 5, fuzz_value(&rng), 1);
    out(base + 7, 0xa0, 1);
    for (unsigned i = 0; i < 12; i += 2) {
        out(base, ld_le16(cdb + i), 2);
    }
}

static void command(uint16_t base)
{
    static const uint8_t known[] = { 0x06, 0x10, 0x20, 0x24, 0x25, 0x27, 0x29, 0x30, 0x34, 0x35, 0x37, 0x39, 0x3d, 0x40, 0x42,
                                     0x70, 0x90, 0x91, 0x08, 0xa1, 0xb0, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xce, 0xe4, 0xe6, 0xe7,
                                     0xe8, 0xec, 0xef, 0xf8, 0xf9 };
    for (unsigned i = 0; i < 2; i++) { /* both halves of the 48-bit registers */
        out(base + 1, fuzz_below(&rng, 2) ? fuzz_below(&rng, 4) : fuzz_value(&rng), 1);
        out(base + 2, fuzz_below(&rng, 2) ? fuzz_below(&rng, 8) : fuzz_value(&rng), 1);
        out(base + 3, fuzz_value(&rng), 1);
        out(base + 4, fuzz_below(&rng, 2) ? 0 : fuzz_value(&rng), 1);
        out(base + 5, fuzz_below(&rng, 2) ? 0 : fuzz_value(&rng), 1);
    }
    out(base + 7, fuzz_below(&rng, 8) ? known[fuzz_below(&rng, sizeof(known))] : fuzz_next(&rng), 1);
}

static void user(void)
{
    Drive *cd = drive_get(DRIVE_IF_IDE, 2 + (int)fuzz_below(&rng, 2));
    if (cd && fuzz_below(&rng, 2)) {
        drive_eject(cd, fuzz_below(&rng, 2), NULL);
    } else if (cd) {
        drive_change_medium(cd, "/proc/self/exe", "raw", fuzz_below(&rng, 2), NULL);
    }
}

static void step(void)
{
    unsigned channel = (unsigned)fuzz_below(&rng, 2);
    uint16_t base = channel ? 0x170 : 0x1f0, control = channel ? 0x376 : 0x3f6;
    switch (fuzz_below(&rng, 16)) {
    case 0: out(base + 6, fuzz_below(&rng, 2) ? 0xa0 : 0xf0, 1); break;
    case 1: out(control, fuzz_below(&rng, 8) ? 0 : fuzz_next(&rng), 1); break;
    case 2: case 3: case 4: command(base); break;
    case 5: case 6: packet(base); break;
    case 7: case 8: bus_master(channel); break;
    case 9: case 10: data_phase(base); break;
    case 11: out((uint16_t)(BM + fuzz_below(&rng, 16)), fuzz_value(&rng), 1u << fuzz_below(&rng, 3)); break;
    case 12: in((uint16_t)(base + fuzz_below(&rng, 8)), 1u << fuzz_below(&rng, 3)); break;
    case 13: blk_drain_all(); break;
    case 14: mainloop_iterate(true); break;
    default:
        if (fuzz_below(&rng, 16) == 0) {
            user();
        }
    }
}

TEST(hostile_driver)
{
    fuzz_seed(&rng, fuzz_env("FUZZ_SEED", 1));
    m = fuzz_machine_new(true);
    for (unsigned round = 0; round < fuzz_env("FUZZ_ROUNDS", 600); round++) {
        out(0xcf8, 0x80000900 + 0x20, 4);
        out(0xcfc, BM | 1, 4);
        out(0xcf8, 0x80000900 + 0x04, 4);
        out(0xcfc, 5, 2);
        for (unsigned i = 0; i < 400; i++) {
            step();
        }
        blk_drain_all();
        if (fuzz_below(&rng, 4) == 0) {
            machine_reset(m);
        }
    }
    fuzz_machine_free(m);
}
