/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8237 pair: registers, flip-flop, masks, transfers both ways, terminal count, auto-initialise, cascade, page wrap. */
#include "util/osdep.h"
#include "hw/dma/i8237.h"
#include "util/mainloop.h"

#include "tests/unit/test.h"

enum { RAM = 1024 * 1024 };

static MemRegion memory, io, ram;
static AddressSpace as_mem, as_io;
static Bus root;
static const BusClass root_class = { .kind = BUS_SYSTEM, .type = "System" };
static IsaBus isa;
static Device *chip;

/* The device at the other end: moves at most @chunk bytes a call. */
static struct {
    uint8_t buf[4096];
    uint32_t chunk, calls, last_size;
} dev;

static uint32_t transfer(void *opaque, unsigned channel, uint32_t pos, uint32_t size)
{
    uint32_t n = MIN(dev.chunk, size - pos);
    (void)opaque;
    dev.calls++;
    dev.last_size = size;
    if (size > sizeof(dev.buf)) {
        return pos;
    }
    if (isa.dma->ops->is_write(isa.dma, channel) || isa.dma->ops->verify(isa.dma, channel)) {
        n = isa.dma->ops->write_memory(isa.dma, channel, dev.buf + pos, pos, n);
    } else {
        n = isa.dma->ops->read_memory(isa.dma, channel, dev.buf + pos, pos, n);
    }
    return pos + n;
}

static uint8_t in(uint16_t port)
{
    uint64_t v = 0;
    address_space_load(&as_io, port, 1, &v);
    return v;
}

static void out(uint16_t port, uint8_t val)
{
    address_space_store(&as_io, port, 1, val);
}

static void run(void)
{
    for (int i = 0; i < 10000; i++) {
        mainloop_iterate(true);
    }
}

static void setup(void)
{
    static bool done;
    if (!done) {
        done = true;
        mainloop_init();
        bql_lock();
        mem_init_container(&memory, "memory", MEM_SIZE_MAX);
        mem_init_container(&io, "io", 0x10000);
        CHECK(mem_init_ram(&ram, "ram", RAM, NULL));
        mem_add(&memory, 0, &ram);
        address_space_init(&as_mem, &memory, "memory");
        address_space_init(&as_io, &io, "io");
        bus_init(&root, &root_class, NULL, "main-system-bus");
        isa_bus_init(&isa, NULL, "isa.0", &memory, &io);
        chip = i8237_create(&isa, &as_mem, NULL);
        CHECK(chip && isa.dma);
    }
    for (unsigned ch = 0; ch < 8; ch++) {
        isa.dma->ops->request(isa.dma, ch, false);
    }
    device_reset(chip);
    memset(mem_ram_ptr(&ram), 0, RAM);
    for (unsigned i = 0; i < sizeof(dev.buf); i++) {
        dev.buf[i] = i * 7 + 1;
    }
    dev.chunk = 4096;
    dev.calls = 0;
    out(0xd6, 0xc0); /* channel 4: cascade */
    out(0xd4, 0x00); /* and unmasked */
}

static void program(unsigned ch, uint8_t mode, uint32_t addr, uint16_t count)
{
    static const uint8_t pages[8] = { 0x87, 0x83, 0x81, 0x82, 0, 0x8b, 0x89, 0x8a };
    unsigned base = ch < 4 ? 0 : 0xc0, step = ch < 4 ? 1 : 2, n = ch & 3;
    uint16_t a = ch < 4 ? addr : addr >> 1;
    out(base + 10 * step, 4 | n);
    out(base + 12 * step, 0);
    out(base + 11 * step, mode | n);
    out(base + 2 * n * step, a & 0xff);
    out(base + 2 * n * step, a >> 8);
    out(base + (2 * n + 1) * step, count & 0xff);
    out(base + (2 * n + 1) * step, count >> 8);
    out(pages[ch], addr >> 16);
    isa.dma->ops->set_handler(isa.dma, ch, transfer, NULL);
    out(base + 10 * step, n);
}

static uint16_t counter(unsigned port)
{
    out(port < 0xc0 ? 0x0c : 0xd8, 0);
    uint16_t low = in(port);
    return low | in(port) << 8;
}

TEST(registers)
{
    setup();
    CHECK_EQ(in(0x0f), 0xff); /* all masked */
    out(0x0f, 0x05);
    CHECK_EQ(in(0x0f), 0xf5);
    out(0x0a, 0x06);
    CHECK_EQ(in(0x0f), 0xf5);
    out(0x0a, 0x02);
    CHECK_EQ(in(0x0f), 0xf1);
    out(0x0e, 0);
    CHECK_EQ(in(0x0f), 0xf0);
    out(0x0d, 0);
    CHECK_EQ(in(0x0f), 0xff);
    out(0x0c, 0);
    out(0x02, 0x34);
    out(0x02, 0x12);
    out(0x03, 0x78);
    out(0x03, 0x56);
    CHECK_EQ(counter(0x02), 0x1234);
    CHECK_EQ(counter(0x03), 0x5678);
    CHECK_EQ(counter(0x00), 0x0000);
    for (unsigned i = 0; i < 16; i++) {
        out(0x80 + i, 0xa0 + i);
    }
    for (unsigned i = 0; i < 16; i++) {
        CHECK_EQ(in(0x80 + i), 0xa0 + i);
    }
}

TEST(to_memory)
{
    setup();
    program(2, 0x44, 0x12000, 511);
    run();
    CHECK_EQ(dev.calls, 0); /* no request */
    isa.dma->ops->request(isa.dma, 2, true);
    CHECK_EQ(in(0x08), 0x40);
    run();
    CHECK_EQ(dev.last_size, 512);
    CHECK_MEM(mem_ram_ptr(&ram) + 0x12000, dev.buf, 512);
    CHECK_EQ(mem_ram_ptr(&ram)[0x12000 + 512], 0);
    CHECK_EQ(in(0x08), 0x44); /* terminal count, once */
    CHECK_EQ(in(0x08), 0x40);
    CHECK_EQ(in(0x0f) & 0x04, 0x04); /* masked itself */
    CHECK_EQ(counter(0x05), 0xffff);
    CHECK_EQ(counter(0x04), 0x2200);
}

TEST(from_memory_in_pieces)
{
    setup();
    memset(mem_ram_ptr(&ram) + 0x20000, 0x5a, 1000);
    dev.chunk = 7;
    program(1, 0x48, 0x20000, 999);
    isa.dma->ops->request(isa.dma, 1, true);
    run();
    for (unsigned i = 0; i < 1000; i++) {
        CHECK_EQ(dev.buf[i], 0x5a);
    }
    CHECK_EQ(dev.calls, 143);
}

TEST(words)
{
    setup();
    program(5, 0x44, 0x2fffc, 3); /* four words, across 64 KiB: the window of words is 128 KiB */
    isa.dma->ops->request(isa.dma, 5, true);
    run();
    CHECK_EQ(dev.last_size, 8);
    CHECK_MEM(mem_ram_ptr(&ram) + 0x2fffc, dev.buf, 8);
}

TEST(wraps_in_its_page)
{
    setup();
    program(2, 0x44, 0x3fffe, 3);
    isa.dma->ops->request(isa.dma, 2, true);
    run();
    CHECK_MEM(mem_ram_ptr(&ram) + 0x3fffe, dev.buf, 2);
    CHECK_MEM(mem_ram_ptr(&ram) + 0x30000, dev.buf + 2, 2);
    CHECK_EQ(mem_ram_ptr(&ram)[0x40000], 0);
}

TEST(downwards)
{
    setup();
    program(2, 0x64, 0x10003, 3);
    isa.dma->ops->request(isa.dma, 2, true);
    run();
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(mem_ram_ptr(&ram)[0x10003 - i], dev.buf[i]);
    }
}

TEST(verify_moves_nothing)
{
    setup();
    program(2, 0x40, 0x10000, 99);
    isa.dma->ops->request(isa.dma, 2, true);
    run();
    CHECK_EQ(mem_ram_ptr(&ram)[0x10000], 0);
    CHECK_EQ(in(0x08), 0x44);
}

TEST(autoinit)
{
    setup();
    dev.chunk = 50;
    program(3, 0x54, 0x10000, 99);
    isa.dma->ops->request(isa.dma, 3, true);
    for (int i = 0; i < 7; i++) {
        mainloop_iterate(true);
    }
    isa.dma->ops->request(isa.dma, 3, false);
    CHECK(dev.calls > 2);
    CHECK_EQ(in(0x0f) & 0x08, 0); /* not masked */
    CHECK_EQ(in(0x08) & 0x08, 0x08);
    CHECK(counter(0x07) < 100);
}

TEST(masks_and_disable_and_cascade)
{
    setup();
    program(2, 0x44, 0x10000, 9);
    out(0x08, 0x04); /* controller off */
    isa.dma->ops->request(isa.dma, 2, true);
    run();
    CHECK_EQ(dev.calls, 0);
    out(0x08, 0x00);
    out(0xd4, 0x04); /* cascade masked */
    run();
    CHECK_EQ(dev.calls, 0);
    out(0xd4, 0x00);
    run();
    CHECK_EQ(dev.calls, 1);
}

/* A device that gets no further must not keep the main loop busy. */
TEST(no_progress_sleeps)
{
    setup();
    dev.chunk = 0;
    program(2, 0x44, 0x10000, 9);
    isa.dma->ops->request(isa.dma, 2, true);
    run();
    CHECK(dev.calls <= 2);
}

TEST(state)
{
    setup();
    dev.chunk = 3;
    program(2, 0x44, 0x10000, 99);
    isa.dma->ops->request(isa.dma, 2, true);
    mainloop_iterate(true);
    GByteArray *saved = g_byte_array_new(), *again = g_byte_array_new();
    device_save(chip, saved);
    const uint8_t *p = saved->data;
    size_t len = saved->len;
    CHECK(device_load(chip, &p, &len, NULL));
    device_save(chip, again);
    CHECK_EQ(saved->len, again->len);
    CHECK_MEM(saved->data, again->data, saved->len);
    g_byte_array_free(saved, TRUE);
    g_byte_array_free(again, TRUE);
}
