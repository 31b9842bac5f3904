/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Regions, flat views, dispatch, RAM, dirty tracking, and readers in other threads during commits. */
#include "util/osdep.h"
#include "system/memory.h"
#include "util/mainloop.h"

#include "tests/unit/test.h"

#include <sys/eventfd.h>

/* A device that writes down what its handlers are called with. */
typedef struct Recorder {
    GString *log;
    uint64_t answer; /* byte i of what a read returns is byte (off + i) & 7 of this */
} Recorder;

static uint64_t recorder_read(void *opaque, hwaddr off, unsigned size)
{
    Recorder *d = opaque;
    CHECK(bql_held());
    g_string_append_printf(d->log, "r%x/%u ", (unsigned)off, size);
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++) {
        v |= (d->answer >> (8 * ((off + i) & 7)) & 0xff) << (8 * i);
    }
    return v;
}

static void recorder_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Recorder *d = opaque;
    CHECK(bql_held());
    g_string_append_printf(d->log, "w%x/%u=%" PRIx64 " ", (unsigned)off, size, val);
}

static const MemOps ops_default = { recorder_read, recorder_write, 0, 0, false, false, false };
static const MemOps ops_byte = { recorder_read, recorder_write, 1, 1, false, false, false };
static const MemOps ops_dword = { recorder_read, recorder_write, 4, 4, false, false, false };
static const MemOps ops_qword = { recorder_read, recorder_write, 1, 8, false, false, false };
static const MemOps ops_unaligned = { recorder_read, recorder_write, 1, 4, true, false, false };
static const MemOps ops_exact = { recorder_read, recorder_write, 2, 4, false, true, false };
static const MemOps ops_big = { recorder_read, recorder_write, 2, 4, false, false, true };
static const MemOps ops_none = { .max_size = 4 };

static MemRegion root, other_root;
static AddressSpace as;
static Recorder dev;
static MemRegion io;
static GString *told;

static void begin(void)
{
    if (!bql_held()) {
        bql_lock();
    }
    address_space_destroy(&as);
    mem_destroy(&io);
    mem_destroy(&root);
    mem_init_container(&root, "root", MEM_SIZE_MAX);
    address_space_init(&as, &root, "as");
    if (!dev.log) {
        dev.log = g_string_new(NULL);
        told = g_string_new(NULL);
    }
    g_string_truncate(dev.log, 0);
    g_string_truncate(told, 0);
    dev.answer = 0x8877665544332211;
}

static const char *seen(void)
{
    static char text[512];
    g_strlcpy(text, dev.log->str, sizeof(text));
    g_string_truncate(dev.log, 0);
    return text;
}

static void use(const MemOps *ops, uint64_t size)
{
    begin();
    mem_init_io(&io, ops, &dev, "io", size);
    mem_add(&root, 0x1000, &io);
}

static uint64_t load(hwaddr addr, unsigned size, MemResult want)
{
    uint64_t v = 0xdddddddddddddddd;
    CHECK_EQ(address_space_load(&as, addr, size, &v), want);
    return v;
}

static void store(hwaddr addr, unsigned size, uint64_t v, MemResult want)
{
    CHECK_EQ(address_space_store(&as, addr, size, v), want);
}

static void print_range(void *opaque, const FlatRangeInfo *r)
{
    g_string_append_printf(opaque, "%" PRIx64 "+%" PRIx64 ":%s@%" PRIx64 "%s ", r->addr, r->size, r->region->name,
                           r->region_off, r->readonly ? "(ro)" : "");
}

static const char *ranges(void)
{
    static char text[1024];
    GString *s = g_string_new(NULL);
    address_space_each_range(&as, print_range, s);
    g_strlcpy(text, s->str, sizeof(text));
    g_string_free(s, TRUE);
    return text;
}

/* Sizes. */

TEST(nobody_there_reads_all_ones)
{
    begin();
    CHECK_EQ(load(0x1234, 1, MEM_UNASSIGNED), 0xff);
    CHECK_EQ(load(0x1234, 4, MEM_UNASSIGNED), 0xffffffff);
    CHECK_EQ(load(UINT64_MAX, 8, MEM_UNASSIGNED), UINT64_MAX);
    store(UINT64_MAX - 3, 8, 0, MEM_UNASSIGNED);
}

TEST(default_sizes_are_1_to_4)
{
    use(&ops_default, 16);
    CHECK_EQ(load(0x1001, 1, MEM_OK), 0x22);
    CHECK_EQ(load(0x1002, 2, MEM_OK), 0x4433);
    CHECK_EQ(load(0x1000, 4, MEM_OK), 0x44332211);
    CHECK_STR(seen(), "r1/1 r2/2 r0/4 ");
    CHECK_EQ(load(0x1000, 8, MEM_OK), 0x8877665544332211);
    CHECK_STR(seen(), "r0/4 r4/4 ");
    store(0x1004, 4, 0xffffffff12345678, MEM_OK);
    store(0x1000, 8, 0x8877665544332211, MEM_OK);
    CHECK_STR(seen(), "w4/4=12345678 w0/4=44332211 w4/4=88776655 ");
}

TEST(misaligned_is_split_into_aligned)
{
    use(&ops_default, 16);
    CHECK_EQ(load(0x1001, 4, MEM_OK), 0x55443322);
    CHECK_STR(seen(), "r1/1 r2/2 r4/1 ");
    store(0x1003, 2, 0xabcd, MEM_OK);
    CHECK_STR(seen(), "w3/1=cd w4/1=ab ");
}

TEST(unaligned_devices_get_it_whole)
{
    use(&ops_unaligned, 16);
    CHECK_EQ(load(0x1001, 4, MEM_OK), 0x55443322);
    CHECK_STR(seen(), "r1/4 ");
}

TEST(wider_accesses_of_a_byte_device_are_split)
{
    use(&ops_byte, 16);
    CHECK_EQ(load(0x1000, 4, MEM_OK), 0x44332211);
    CHECK_STR(seen(), "r0/1 r1/1 r2/1 r3/1 ");
    store(0x1006, 2, 0xbbaa, MEM_OK);
    CHECK_STR(seen(), "w6/1=aa w7/1=bb ");
}

TEST(narrower_accesses_are_widened_and_cut)
{
    use(&ops_dword, 16);
    CHECK_EQ(load(0x1002, 1, MEM_OK), 0x33);
    CHECK_EQ(load(0x1002, 2, MEM_OK), 0x4433);
    CHECK_STR(seen(), "r0/4 r0/4 ");
    CHECK_EQ(load(0x1003, 2, MEM_OK), 0x5544); /* two units */
    CHECK_STR(seen(), "r0/4 r4/4 ");
    store(0x1001, 2, 0xbbaa, MEM_OK);
    CHECK_STR(seen(), "w0/4=bbaa00 ");
}

TEST(qwords)
{
    use(&ops_qword, 16);
    CHECK_EQ(load(0x1000, 8, MEM_OK), 0x8877665544332211);
    CHECK_STR(seen(), "r0/8 ");
}

TEST(exact_refuses_other_sizes)
{
    use(&ops_exact, 16);
    CHECK_EQ(load(0x1000, 1, MEM_REJECTED), 0xff);
    CHECK_EQ(load(0x1000, 8, MEM_REJECTED), UINT64_MAX);
    CHECK_EQ(load(0x1001, 2, MEM_REJECTED), 0xffff);
    store(0x1000, 1, 1, MEM_REJECTED);
    CHECK_STR(seen(), "");
    CHECK_EQ(load(0x1002, 4, MEM_OK), 0x66554433); /* in halves that it takes */
    CHECK_STR(seen(), "r2/2 r4/2 ");
}

TEST(big_endian)
{
    use(&ops_big, 16);
    CHECK_EQ(load(0x1000, 2, MEM_OK), 0x1122);
    CHECK_EQ(load(0x1000, 4, MEM_OK), 0x11223344);
    CHECK_EQ(load(0x1000, 1, MEM_OK), 0x22); /* the first byte is the high one of the unit's number */
    store(0x1000, 4, 0x11223344, MEM_OK);
    store(0x1001, 1, 0xaa, MEM_OK);
    CHECK_STR(seen(), "r0/2 r0/4 r0/2 w0/4=44332211 w0/2=aa ");
}

TEST(without_handlers)
{
    use(&ops_none, 16);
    CHECK_EQ(load(0x1000, 2, MEM_OK), 0xffff);
    store(0x1000, 2, 1, MEM_OK);
}

TEST(a_region_smaller_than_its_unit_is_not_overrun)
{
    use(&ops_dword, 6);
    CHECK_EQ(load(0x1004, 1, MEM_REJECTED), 0xff);
    store(0x1005, 1, 1, MEM_REJECTED);
    CHECK_STR(seen(), "");
}

TEST(across_the_end_of_a_region)
{
    use(&ops_byte, 8);
    CHECK_EQ(load(0x1006, 4, MEM_UNASSIGNED), 0xffff8877);
    CHECK_STR(seen(), "r6/1 r7/1 ");
    CHECK_EQ(load(0xffe, 4, MEM_UNASSIGNED), 0x2211ffff);
    CHECK_STR(seen(), "r0/1 r1/1 ");
}

TEST(a_cycle_belongs_to_the_chip_where_it_begins)
{
    static const MemOps dword_only = { recorder_read, recorder_write, 4, 4, false, true, false };
    Recorder inner = { .log = g_string_new(NULL) };
    MemRegion reset;
    begin();
    mem_init_io(&io, &dword_only, &dev, "config-address", 4);
    mem_init_io(&reset, &ops_byte, &inner, "reset-control", 1);
    mem_add(&root, 0xcf8, &io);
    mem_add_prio(&root, 0xcf9, &reset, 1);
    store(0xcf8, 4, 0x80001234, MEM_OK);
    CHECK_STR(seen(), "w0/4=80001234 ");
    CHECK_STR(inner.log->str, "");
    store(0xcf9, 1, 6, MEM_OK);
    CHECK_STR(inner.log->str, "w0/1=6 ");
    CHECK_STR(seen(), "");
    mem_destroy(&reset);
    g_string_free(inner.log, TRUE);
}

TEST(long_accesses_of_io)
{
    use(&ops_default, 0x10);
    uint8_t buf[7];
    CHECK_EQ(address_space_read(&as, 0x1001, buf, 7), MEM_OK);
    CHECK_MEM(buf, "\x22\x33\x44\x55\x66\x77\x88", 7);
    CHECK_STR(seen(), "r1/1 r2/2 r4/4 ");
    CHECK_EQ(address_space_write(&as, 0x1001, buf, 3), MEM_OK);
    CHECK_STR(seen(), "w1/1=22 w2/2=4433 ");
}

/* The tree. */

TEST(priorities_and_order)
{
    MemRegion a, b, c;
    begin();
    mem_init_io(&a, &ops_byte, &dev, "a", 0x100);
    mem_init_io(&b, &ops_byte, &dev, "b", 0x40);
    mem_init_io(&c, &ops_byte, &dev, "c", 0x20);
    mem_add(&root, 0, &a);
    mem_add(&root, 0x80, &b); /* same priority, later: wins */
    CHECK_STR(ranges(), "0+80:a@0 80+40:b@0 c0+40:a@c0 ");
    mem_add_prio(&root, 0x70, &c, -1); /* below all */
    CHECK_STR(ranges(), "0+80:a@0 80+40:b@0 c0+40:a@c0 ");
    mem_remove(&c);
    mem_add_prio(&root, 0x70, &c, 5);
    CHECK_STR(ranges(), "0+70:a@0 70+20:c@0 90+30:b@10 c0+40:a@c0 ");
    mem_set_enabled(&c, false);
    CHECK_STR(ranges(), "0+80:a@0 80+40:b@0 c0+40:a@c0 ");
    mem_set_enabled(&c, true);
    mem_set_addr(&c, 0x1000);
    mem_set_size(&a, 0x10);
    CHECK_STR(ranges(), "0+10:a@0 80+40:b@0 1000+20:c@0 ");
    mem_remove(&b);
    mem_remove(&b);
    CHECK_STR(ranges(), "0+10:a@0 1000+20:c@0 ");
    mem_destroy(&a);
    mem_destroy(&b);
    mem_destroy(&c);
    CHECK_STR(ranges(), "");
}

TEST(containers_clip)
{
    MemRegion box, a;
    begin();
    mem_init_container(&box, "box", 0x100);
    mem_init_io(&a, &ops_byte, &dev, "a", 0x1000);
    mem_add(&box, 0x80, &a);
    mem_add(&root, 0x10000, &box);
    CHECK_STR(ranges(), "10080+80:a@0 ");
    mem_set_enabled(&box, false);
    CHECK_STR(ranges(), "");
    mem_destroy(&a);
    mem_destroy(&box);
}

TEST(aliases_show_a_window)
{
    MemRegion ram, low, high, twice;
    begin();
    CHECK(mem_init_ram(&ram, "ram", 0x10000, NULL));
    mem_init_alias(&low, "low", &ram, 0, 0x8000);
    mem_init_alias(&high, "high", &ram, 0x8000, 0x8000);
    mem_add(&root, 0, &low);
    mem_add(&root, 0x100000000, &high);
    CHECK_STR(ranges(), "0+8000:ram@0 100000000+8000:ram@8000 ");
    store(0x100000004, 4, 0x12345678, MEM_OK);
    CHECK_EQ(mem_ram_ptr(&ram)[0x8005], 0x56);
    /* Two aliases that continue each other are one range. */
    mem_set_addr(&high, 0x8000);
    CHECK_STR(ranges(), "0+10000:ram@0 ");
    /* Of an alias. */
    mem_init_alias(&twice, "twice", &high, 0x1000, 0x100000);
    mem_add_prio(&root, 0x4000, &twice, 1);
    CHECK_STR(ranges(), "0+4000:ram@0 4000+7000:ram@9000 b000+5000:ram@b000 ");
    mem_set_alias(&twice, &ram, 0xf000);
    CHECK_STR(ranges(), "0+4000:ram@0 4000+1000:ram@f000 5000+b000:ram@5000 ");
    mem_destroy(&twice);
    mem_destroy(&low);
    mem_destroy(&high);
    mem_destroy(&ram);
}

TEST(a_loop_of_aliases_ends)
{
    MemRegion a, b;
    begin();
    mem_init_alias(&a, "a", NULL, 0, 0x1000);
    mem_init_alias(&b, "b", &a, 0, 0x1000);
    mem_set_alias(&a, &b, 0);
    mem_add(&root, 0, &a);
    CHECK_STR(ranges(), "");
    mem_destroy(&a);
    mem_destroy(&b);
}

TEST(readonly_and_rom)
{
    MemRegion ram, rom, romd;
    begin();
    CHECK(mem_init_ram(&ram, "ram", 0x1000, NULL));
    CHECK(mem_init_rom(&rom, "rom", 0x1000, NULL));
    CHECK(mem_init_rom_device(&romd, &ops_byte, &dev, "romd", 0x1000, NULL));
    mem_add(&root, 0x1000, &ram);
    mem_add(&root, 0x2000, &rom);
    mem_add(&root, 0x3000, &romd);
    CHECK_STR(ranges(), "1000+1000:ram@0 2000+1000:rom@0(ro) 3000+1000:romd@0(ro) ");
    store(0x1000, 2, 0x1122, MEM_OK);
    CHECK_EQ(load(0x1000, 2, MEM_OK), 0x1122);
    mem_set_readonly(&ram, true);
    store(0x1000, 2, 0, MEM_REJECTED);
    CHECK_EQ(load(0x1000, 2, MEM_OK), 0x1122);
    mem_ram_ptr(&rom)[5] = 0x77;
    store(0x2005, 1, 0, MEM_REJECTED);
    CHECK_EQ(load(0x2005, 1, MEM_OK), 0x77);
    mem_ram_ptr(&romd)[5] = 0x66;
    store(0x3005, 1, 9, MEM_OK);
    CHECK_STR(seen(), "w5/1=9 ");
    CHECK_EQ(load(0x3005, 1, MEM_OK), 0x66);
    CHECK_EQ(load(0x1fff, 2, MEM_OK), 0); /* over the border of two */
    CHECK(!address_space_lookup(&as, 0x1000).writable && address_space_lookup(&as, 0x1000).rom);
    mem_set_readonly(&ram, false);
    MemLookup l = address_space_lookup(&as, 0x1010);
    CHECK(l.host == mem_ram_ptr(&ram) + 0x10 && l.writable && !l.rom && l.ram_off == 0x10 && l.avail == 0xff0);
    CHECK_EQ(address_space_lookup(&as, 0x10).avail, 0xff0);
    CHECK(!address_space_lookup(&as, 0x10).host);
    mem_destroy(&ram);
    mem_destroy(&rom);
    mem_destroy(&romd);
}

TEST(dma_reaches_ram_only)
{
    MemRegion ram;
    uint8_t buf[32];
    use(&ops_byte, 0x100);
    CHECK(mem_init_ram(&ram, "ram", 0x1000, NULL));
    mem_add(&root, 0, &ram);
    memset(buf, 0x5a, sizeof(buf));
    CHECK_EQ(dma_write(&as, 0xff0, buf, 32), MEM_REJECTED);
    CHECK_EQ(mem_ram_ptr(&ram)[0xfff], 0x5a);
    CHECK_EQ(dma_read(&as, 0xff0, buf, 32), MEM_REJECTED);
    CHECK(buf[15] == 0x5a && buf[16] == 0xff && buf[31] == 0xff);
    CHECK_STR(seen(), "");
    CHECK_EQ(dma_read(&as, 0x10, buf, 32), MEM_OK);
    CHECK_EQ(dma_read(&as, 0x10f0, buf, 32), MEM_REJECTED);
    CHECK_EQ(dma_read(&as, UINT64_MAX - 4, buf, 32), MEM_UNASSIGNED); /* wraps to address 0 and ends */
    CHECK_EQ(buf[30], 0);
    mem_destroy(&ram);
}

/* Transactions and listeners. */

static void told_commit(MemListener *l, AddressSpace *space)
{
    (void)l;
    g_string_append_printf(told, "%s ", space->name);
}

static uint64_t rung(int fd)
{
    uint64_t n = 0;
    return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

TEST(doorbells_ring_instead_of_the_handler)
{
    int any = eventfd(0, EFD_NONBLOCK), seven = eventfd(0, EFD_NONBLOCK);
    use(&ops_default, 0x10);
    mem_add_ioeventfd(&io, 0, 4, false, 0, any);
    mem_add_ioeventfd(&io, 4, 2, true, 7, seven);
    CHECK_EQ(address_space_store(&as, 0x1000, 4, 1), MEM_OK);
    CHECK_EQ(address_space_store(&as, 0x1000, 4, 2), MEM_OK);
    CHECK_EQ(rung(any), 2);
    CHECK_EQ(address_space_store(&as, 0x1004, 2, 7), MEM_OK);
    CHECK_EQ(rung(seven), 1);
    CHECK_STR(seen(), "");
    address_space_store(&as, 0x1004, 2, 8); /* another value, another size: the handler's */
    address_space_store(&as, 0x1000, 1, 1);
    CHECK(*seen());
    CHECK_EQ(rung(seven) + rung(any), 0);
    mem_del_ioeventfd(&io, 0, 4, false, 0, any);
    address_space_store(&as, 0x1000, 4, 1);
    CHECK(*seen());
    CHECK_EQ(rung(any), 0);
    close(any);
    close(seven);
}

static unsigned tracking_told;

static void tracking_changed(MemListener *l, AddressSpace *space, RamBlock *ram)
{
    (void)l;
    (void)space;
    tracking_told += 1 + (atomic_load(&ram->tracking) != 0) * 16;
}

TEST(listeners_hear_who_watches)
{
    MemListener l = { .commit = told_commit, .tracking = tracking_changed };
    MemRegion ram;
    begin();
    CHECK(mem_init_ram(&ram, "watched", 0x2000, NULL));
    mem_listener_add(&as, &l);
    mem_set_dirty_tracking(&ram, DIRTY_MIGRATION, true);
    CHECK_EQ(tracking_told, 17);
    mem_set_dirty_tracking(&ram, DIRTY_MIGRATION, false);
    CHECK_EQ(tracking_told, 18);
    mem_listener_remove(&as, &l);
    mem_destroy(&ram);
}

TEST(listeners_hear_of_changes_once)
{
    MemListener l = { .commit = told_commit };
    AddressSpace second;
    MemRegion a;
    begin();
    mem_init_container(&other_root, "other", 0x10000);
    address_space_init(&second, &other_root, "second");
    mem_listener_add(&as, &l);
    mem_listener_add(&second, &l);
    mem_init_io(&a, &ops_byte, &dev, "a", 0x100);
    mem_transaction_begin();
    mem_add(&root, 0, &a);
    mem_set_addr(&a, 0x100);
    mem_set_enabled(&a, false);
    mem_set_enabled(&a, true);
    CHECK_STR(ranges(), ""); /* not before the commit */
    mem_transaction_commit();
    CHECK_STR(told->str, "as ");
    CHECK_STR(ranges(), "100+100:a@0 ");
    mem_transaction_begin();
    mem_set_addr(&a, 0x200);
    mem_set_addr(&a, 0x100);
    mem_transaction_commit();
    CHECK_STR(told->str, "as "); /* nothing came of it */
    mem_set_enabled(&a, true);
    CHECK_STR(told->str, "as ");
    mem_listener_remove(&as, &l);
    mem_destroy(&a);
    CHECK_STR(told->str, "as ");
    address_space_destroy(&second);
    mem_destroy(&other_root);
}

TEST(spaces_that_show_the_same_share)
{
    AddressSpace master;
    MemRegion box, window, ram;
    MemListener l = { .commit = told_commit };
    begin();
    mem_init_container(&box, "bus master", MEM_SIZE_MAX);
    mem_init_alias(&window, "window", &root, 0, MEM_SIZE_MAX);
    mem_set_enabled(&window, false);
    mem_add(&box, 0, &window);
    address_space_init(&master, &box, "master");
    mem_listener_add(&master, &l);
    CHECK(mem_init_ram(&ram, "ram", 0x1000, NULL));
    mem_add(&root, 0, &ram);
    uint8_t byte = 7;
    CHECK_EQ(dma_write(&master, 0, &byte, 1), MEM_UNASSIGNED);
    CHECK_STR(told->str, "");
    mem_set_enabled(&window, true);
    CHECK_STR(told->str, "master ");
    CHECK_EQ(dma_write(&master, 0, &byte, 1), MEM_OK);
    CHECK(atomic_load(&master.view) == atomic_load(&as.view));
    mem_set_enabled(&window, false);
    CHECK_EQ(dma_write(&master, 0, &byte, 1), MEM_UNASSIGNED);
    address_space_destroy(&master);
    mem_destroy(&window);
    mem_destroy(&box);
    mem_destroy(&ram);
}

static void move_on_commit(MemListener *l, AddressSpace *space)
{
    (void)l;
    (void)space;
    mem_set_addr(&io, 0x8000);
}

TEST(a_listener_may_change_the_tree)
{
    MemListener l = { .commit = move_on_commit };
    use(&ops_byte, 0x10);
    mem_listener_add(&as, &l);
    mem_set_addr(&io, 0x2000);
    CHECK_STR(ranges(), "8000+10:io@0 ");
}

static void suicide_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    (void)off;
    (void)val;
    (void)size;
    g_string_append(dev.log, "x");
    mem_set_enabled(opaque, false);
}

TEST(a_handler_may_unmap_itself)
{
    static const MemOps ops = { .write = suicide_write, .max_size = 1 };
    begin();
    mem_init_io(&io, &ops, &io, "io", 16);
    mem_add(&root, 0x1000, &io);
    uint8_t buf[16] = { 0 };
    CHECK_EQ(address_space_write(&as, 0x1000, buf, 16), MEM_UNASSIGNED);
    CHECK(strlen(seen()) <= 8); /* the rest of one access may still arrive, not more */
    CHECK_STR(ranges(), "");
}

TEST(ram_destroyed_within_a_transaction)
{
    MemRegion ram;
    begin();
    CHECK(mem_init_ram(&ram, "ram", 0x1000, NULL));
    mem_add(&root, 0, &ram);
    mem_transaction_begin();
    mem_destroy(&ram);
    CHECK_EQ(load(0, 4, MEM_OK), 0); /* the old view still holds */
    mem_transaction_commit();
    load(0, 4, MEM_UNASSIGNED);
    mem_destroy(&ram); /* a second time is fine */
}

TEST(absurd_ram_is_refused)
{
    MemRegion ram;
    Error *err = NULL;
    CHECK(!mem_init_ram(&ram, "pc.ram", 0, &err));
    error_free(err);
    err = NULL;
    CHECK(!mem_init_ram(&ram, "pc.ram", UINT64_MAX, &err));
    CHECK(strstr(error_message(err), "pc.ram"));
    error_free(err);
    err = NULL;
    CHECK(!mem_init_ram(&ram, "pc.ram", 1ull << 62, &err));
    CHECK(strstr(error_message(err), "cannot allocate"));
    error_free(err);
}

/* Dirty tracking and code. */

static unsigned code_hits;
static uint64_t code_off, code_len;

static void code_hook(RamBlock *ram, uint64_t off, uint64_t len)
{
    (void)ram;
    code_hits++;
    code_off = off;
    code_len = len;
}

TEST(dirty_bits)
{
    MemRegion ram;
    uint8_t buf[0x3000] = { 0 };
    begin();
    CHECK(mem_init_ram(&ram, "ram", 0x100000, NULL));
    mem_add(&root, 0, &ram);
    CHECK(mem_test_clear_dirty(&ram, DIRTY_DISPLAY, 0, 1)); /* not tracked: maybe */
    mem_set_dirty_tracking(&ram, DIRTY_DISPLAY, true);
    CHECK(mem_test_clear_dirty(&ram, DIRTY_DISPLAY, 0, 0x100000)); /* unknown at first */
    CHECK(!mem_test_clear_dirty(&ram, DIRTY_DISPLAY, 0, 0x100000));
    store(0x41fff, 1, 1, MEM_OK);
    CHECK(!mem_test_clear_dirty(&ram, DIRTY_DISPLAY, 0, 0x41000));
    CHECK(!mem_test_clear_dirty(&ram, DIRTY_DISPLAY, 0x42000, 0x1000));
    CHECK(mem_test_clear_dirty(&ram, DIRTY_DISPLAY, 0x41000, 1));
    CHECK(!mem_test_clear_dirty(&ram, DIRTY_DISPLAY, 0x41000, 1));
    dma_write(&as, 0x3e800, buf, 0x3000); /* pages 3e..41, over a word of the bitmap */
    for (unsigned page = 0x3d; page <= 0x42; page++) {
        CHECK_EQ(mem_test_clear_dirty(&ram, DIRTY_DISPLAY, page << 12, 0x1000), page >= 0x3e && page <= 0x41);
    }
    mem_set_dirty(&ram, 0xff000, UINT64_MAX); /* clipped */
    CHECK(mem_test_clear_dirty(&ram, DIRTY_DISPLAY, 0xff000, UINT64_MAX));
    uint64_t bits[5];
    mem_set_dirty(&ram, 0x5000, 0x2000);
    mem_set_dirty(&ram, 0x85000, 1);
    CHECK(ram_write_is_noted(ram.ram, 0x85fff) && !ram_write_is_noted(ram.ram, 0x86000));
    CHECK(mem_take_dirty(&ram, DIRTY_DISPLAY, 0x3fff, UINT64_MAX, bits)); /* from page 3 on, across words */
    CHECK_EQ(bits[0], 0x3u << 2);
    CHECK_EQ(bits[1], 0);
    CHECK_EQ(bits[2], 1u << 2);
    CHECK_EQ(bits[3], 0);
    CHECK(!mem_take_dirty(&ram, DIRTY_DISPLAY, 0, 0x100000, bits));
    mem_set_dirty_tracking(&ram, DIRTY_MIGRATION, true);
    CHECK(mem_test_clear_dirty(&ram, DIRTY_MIGRATION, 0, 0x100000));
    store(0, 8, 1, MEM_OK);
    CHECK(mem_test_clear_dirty(&ram, DIRTY_DISPLAY, 0, 1));
    CHECK(mem_test_clear_dirty(&ram, DIRTY_MIGRATION, 0, 1));
    mem_set_dirty_tracking(&ram, DIRTY_DISPLAY, false);
    CHECK(mem_test_clear_dirty(&ram, DIRTY_DISPLAY, 0, 1));
    mem_destroy(&ram);
}

TEST(code_pages_are_watched)
{
    MemRegion ram;
    uint8_t buf[64] = { 0 };
    begin();
    CHECK(mem_init_ram(&ram, "ram", 0x10000, NULL));
    mem_add(&root, 0x10000, &ram);
    ram_set_code_hook(code_hook);
    code_hits = 0;
    store(0x12000, 4, 1, MEM_OK);
    CHECK_EQ(code_hits, 0);
    atomic_store(&ram.ram->code_page[2], 1);
    store(0x12004, 4, 1, MEM_OK);
    CHECK(code_hits == 1 && code_off == 0x2004 && code_len == 4);
    dma_write(&as, 0x11ff0, buf, 64);
    CHECK(code_hits == 2 && code_off == 0x1ff0 && code_len == 64);
    CHECK(ram.ram->code_gen[2] == 2 && ram.ram->code_gen[1] == 0);
    store(0x13000, 4, 1, MEM_OK);
    CHECK_EQ(code_hits, 2);
    ram_set_code_hook(NULL);
    ram_code_written(ram.ram, 0x2fff, UINT64_MAX); /* clipped; counts without a hook, too */
    CHECK_EQ(ram.ram->code_gen[2], 3);
    mem_destroy(&ram);
}

TEST(ids_are_unique_and_reused)
{
    MemRegion a, b, c;
    begin();
    CHECK(mem_init_ram(&a, "a", 1, NULL) && mem_init_ram(&b, "b", 0x1001, NULL));
    CHECK(a.ram->id != b.ram->id);
    CHECK_EQ(a.size, 0x1000);
    CHECK_EQ(b.ram->size, 0x2000);
    unsigned id = a.ram->id;
    mem_destroy(&a);
    CHECK(mem_init_ram(&c, "c", 0x1000, NULL));
    CHECK_EQ(c.ram->id, id);
    mem_destroy(&b);
    mem_destroy(&c);
}

/* Text. */

TEST(tree_as_text)
{
    MemRegion ram, low, pci;
    begin();
    CHECK(mem_init_ram(&ram, "pc.ram", 0x8000, NULL));
    mem_init_alias(&low, "ram-below-4g", &ram, 0, 0x8000);
    mem_init_container(&pci, "pci", MEM_SIZE_MAX);
    mem_init_io(&io, &ops_byte, &dev, "vga", 0x20000);
    mem_add(&root, 0, &low);
    mem_add_prio(&root, 0, &pci, -1);
    mem_add_prio(&pci, 0xa0000, &io, 1);
    GString *s = g_string_new(NULL);
    mem_print_tree(&as, s);
    CHECK_STR(s->str,
              "address-space: as\n"
              "  0000000000000000-ffffffffffffffff (prio 0, i/o): root\n"
              "    0000000000000000-0000000000007fff (prio 0, ram): alias ram-below-4g @pc.ram "
              "0000000000000000-0000000000007fff\n"
              "    0000000000000000-ffffffffffffffff (prio -1, i/o): pci\n"
              "      00000000000a0000-00000000000bffff (prio 1, i/o): vga\n"
              "\nmemory-region: pc.ram\n"
              "  0000000000000000-0000000000007fff (prio 0, ram): pc.ram\n");
    g_string_free(s, TRUE);
    mem_destroy(&io);
    mem_destroy(&pci);
    mem_destroy(&low);
    mem_destroy(&ram);
}

/* Threads: RAM at 0 stays, a second block comes and goes, and a device answers its address. */

static atomic_bool stop;
static atomic_uint bad;

static uint64_t answer_read(void *opaque, hwaddr off, unsigned size)
{
    (void)opaque;
    (void)size;
    return off;
}

static const MemOps ops_answer = { .read = answer_read, .max_size = 4 };

static void *reader(void *unused)
{
    (void)unused;
    uint8_t buf[256];
    for (unsigned i = 0; !atomic_load(&stop); i++) {
        uint64_t v;
        if (address_space_load(&as, 8 * (i & 255), 8, &v) != MEM_OK || v != 0x0101010101010101) {
            atomic_fetch_add(&bad, 1);
        }
        MemResult r = address_space_load(&as, 0x10000 + 4 * (i & 255), 4, &v);
        if (!(r == MEM_OK && v == 0x02020202) && !(r == MEM_UNASSIGNED && v == 0xffffffff)) {
            atomic_fetch_add(&bad, 1);
        }
        r = dma_read(&as, 0x10000, buf, sizeof(buf));
        if (buf[0] != buf[255] || (buf[0] != 2 && buf[0] != 0xff)) {
            atomic_fetch_add(&bad, 1);
        }
        if (i % 64 == 0 && (address_space_load(&as, 0x20004, 4, &v) != MEM_OK || v != 4)) {
            atomic_fetch_add(&bad, 1);
        }
    }
    return NULL;
}

TEST(readers_during_commits)
{
    MemRegion fixed, coming;
    GThread *t[3];
    begin();
    CHECK(mem_init_ram(&fixed, "fixed", 0x1000, NULL));
    memset(mem_ram_ptr(&fixed), 1, 0x1000);
    mem_add(&root, 0, &fixed);
    mem_init_io(&io, &ops_answer, NULL, "io", 0x100);
    mem_add(&root, 0x20000, &io);
    atomic_store(&stop, false);
    for (int i = 0; i < 3; i++) {
        t[i] = g_thread_new("reader", reader, NULL);
    }
    for (int round = 0; round < 400; round++) {
        CHECK(mem_init_ram(&coming, "coming", 0x1000, NULL));
        memset(mem_ram_ptr(&coming), 2, 0x1000);
        mem_add(&root, 0x10000, &coming);
        bql_unlock(); /* let I/O readers in */
        g_thread_yield();
        bql_lock();
        mem_set_readonly(&fixed, round & 1);
        mem_destroy(&coming);
    }
    atomic_store(&stop, true);
    bql_unlock();
    for (int i = 0; i < 3; i++) {
        g_thread_join(t[i]);
    }
    bql_lock();
    CHECK_EQ(atomic_load(&bad), 0);
    mem_destroy(&io);
    mem_destroy(&fixed);
}
