/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine classes, set-up, reset and end, with a board of this test. */
#include "util/osdep.h"
#include "system/machine.h"
#include "util/mainloop.h"

#include "tests/unit/test.h"

typedef struct TestBoard {
    MemRegion low;
} TestBoard;

static unsigned cleanups, resets;
static bool told_to_fail;

static void chip_reset(Device *d)
{
    (void)d;
    resets++;
}

static const DeviceClass chip_class = {
    .name = "test-board-chip", .bus = BUS_SYSTEM, .size = sizeof(Device), .reset = chip_reset
};

static bool board_init(Machine *m, Error **errp)
{
    TestBoard *b = g_new0(TestBoard, 1);
    m->board = b;
    mem_init_alias(&b->low, "low", &m->ram, 0, m->ram.size);
    mem_add(&m->memory, 0, &b->low);
    if (!device_create(&chip_class, &m->root, errp)) {
        return false;
    }
    if (told_to_fail) {
        error_set(errp, "no board today");
        return false;
    }
    return true;
}

static void board_cleanup(Machine *m)
{
    TestBoard *b = m->board;
    cleanups++;
    mem_destroy(&b->low);
    g_free(b);
}

static const MachineClass board_class = {
    .name = "test-board-7.2",
    .alias = "test-board",
    .desc = "A board for tests",
    .max_cpus = 4,
    .default_ram_id = "test.ram",
    .init = board_init,
    .cleanup = board_cleanup,
};
MACHINE_REGISTER(board_class);

static MachineConfig config(void)
{
    if (!bql_held()) {
        bql_lock();
    }
    cleanups = resets = 0;
    told_to_fail = false;
    return (MachineConfig){ .ram_size = MiB, .topo = { .cpus = 1, .max_cpus = 1 } };
}

TEST(names)
{
    Error *err = NULL;
    CHECK(machine_class_find("test-board", NULL) == &board_class);
    CHECK(machine_class_find("test-board-7.2", NULL) == &board_class);
    CHECK(!machine_class_find("test-baord", &err));
    CHECK_STR(error_message(err), "there is no machine 'test-baord'");
    CHECK_STR(error_hint(err), "Did you mean 'test-board'? -machine help lists all machines.");
    error_free(err);
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    machine_print_help(f);
    fclose(f);
    CHECK(g_str_has_prefix(text, "Supported machines are:\n"));
    CHECK(strstr(text, "test-board           A board for tests (alias of test-board-7.2)\n"));
    free(text);
}

TEST(life)
{
    MachineConfig cfg = config();
    Error *err = NULL;
    Machine *m = machine_new(&board_class, &cfg, &err);
    CHECK(m && !err && machine_current() == m);
    CHECK_STR(m->ram.name, "test.ram");
    uint64_t v;
    CHECK_EQ(address_space_store(&m->as_mem, MiB - 4, 4, 0x1234), MEM_OK);
    CHECK_EQ(address_space_load(&m->as_mem, MiB - 4, 4, &v), MEM_OK);
    CHECK_EQ(v, 0x1234);
    CHECK_EQ(address_space_load(&m->as_mem, MiB, 4, &v), MEM_UNASSIGNED);
    CHECK_EQ(address_space_load(&m->as_io, 0x80, 1, &v), MEM_UNASSIGNED);
    CHECK(device_find(&m->root, "test-board-chip"));
    CHECK_EQ(resets, 1);
    machine_reset(m);
    CHECK_EQ(resets, 2);
    machine_free(m);
    CHECK_EQ(cleanups, 1);
    CHECK(!machine_current());
}

TEST(a_board_that_fails_leaves_nothing)
{
    MachineConfig cfg = config();
    Error *err = NULL;
    told_to_fail = true;
    CHECK(!machine_new(&board_class, &cfg, &err));
    CHECK_STR(error_message(err), "no board today");
    CHECK_EQ(cleanups, 1);
    CHECK(!machine_current());
    error_free(err);
    err = NULL;
    cfg.topo.cpus = 5;
    CHECK(!machine_new(&board_class, &cfg, &err));
    CHECK_STR(error_message(err), "machine 'test-board-7.2' takes at most 4 CPUs, not 5");
    error_free(err);
    err = NULL;
    cfg = config();
    cfg.ram_size = 1ull << 62;
    CHECK(!machine_new(&board_class, &cfg, &err));
    CHECK(strstr(error_message(err), "test.ram"));
    error_free(err);
}
