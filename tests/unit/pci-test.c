/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI bus and devices: configuration masks, BARs, bus mastering, INTx, slots, state; without a host bridge. */
#include "util/osdep.h"
#include "hw/pci/pci.h"
#include "util/bytes.h"
#include "util/mainloop.h"

#include "tests/unit/test.h"

typedef struct TestDev {
    PciDevice pci;
    MemRegion io, mem, mem64;
    uint64_t last_off, last_val;
} TestDev;

static uint64_t dev_read(void *opaque, hwaddr off, unsigned size)
{
    (void)opaque;
    (void)size;
    return 0x50 + off;
}

static void dev_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    TestDev *d = opaque;
    (void)size;
    d->last_off = off;
    d->last_val = val;
}

static const MemOps dev_ops = { .read = dev_read, .write = dev_write, .min_size = 1, .max_size = 1 };

static bool dev_realize(Device *dev, Error **errp)
{
    TestDev *d = container_of(dev, TestDev, pci.dev);
    (void)errp;
    mem_init_io(&d->io, &dev_ops, d, "test-io", 32);
    mem_init_io(&d->mem, &dev_ops, d, "test-mem", 4096);
    mem_init_io(&d->mem64, &dev_ops, d, "test-mem64", 64 * KiB);
    pci_add_bar(&d->pci, 0, PCI_BAR_IO, &d->io);
    pci_add_bar(&d->pci, 1, PCI_BAR_MEM32, &d->mem);
    pci_add_bar(&d->pci, 2, PCI_BAR_MEM64_PREFETCH, &d->mem64);
    pci_set_intx_pin(&d->pci, 1);
    return true;
}

static void dev_unrealize(Device *dev)
{
    TestDev *d = container_of(dev, TestDev, pci.dev);
    mem_destroy(&d->io);
    mem_destroy(&d->mem);
    mem_destroy(&d->mem64);
}

static const VMStateField dev_fields[] = { VMS_STRUCT(TestDev, pci, pci_device_state), VMS_END };
static const VMState dev_state = { .name = "test-pci", .version = 1, .fields = dev_fields };
static const PciClass dev_pci = { .vendor_id = 0x1234, .device_id = 0x5678, .revision = 9, .class_code = 0x020001 };
static const Prop dev_props[] = { PCI_PROPS, PROP_END };
static const DeviceClass dev_class = {
    .name = "test-pci", .bus = BUS_PCI, .size = sizeof(TestDev), .props = dev_props, .state = &dev_state,
    .realize = dev_realize, .unrealize = dev_unrealize, .bus_class = &dev_pci,
};

static const DeviceClass bridge_class = { .name = "test-bridge", .bus = BUS_SYSTEM, .size = sizeof(Device) };
static struct {
    MemRegion mem, io, ram;
    AddressSpace as_mem, as_io;
    Device *bridge;
    PciBus bus;
    int level[4];
} t;

static unsigned map_irq(void *opaque, unsigned devfn, unsigned pin)
{
    (void)opaque;
    return (PCI_SLOT(devfn) + pin) & 3;
}

static void set_irq(void *opaque, unsigned line, int level)
{
    (void)opaque;
    t.level[line] = level;
}

static void setup(void)
{
    static bool once;
    if (!once) {
        mainloop_init();
        bql_lock();
        once = true;
    }
    memset(&t, 0, sizeof(t));
    mem_init_container(&t.mem, "mem", MEM_SIZE_MAX);
    mem_init_container(&t.io, "io", 65536);
    mem_init_ram(&t.ram, "ram", 64 * KiB, NULL);
    mem_add(&t.mem, 0, &t.ram);
    address_space_init(&t.as_mem, &t.mem, "mem");
    address_space_init(&t.as_io, &t.io, "io");
    t.bridge = device_create(&bridge_class, NULL, NULL);
    pci_bus_init(&t.bus, t.bridge, "pci.0", &t.mem, &t.io, &t.as_mem);
    pci_bus_set_irq(&t.bus, 4, map_irq, set_irq, NULL);
}

static void teardown(void)
{
    device_free(t.bridge);
    address_space_destroy(&t.as_io);
    address_space_destroy(&t.as_mem);
    mem_destroy(&t.io);
    mem_destroy(&t.mem);
    mem_destroy(&t.ram);
}

static TestDev *add(int devfn)
{
    PciDevice *d = pci_create(&t.bus, devfn, &dev_class, NULL);
    return d ? container_of(d, TestDev, pci) : NULL;
}

static uint32_t rd(unsigned slot, unsigned addr, unsigned len)
{
    return pci_bus_config_read(&t.bus, 0, PCI_DEVFN(slot, 0), addr, len);
}

static void wr(unsigned slot, unsigned addr, uint32_t val, unsigned len)
{
    pci_bus_config_write(&t.bus, 0, PCI_DEVFN(slot, 0), addr, val, len);
}

static uint64_t load(AddressSpace *as, hwaddr addr)
{
    uint64_t val = 0;
    address_space_load(as, addr, 1, &val);
    return val;
}

TEST(identification_is_read_only)
{
    setup();
    CHECK(add(-1));
    CHECK_EQ(rd(0, PCI_VENDOR_ID, 4), 0x56781234);
    CHECK_EQ(rd(0, PCI_REVISION_ID, 4), 0x02000109);
    CHECK_EQ(rd(0, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x11001af4);
    wr(0, PCI_VENDOR_ID, 0, 4);
    wr(0, PCI_REVISION_ID, 0, 4);
    CHECK_EQ(rd(0, PCI_VENDOR_ID, 4), 0x56781234);
    CHECK_EQ(rd(0, PCI_REVISION_ID, 4), 0x02000109);
    CHECK_EQ(rd(1, PCI_VENDOR_ID, 4), 0xffffffff);
    CHECK_EQ(rd(1, PCI_VENDOR_ID, 2), 0xffff);
    CHECK_EQ(pci_bus_config_read(&t.bus, 1, 0, 0, 4), 0xffffffff);
    teardown();
}

TEST(bars_size_and_move)
{
    setup();
    TestDev *d = add(PCI_DEVFN(3, 0));
    wr(3, 0x10, 0xffffffff, 4);
    wr(3, 0x14, 0xffffffff, 4);
    wr(3, 0x18, 0xffffffff, 4);
    wr(3, 0x1c, 0xffffffff, 4);
    wr(3, 0x20, 0xffffffff, 4);
    CHECK_EQ(rd(3, 0x10, 4), 0xffffffe1);
    CHECK_EQ(rd(3, 0x14, 4), 0xfffff000);
    CHECK_EQ(rd(3, 0x18, 4), 0xffff000c);
    CHECK_EQ(rd(3, 0x1c, 4), 0xffffffff);
    CHECK_EQ(rd(3, 0x20, 4), 0);
    wr(3, 0x10, 0xc000, 4);
    wr(3, 0x14, 0xfe000000, 4);
    wr(3, 0x18, 0, 4);
    wr(3, 0x1c, 2, 4);
    CHECK_EQ(load(&t.as_io, 0xc003), 0xff);
    wr(3, PCI_COMMAND, PCI_COMMAND_IO, 2);
    CHECK_EQ(load(&t.as_io, 0xc003), 0x53);
    CHECK_EQ(load(&t.as_mem, 0xfe000001), 0xff);
    wr(3, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    CHECK_EQ(load(&t.as_io, 0xc003), 0xff);
    CHECK_EQ(load(&t.as_mem, 0xfe000001), 0x51);
    CHECK_EQ(load(&t.as_mem, 8 * GiB + 2), 0x52);
    address_space_store(&t.as_mem, 0xfe000010, 1, 0x77);
    CHECK_EQ(d->last_off, 0x10);
    CHECK_EQ(d->last_val, 0x77);
    wr(3, 0x14, 0xfd000000, 4);
    CHECK_EQ(load(&t.as_mem, 0xfe000001), 0xff);
    CHECK_EQ(load(&t.as_mem, 0xfd000001), 0x51);
    wr(3, 0x14, 0, 4); /* address 0 is nowhere: the RAM there stays */
    CHECK_EQ(load(&t.as_mem, 1), 0);
    teardown();
}

TEST(reset_unmaps)
{
    setup();
    TestDev *d = add(PCI_DEVFN(3, 0));
    wr(3, 0x10, 0xc000, 4);
    wr(3, PCI_INTERRUPT_LINE, 11, 1);
    wr(3, PCI_COMMAND, 7, 2);
    CHECK_EQ(load(&t.as_io, 0xc003), 0x53);
    device_reset(&d->pci.dev);
    CHECK_EQ(load(&t.as_io, 0xc003), 0xff);
    CHECK_EQ(rd(3, PCI_COMMAND, 2), 0);
    CHECK_EQ(rd(3, 0x10, 4), 1);
    CHECK_EQ(rd(3, PCI_INTERRUPT_LINE, 2), 0x0100);
    teardown();
}

TEST(dma_needs_bus_master_and_ram)
{
    setup();
    TestDev *d = add(PCI_DEVFN(3, 0));
    uint32_t v = 0x11223344, back = 0;
    CHECK(pci_dma_write(&d->pci, 0x100, &v, 4) != MEM_OK);
    CHECK_EQ(ld_le32(mem_ram_ptr(&t.ram) + 0x100), 0);
    wr(3, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
    CHECK_EQ(pci_dma_write(&d->pci, 0x100, &v, 4), MEM_OK);
    CHECK_EQ(pci_dma_read(&d->pci, 0x100, &back, 4), MEM_OK);
    CHECK_EQ(back, v);
    wr(3, 0x14, 0xfe000000, 4);
    CHECK(pci_dma_write(&d->pci, 0xfe000000, &v, 4) != MEM_OK); /* its own registers */
    CHECK_EQ(d->last_val, 0);
    teardown();
}

TEST(intx_is_an_or)
{
    setup();
    TestDev *a = add(PCI_DEVFN(1, 0)), *b = add(PCI_DEVFN(5, 0));
    pci_set_intx(&a->pci, 1);
    pci_set_intx(&b->pci, 1);
    CHECK_EQ(t.level[1], 1);
    CHECK(rd(1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
    pci_set_intx(&a->pci, 0);
    CHECK_EQ(t.level[1], 1);
    CHECK(!(rd(1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT));
    wr(5, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
    CHECK_EQ(t.level[1], 0);
    CHECK(rd(5, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
    wr(5, PCI_COMMAND, 0, 2);
    CHECK_EQ(pci_bus_irq_level(&t.bus, 1), 1);
    device_free(&b->pci.dev); /* leaves while it drives */
    CHECK_EQ(t.level[1], 0);
    teardown();
}

static bool fails(int devfn, bool multi, const char *part)
{
    Device *dev = device_new(&dev_class);
    PciDevice *d = pci_device(dev);
    Error *err = NULL;
    d->devfn = (int16_t)devfn;
    d->multifunction = multi;
    if (device_realize(dev, &t.bus.bus, &err)) {
        return false;
    }
    bool ok = strstr(error_message(err), part) != NULL;
    if (!ok) {
        fprintf(stderr, "message: %s\n", error_message(err));
    }
    error_free(err);
    device_free(dev);
    return ok;
}

TEST(slots)
{
    setup();
    CHECK_EQ(add(-1)->pci.devfn, PCI_DEVFN(0, 0));
    CHECK_EQ(add(PCI_DEVFN(1, 0))->pci.devfn, PCI_DEVFN(1, 0));
    CHECK_EQ(add(-1)->pci.devfn, PCI_DEVFN(2, 0));
    CHECK(fails(PCI_DEVFN(1, 0), false, "in use by test-pci"));
    CHECK(fails(PCI_DEVFN(1, 1), false, "not multifunction"));
    CHECK_EQ(add(PCI_DEVFN(4, 1))->pci.devfn, PCI_DEVFN(4, 1));
    CHECK(fails(PCI_DEVFN(4, 0), false, "other functions"));
    CHECK(!fails(PCI_DEVFN(4, 0), true, "")); /* this one is placed */
    CHECK_EQ(rd(4, PCI_HEADER_TYPE, 1), 0x80);
    for (unsigned i = 0; i < 28; i++) {
        CHECK(add(-1));
    }
    CHECK(fails(-1, false, "no free slot"));
    teardown();
}

TEST(addr_property)
{
    static const struct {
        const char *text, *back;
    } good[] = { { "6", "06.0" }, { "06.0", "06.0" }, { "0x6", "06.0" }, { "1f.7", "1f.7" }, { "10", "10.0" }, { "-1", "-1" } };
    static const char *const bad[] = { "", "20", "1f.8", "x", "6.", "6.0z", "-2", " 6", "6.0.0" };
    setup();
    Device *d = device_new(&dev_class);
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        CHECK(device_set_prop(d, "addr", good[i].text, NULL));
        char *text = device_get_prop(d, "addr");
        CHECK_STR(text, good[i].back);
        g_free(text);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        Error *err = NULL;
        CHECK(!device_set_prop(d, "addr", bad[i], &err));
        CHECK(err);
        error_free(err);
    }
    device_free(d);
    teardown();
}

TEST(capabilities)
{
    setup();
    TestDev *d = add(PCI_DEVFN(1, 0));
    unsigned a = pci_add_capability(&d->pci, 5, 10), b = pci_add_capability(&d->pci, 1, 8);
    CHECK_EQ(a, 0x40);
    CHECK_EQ(b, 0x4c);
    CHECK_EQ(rd(1, PCI_CAPABILITY_LIST, 1), b);
    CHECK_EQ(rd(1, b, 2), a << 8 | 1);
    CHECK_EQ(rd(1, a, 2), 5);
    CHECK(rd(1, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
    CHECK_EQ(pci_add_capability(&d->pci, 9, 200), 0);
    teardown();
}

TEST(state_moves_bars_and_lines)
{
    setup();
    TestDev *d = add(PCI_DEVFN(1, 0));
    wr(1, 0x10, 0xc000, 4);
    wr(1, PCI_COMMAND, PCI_COMMAND_IO, 2);
    pci_set_intx(&d->pci, 1);
    GByteArray *saved = g_byte_array_new(), *again = g_byte_array_new();
    vmstate_save(&dev_state, d, saved);
    device_reset(&d->pci.dev);
    CHECK_EQ(t.level[1], 0);
    const uint8_t *p = saved->data;
    size_t len = saved->len;
    CHECK(vmstate_load(&dev_state, d, &p, &len, NULL));
    CHECK_EQ(load(&t.as_io, 0xc003), 0x53);
    CHECK_EQ(t.level[1], 1);
    vmstate_save(&dev_state, d, again);
    CHECK_EQ(again->len, saved->len);
    CHECK_MEM(again->data, saved->data, saved->len);

    /* Another device's identity is refused and leaves a consistent device. */
    Error *err = NULL;
    for (guint i = 0; i + 4 <= saved->len; i++) {
        if (ld_le32(saved->data + i) == 0x56781234) {
            saved->data[i]++;
            break;
        }
    }
    p = saved->data;
    len = saved->len;
    CHECK(!vmstate_load(&dev_state, d, &p, &len, &err));
    error_free(err);
    CHECK_EQ(rd(1, PCI_VENDOR_ID, 4), 0x56781234);
    CHECK_EQ(t.level[1], 0);
    g_byte_array_unref(saved);
    g_byte_array_unref(again);
    teardown();
}

TEST(info_pci)
{
    setup();
    CHECK(add(PCI_DEVFN(3, 0)));
    wr(3, 0x10, 0xc000, 4);
    wr(3, PCI_COMMAND, PCI_COMMAND_IO, 2);
    wr(3, PCI_INTERRUPT_LINE, 11, 1);
    GString *s = g_string_new(NULL);
    pci_print(&t.bus, s);
    CHECK_STR(s->str, "  Bus  0, device   3, function 0:\n    Ethernet controller: PCI device 1234:5678\n"
                      "      PCI subsystem 1af4:1100\n      IRQ 11, pin A\n      BAR0: I/O at 0xc000 [0xc01f].\n"
                      "      BAR1: 32 bit memory at 0xffffffffffffffff [0x00000ffe].\n"
                      "      BAR2: 64 bit prefetchable memory at 0xffffffffffffffff [0x0000fffe].\n      id \"\"\n");
    g_string_free(s, TRUE);
    teardown();
}
