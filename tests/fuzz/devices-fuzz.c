/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every device of a pc under random port, memory and configuration traffic, resets, and saved states that were damaged.  Runs under
 * ASan and UBSan: what counts is that nothing crashes, hangs or reads where it should not.  The traffic concentrates on one
 * range for a while, as a driver's would, so that state machines get somewhere.
 */
#include "util/osdep.h"
#include "tests/fuzz/fuzz-machine.h"
#include "tests/unit/test.h"
#include "ui/console.h"
#include "ui/input.h"
#include "util/log.h"

static void fuzz_input(FuzzRng *rng)
{
    input_key((unsigned)fuzz_below(rng, 256), fuzz_below(rng, 2));
    input_pointer_rel((int)fuzz_below(rng, 512) - 256, (int)fuzz_below(rng, 512) - 256, (int)fuzz_below(rng, 3) - 1,
                      (unsigned)fuzz_below(rng, 32));
}

/* Saves the whole machine, flips some bytes, loads: success or a clean error, both are fine. */
static void fuzz_state(FuzzRng *rng, Machine *m)
{
    for (guint i = 0; i < m->root.devices->len; i++) {
        GByteArray *state = g_byte_array_new();
        Device *d = m->root.devices->pdata[i];
        Error *err = NULL;

        device_save(d, state);
        for (uint64_t flips = fuzz_below(rng, 8); flips && state->len; flips--) {
            state->data[fuzz_below(rng, state->len)] = (uint8_t)fuzz_value(rng);
        }
        const uint8_t *p = state->data;
        size_t len = fuzz_below(rng, 8) ? state->len : fuzz_below(rng, state->len + 1);

        if (!device_load(d, &p, &len, &err)) {
            error_free(err);
        }
        g_byte_array_free(state, TRUE);
    }
}

static void fuzz_episode(FuzzRng *rng, Machine *m, unsigned accesses)
{
    GArray *ranges = fuzz_ranges(m);
    const FuzzRange *focus = &g_array_index(ranges, FuzzRange, fuzz_below(rng, ranges->len));

    fuzz_ram(rng, m);
    for (unsigned k = 0; k < accesses; k++) {
        switch (fuzz_below(rng, 64)) {
        case 0: fuzz_pci_config(rng, m); break;
        case 1: fuzz_run_for((int64_t)fuzz_below(rng, 20 * NS_PER_MS)); break;
        case 2: fuzz_input(rng); break;
        case 3: fuzz_ram(rng, m); break;
        default:
            fuzz_access(rng, fuzz_below(rng, 4) ? focus : &g_array_index(ranges, FuzzRange, fuzz_below(rng, ranges->len)));
            break;
        }
    }
    g_array_free(ranges, TRUE);
    fuzz_run_for(NS_PER_SEC / 10);
    if (console_get(0) && fuzz_below(rng, 8) == 0) {
        console_refresh(console_get(0));
    }
}

static void fuzz_rounds(bool drives, unsigned rounds, bool states)
{
    FuzzRng rng;
    Machine *m = fuzz_machine_new(drives);

    fuzz_seed(&rng, fuzz_env("FUZZ_SEED", 1));
    for (unsigned r = 0; r < fuzz_env("FUZZ_ROUNDS", rounds); r++) {
        if (getenv("FUZZ_VERBOSE")) {
            fprintf(stderr, "round %u\n", r);
        }
        fuzz_episode(&rng, m, 500);
        if (states && fuzz_below(&rng, 4) == 0) {
            fuzz_state(&rng, m);
        }
        if (fuzz_below(&rng, 8) == 0) {
            machine_reset(m);
        }
    }
    fuzz_machine_free(m);
}

TEST(random_traffic)
{
    fuzz_rounds(true, 2000, false);
}

TEST(random_traffic_and_damaged_states)
{
    fuzz_rounds(true, 1000, true);
}

TEST(empty_drives)
{
    fuzz_rounds(false, 500, false);
}
