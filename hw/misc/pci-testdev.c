/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-testdev (1b36:0005): counts the writes of a guest that measures I/O, with and without a doorbell (QEMU's documentation,
 * "QEMU PCI test device").  BAR 0 is memory, BAR 1 ports; each begins with the same header, which says how and where a chosen
 * test is to be written.  Numbers: 0 every write reaches the device, 1 any value rings an eventfd, 2 one value does.
 * Called by dispatch, under the big lock; with KVM the kernel takes the doorbells.
 */
#include "util/osdep.h"
#include "hw/pci/pci.h"
#include "util/bytes.h"

#include <sys/eventfd.h>
#include <unistd.h>

enum { TESTDEV_TEST = 0, TESTDEV_WIDTH = 1, TESTDEV_OFFSET = 4, TESTDEV_DATA = 8, TESTDEV_COUNT = 12, TESTDEV_NAME = 16,
       TESTDEV_HEADER = 48 };
enum { TESTDEV_EVERY, TESTDEV_RING, TESTDEV_RING_VALUE, TESTDEV_TESTS };
enum { TESTDEV_VALUE = 0x5a, TESTDEV_NONE = 0xff };

typedef struct TestdevPart {
    MemRegion region;
    int fd;          /* the doorbell */
    uint8_t hung;    /* the test for which it hangs; TESTDEV_NONE: it does not */
    uint8_t doorbell, width; /* constant: its offset, and the size of a write */
    uint8_t test;    /* chosen; TESTDEV_NONE: none */
    uint32_t count;  /* writes seen, without those that the eventfd still counts */
} TestdevPart;

typedef struct Testdev {
    PciDevice pci;
    TestdevPart part[2];
} Testdev;

static const char *const testdev_names[2][TESTDEV_TESTS] = {
    { "memory, each write", "memory, doorbell", "memory, doorbell by value" },
    { "port, each write", "port, doorbell", "port, doorbell by value" },
};

static Testdev *testdev_of(Device *d)
{
    return container_of(d, Testdev, pci.dev);
}

static void testdev_collect(TestdevPart *p)
{
    uint64_t rung;
    if (read(p->fd, &rung, sizeof(rung)) == sizeof(rung)) {
        p->count += (uint32_t)rung;
    }
}

static void testdev_choose(TestdevPart *p, uint8_t test)
{
    bool rings = test == TESTDEV_RING || test == TESTDEV_RING_VALUE;
    if (p->hung != TESTDEV_NONE) {
        mem_del_ioeventfd(&p->region, p->doorbell, p->width, p->hung == TESTDEV_RING_VALUE, TESTDEV_VALUE, p->fd);
    }
    testdev_collect(p);
    p->count = 0;
    p->test = test < TESTDEV_TESTS ? test : TESTDEV_NONE;
    p->hung = rings ? test : TESTDEV_NONE;
    if (rings) {
        mem_add_ioeventfd(&p->region, p->doorbell, p->width, test == TESTDEV_RING_VALUE, TESTDEV_VALUE, p->fd);
    }
}

static uint64_t testdev_read(const Testdev *s, TestdevPart *p, hwaddr off, unsigned size)
{
    uint8_t header[TESTDEV_HEADER] = { 0 };
    bool chosen = p->test < TESTDEV_TESTS;
    if (off > TESTDEV_HEADER - size) {
        return 0;
    }
    testdev_collect(p);
    header[TESTDEV_TEST] = p->test;
    if (chosen) {
        header[TESTDEV_WIDTH] = p->width;
        st_le32(header + TESTDEV_OFFSET, p->doorbell);
        st_le32(header + TESTDEV_DATA, TESTDEV_VALUE);
        st_le32(header + TESTDEV_COUNT, p->count);
        g_strlcpy((char *)header + TESTDEV_NAME, testdev_names[p - s->part][p->test], TESTDEV_HEADER - TESTDEV_NAME);
    }
    return ld_le(header + off, size);
}

static void testdev_write(TestdevPart *p, hwaddr off, uint64_t val, unsigned size)
{
    if (off == TESTDEV_TEST) {
        testdev_choose(p, (uint8_t)val);
    } else if (off == p->doorbell && size == p->width && p->test < TESTDEV_TESTS) {
        p->count++;
    }
}

static uint64_t testdev_read_memory(void *opaque, hwaddr off, unsigned size)
{
    Testdev *s = opaque;
    return testdev_read(s, &s->part[0], off, size);
}

static uint64_t testdev_read_ports(void *opaque, hwaddr off, unsigned size)
{
    Testdev *s = opaque;
    return testdev_read(s, &s->part[1], off, size);
}

static void testdev_write_memory(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    testdev_write(&((Testdev *)opaque)->part[0], off, val, size);
}

static void testdev_write_ports(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    testdev_write(&((Testdev *)opaque)->part[1], off, val, size);
}

static bool testdev_realize(Device *d, Error **errp)
{
    static const MemOps memory = { .read = testdev_read_memory, .write = testdev_write_memory };
    static const MemOps ports = { .read = testdev_read_ports, .write = testdev_write_ports };
    Testdev *s = testdev_of(d);
    for (unsigned i = 0; i < G_N_ELEMENTS(s->part); i++) {
        TestdevPart *p = &s->part[i];
        p->doorbell = TESTDEV_HEADER + 16;
        p->width = i == 0 ? 4 : 2;
        p->test = p->hung = TESTDEV_NONE;
        p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (p->fd < 0) {
            error_set_errno(errp, errno, "pci-testdev: no eventfd");
            if (i > 0) {
                close(s->part[0].fd);
            }
            return false;
        }
    }
    mem_init_io(&s->part[0].region, &memory, s, "pci-testdev-memory", 4096);
    mem_init_io(&s->part[1].region, &ports, s, "pci-testdev-ports", 256);
    pci_add_bar(&s->pci, 0, PCI_BAR_MEM32, &s->part[0].region);
    pci_add_bar(&s->pci, 1, PCI_BAR_IO, &s->part[1].region);
    return true;
}

static void testdev_reset(Device *d)
{
    Testdev *s = testdev_of(d);
    for (unsigned i = 0; i < G_N_ELEMENTS(s->part); i++) {
        testdev_choose(&s->part[i], TESTDEV_NONE);
    }
}

static void testdev_unrealize(Device *d)
{
    Testdev *s = testdev_of(d);
    testdev_reset(d);
    for (unsigned i = 0; i < G_N_ELEMENTS(s->part); i++) {
        mem_destroy(&s->part[i].region);
        close(s->part[i].fd);
    }
}

static void testdev_pre_save(void *opaque)
{
    Testdev *s = opaque;
    testdev_collect(&s->part[0]);
    testdev_collect(&s->part[1]);
}

static bool testdev_post_load(void *opaque, int version, Error **errp)
{
    Testdev *s = opaque;
    (void)version;
    for (unsigned i = 0; i < G_N_ELEMENTS(s->part); i++) {
        TestdevPart *p = &s->part[i];
        uint32_t count = p->count;
        uint8_t test = p->test;
        if (test >= TESTDEV_TESTS && test != TESTDEV_NONE) {
            error_set(errp, "pci-testdev has no test %u", test);
            return false;
        }
        testdev_choose(p, test);
        p->count = count;
    }
    return true;
}

static const VMStateField testdev_part_fields[] = { VMS_UINT(TestdevPart, test), VMS_UINT(TestdevPart, count), VMS_END };
static const VMState testdev_part_state = { .name = "pci-testdev-part", .version = 1, .fields = testdev_part_fields };
static const VMStateField testdev_fields[] = {
    VMS_STRUCT(Testdev, pci, pci_device_state), VMS_STRUCT_ARRAY(Testdev, part, testdev_part_state), VMS_END
};
static const VMState testdev_state = {
    .name = "pci-testdev", .version = 1, .fields = testdev_fields, .pre_save = testdev_pre_save, .post_load = testdev_post_load,
};

static const PciClass testdev_pci_class = { .vendor_id = 0x1b36, .device_id = 0x0005, .class_code = 0x00ff00 };
static const Prop testdev_props[] = { PCI_PROPS, PROP_END };

static const DeviceClass testdev_class = {
    .name = "pci-testdev",
    .desc = "counts writes, for tests of I/O and doorbells",
    .category = "Misc",
    .bus = BUS_PCI,
    .bus_class = &testdev_pci_class,
    .user_creatable = true,
    .size = sizeof(Testdev),
    .props = testdev_props,
    .state = &testdev_state,
    .realize = testdev_realize,
    .reset = testdev_reset,
    .unrealize = testdev_unrealize,
};
DEVICE_REGISTER(testdev_class);
