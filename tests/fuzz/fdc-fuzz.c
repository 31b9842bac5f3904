/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floppy controller under commands that are nearly right, FIFO overruns, transfers with any DMA programming, resets
 * in flight and media that come and go.  Under ASan and UBSan.
 */
#include "util/osdep.h"
#include "block/drive.h"
#include "tests/fuzz/fuzz-machine.h"
#include "tests/unit/test.h"
#include "util/mainloop.h"

static Machine *m;
static FuzzRng rng;

static void out(uint16_t port, uint64_t val)
{
    address_space_store(&m->as_io, port, 1, val);
}

static uint64_t in(uint16_t port)
{
    uint64_t v = 0;
    address_space_load(&m->as_io, port, 1, &v);
    return v;
}

static void program_dma(void)
{
    out(0xd6, 0xc0);
    out(0xd4, 0);
    out(0x0a, 6);
    out(0x0c, 0);
    out(0x0b, 0x40 | 2 | fuzz_below(&rng, 16) << 2);
    out(0x04, fuzz_next(&rng));
    out(0x04, fuzz_next(&rng));
    out(0x81, fuzz_below(&rng, 16));
    out(0x05, fuzz_next(&rng));
    out(0x05, fuzz_below(&rng, 32));
    out(0x0a, 2);
}

static void command(void)
{
    static const uint8_t known[] = { 0x46, 0xc6, 0xe6, 0x45, 0xc5, 0x4c, 0x49, 0x42, 0x56, 0xd6, 0x51, 0x59, 0x5d, 0x4d, 0x4a,
                                     0x07, 0x08, 0x03, 0x04, 0x8f, 0xcf, 0x0f, 0x13, 0x12, 0x14, 0x94, 0x0e, 0x10, 0x18, 0x17,
                                     0x33, 0x2e, 0x4e, 0x8e };
    unsigned length = (unsigned)fuzz_below(&rng, 20);
    out(0x3f5, fuzz_below(&rng, 8) ? known[fuzz_below(&rng, sizeof(known))] : fuzz_next(&rng));
    for (unsigned i = 1; i < length; i++) {
        uint64_t likely = i == 5 ? 2 : i == 6 ? 18 : fuzz_below(&rng, 4);
        out(0x3f5, fuzz_below(&rng, 6) ? likely : fuzz_value(&rng));
    }
}

static void user(void)
{
    Drive *d = drive_get(DRIVE_IF_FLOPPY, (int)fuzz_below(&rng, 2));
    if (d && fuzz_below(&rng, 2)) {
        drive_eject(d, true, NULL);
    } else if (d) {
        drive_change_medium(d, fuzz_below(&rng, 2) ? "/proc/self/exe" : "/etc/passwd", "raw", true, NULL);
    }
}

static void step(void)
{
    unsigned n = (unsigned)fuzz_below(&rng, 1100);
    switch (fuzz_below(&rng, 12)) {
    case 0: out(0x3f2, fuzz_below(&rng, 4) ? 0x1c | fuzz_below(&rng, 2) : fuzz_next(&rng)); break;
    case 1: out((uint16_t)(0x3f0 + fuzz_below(&rng, 8)), fuzz_next(&rng)); break;
    case 2: in((uint16_t)(0x3f0 + fuzz_below(&rng, 8))); break;
    case 3: program_dma(); break;
    case 4:
        for (unsigned i = 0; i < n; i++) {
            in(0x3f5);
        }
        break;
    case 5:
        for (unsigned i = 0; i < n; i++) {
            out(0x3f5, fuzz_next(&rng));
        }
        break;
    case 6: blk_drain_all(); break;
    case 7: mainloop_iterate(true); break;
    case 8:
        if (fuzz_below(&rng, 16) == 0) {
            user();
        }
        break;
    default: command();
    }
}

TEST(hostile_driver)
{
    fuzz_seed(&rng, fuzz_env("FUZZ_SEED", 1));
    m = fuzz_machine_new(true);
    for (unsigned round = 0; round < fuzz_env("FUZZ_ROUNDS", 800); round++) {
        for (unsigned i = 0; i < 300; i++) {
            step();
        }
        blk_drain_all();
        if (fuzz_below(&rng, 4) == 0) {
            machine_reset(m);
        }
    }
    fuzz_machine_free(m);
}
