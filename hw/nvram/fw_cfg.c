/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware configuration device, port-mapped variant of x86, as QEMU's docs/specs/fw_cfg describes its interface:
 * selector 0x510 (16 bits), data 0x511 (a stream of bytes), DMA address at 0x514 (64 bits, big-endian; the write of the
 * low half starts it).  vCPU threads under the big lock.  The guest can write
 * only files that a device gave a callback for, and only by DMA.
 */
#include "util/osdep.h"
#include "hw/nvram/fw_cfg.h"
#include "util/bytes.h"
#include "util/keyval.h"
#include "util/log.h"
#include "system/machine.h"

enum { FW_CFG_PORT = 0x510, FW_CFG_DMA_PORT = 0x514 };
enum { FW_CFG_LOW_KEYS = FW_CFG_FILE_FIRST + FW_CFG_FILE_SLOTS, FW_CFG_ARCH_KEYS = 16, FW_CFG_ARCH = 0x8000,
       FW_CFG_KEY_MASK = 0xbfff /* bit 14 once meant write */ };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16, DMA_DESCRIPTOR = 16 };
#define FW_CFG_DMA_SIGNATURE 0x51454d5520434647ull /* "QEMU CFG" */
#define FW_CFG_DMA_ZEROES_MAX (16 * MiB) /* what a transfer beyond an item's end may fill */
#define FW_CFG_CLASS "fw_cfg_io"
#define FW_CFG_DIR_ENTRY 64
#define FW_CFG_USER_FILE_MAX (256 * MiB)

typedef struct FwCfgItem {
    GBytes *data;
    void (*select)(void *opaque);
    void (*written)(void *opaque, const uint8_t *data, size_t len); /* NULL: read-only */
    void *opaque;
} FwCfgItem;

struct FwCfg {
    Device dev;
    MemRegion *io;
    AddressSpace *dma_as;
    MemRegion ports, dma_ports;
    FwCfgItem low[FW_CFG_LOW_KEYS], arch[FW_CFG_ARCH_KEYS];
    char *names[FW_CFG_FILE_SLOTS]; /* files are sorted by order of addition */
    unsigned files;
    uint16_t key;
    uint32_t pos;
    uint64_t dma_addr;
};

/* ---- items ---- */

static FwCfgItem *fw_cfg_item(FwCfg *s, uint16_t key)
{
    key &= FW_CFG_KEY_MASK;
    unsigned n = key & ~(unsigned)FW_CFG_ARCH;
    if (key & FW_CFG_ARCH) {
        return n < FW_CFG_ARCH_KEYS ? &s->arch[n] : NULL;
    }
    return n < FW_CFG_LOW_KEYS ? &s->low[n] : NULL;
}

void fw_cfg_add_bytes(FwCfg *s, uint16_t key, GBytes *data)
{
    FwCfgItem *item = fw_cfg_item(s, key);
    assert(item);
    g_bytes_ref(data);
    if (item->data) {
        g_bytes_unref(item->data);
    }
    item->data = data;
}

void fw_cfg_add(FwCfg *s, uint16_t key, const void *data, size_t len)
{
    GBytes *b = g_bytes_new(data, len);
    fw_cfg_add_bytes(s, key, b);
    g_bytes_unref(b);
}

void fw_cfg_add_u16(FwCfg *s, uint16_t key, uint16_t val)
{
    uint8_t buf[2];
    st_le16(buf, val);
    fw_cfg_add(s, key, buf, sizeof(buf));
}

void fw_cfg_add_u32(FwCfg *s, uint16_t key, uint32_t val)
{
    uint8_t buf[4];
    st_le32(buf, val);
    fw_cfg_add(s, key, buf, sizeof(buf));
}

void fw_cfg_add_u64(FwCfg *s, uint16_t key, uint64_t val)
{
    uint8_t buf[8];
    st_le64(buf, val);
    fw_cfg_add(s, key, buf, sizeof(buf));
}

void fw_cfg_add_string(FwCfg *s, uint16_t key, const char *text)
{
    fw_cfg_add(s, key, text, strlen(text) + 1);
}

/* ---- files ---- */

static int fw_cfg_file_index(const FwCfg *s, const char *name)
{
    for (unsigned i = 0; i < s->files; i++) {
        if (!strcmp(s->names[i], name)) {
            return (int)i;
        }
    }
    return -1;
}

static void fw_cfg_build_directory(FwCfg *s)
{
    size_t len = 4 + (size_t)s->files * FW_CFG_DIR_ENTRY;
    uint8_t *dir = g_malloc0(len);
    st_be32(dir, s->files);
    for (unsigned i = 0; i < s->files; i++) {
        uint8_t *e = dir + 4 + (size_t)i * FW_CFG_DIR_ENTRY;
        uint16_t key = (uint16_t)(FW_CFG_FILE_FIRST + i);
        st_be32(e, (uint32_t)g_bytes_get_size(s->low[key].data));
        st_be16(e + 4, key);
        g_strlcpy((char *)e + 8, s->names[i], FW_CFG_FILE_NAME_MAX);
    }
    GBytes *b = g_bytes_new_take(dir, len);
    fw_cfg_add_bytes(s, FW_CFG_FILE_DIR, b);
    g_bytes_unref(b);
}

bool fw_cfg_add_file_callback(FwCfg *s, const char *name, GBytes *data, void (*select)(void *opaque), void *opaque,
                              Error **errp)
{
    if (!*name || strlen(name) >= FW_CFG_FILE_NAME_MAX) {
        error_set(errp, "fw_cfg file name '%s' has %zu characters, 1 to %d are possible", name, strlen(name),
                  FW_CFG_FILE_NAME_MAX - 1);
        return false;
    }
    if (fw_cfg_file_index(s, name) >= 0) {
        error_set(errp, "fw_cfg file '%s' exists already", name);
        return false;
    }
    if (s->files == FW_CFG_FILE_SLOTS) {
        error_set(errp, "fw_cfg file '%s' finds no room: %d files is the limit", name, FW_CFG_FILE_SLOTS);
        return false;
    }
    unsigned n = s->files++;
    uint16_t key = (uint16_t)(FW_CFG_FILE_FIRST + n);
    s->names[n] = g_strdup(name);
    fw_cfg_add_bytes(s, key, data);
    s->low[key].select = select;
    s->low[key].opaque = opaque;
    fw_cfg_build_directory(s);
    return true;
}

bool fw_cfg_add_writable(FwCfg *s, const char *name, GBytes *data,
                         void (*written)(void *opaque, const uint8_t *data, size_t len), void *opaque, Error **errp)
{
    if (!fw_cfg_add_file_callback(s, name, data, NULL, opaque, errp)) {
        return false;
    }
    s->low[FW_CFG_FILE_FIRST + fw_cfg_file_index(s, name)].written = written;
    return true;
}

void fw_cfg_remove_callbacks(FwCfg *s, void *opaque)
{
    for (size_t i = 0; i < G_N_ELEMENTS(s->low); i++) {
        if (s->low[i].opaque == opaque) {
            s->low[i].select = NULL;
            s->low[i].written = NULL;
            s->low[i].opaque = NULL;
        }
    }
}

FwCfg *fw_cfg_on_bus(Bus *root)
{
    for (guint i = 0; i < root->devices->len; i++) {
        Device *d = root->devices->pdata[i];

        if (!strcmp(d->cls->name, FW_CFG_CLASS)) {
            return container_of(d, FwCfg, dev);
        }
    }
    return NULL;
}

AddressSpace *fw_cfg_dma_as(FwCfg *s)
{
    return s->dma_as;
}

bool fw_cfg_add_file(FwCfg *s, const char *name, GBytes *data, Error **errp)
{
    return fw_cfg_add_file_callback(s, name, data, NULL, NULL, errp);
}

bool fw_cfg_add_file_copy(FwCfg *s, const char *name, const void *data, size_t len, Error **errp)
{
    GBytes *b = g_bytes_new(data, len);
    bool ok = fw_cfg_add_file(s, name, b, errp);
    g_bytes_unref(b);
    return ok;
}

void fw_cfg_replace_file(FwCfg *s, const char *name, GBytes *data)
{
    int i = fw_cfg_file_index(s, name);
    if (i >= 0) {
        fw_cfg_add_bytes(s, (uint16_t)(FW_CFG_FILE_FIRST + i), data);
        fw_cfg_build_directory(s);
    }
}

GBytes *fw_cfg_find_file(FwCfg *s, const char *name)
{
    int i = fw_cfg_file_index(s, name);
    return i < 0 ? NULL : s->low[FW_CFG_FILE_FIRST + i].data;
}

bool fw_cfg_add_user(FwCfg *s, const char *arg, Error **errp)
{
    static const char *const known[] = { "name", "file", "string", NULL };
    KeyVal *kv = keyval_parse(arg, "name", errp);
    if (!kv) {
        return false;
    }
    const char *name = keyval_get(kv, "name"), *file = keyval_get(kv, "file"), *text = keyval_get(kv, "string");
    GBytes *data = NULL;
    bool ok = keyval_finish(kv, "-fw_cfg", known, errp);
    if (ok && (!name || !file == !text)) {
        error_set(errp, "-fw_cfg %s: a name and either file=FILE or string=TEXT is wanted", arg);
        ok = false;
    }
    if (ok && strncmp(name, "opt/", 4)) {
        warn_report("-fw_cfg %s: names of the user's own items start with \"opt/\"; others may collide with firmware's", name);
    }
    if (ok && file) {
        data = datafile_load(file, FW_CFG_USER_FILE_MAX, errp);
    } else if (ok) {
        data = g_bytes_new(text, strlen(text));
    }
    ok = ok && data && fw_cfg_add_file(s, name, data, errp);
    if (data) {
        g_bytes_unref(data);
    }
    keyval_free(kv);
    return ok;
}

/* ---- the guest's side ---- */

static void fw_cfg_select(FwCfg *s, uint16_t key)
{
    s->key = key & FW_CFG_KEY_MASK;
    s->pos = 0;
    FwCfgItem *item = fw_cfg_item(s, s->key);
    if (item && item->select) {
        item->select(item->opaque);
    }
}

/* What is left of the selected item. */
static const uint8_t *fw_cfg_rest(FwCfg *s, size_t *len)
{
    FwCfgItem *item = fw_cfg_item(s, s->key);
    size_t size = 0;
    const uint8_t *data = item && item->data ? g_bytes_get_data(item->data, &size) : NULL;
    *len = s->pos < size ? size - s->pos : 0;
    return *len ? data + s->pos : NULL;
}

static void fw_cfg_advance(FwCfg *s, uint64_t n)
{
    s->pos = (uint32_t)MIN((uint64_t)s->pos + n, (uint64_t)UINT32_MAX);
}

static uint64_t fw_cfg_read(void *opaque, hwaddr off, unsigned size)
{
    FwCfg *s = opaque;
    size_t left;
    (void)size;
    if (off != 1) {
        return 0xff; /* the selector cannot be read */
    }
    const uint8_t *p = fw_cfg_rest(s, &left);
    fw_cfg_advance(s, left ? 1 : 0);
    return p ? *p : 0;
}

static void fw_cfg_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    if (off == 0 && size == 2) {
        fw_cfg_select(opaque, (uint16_t)val);
    }
}

static const MemOps fw_cfg_ops = { .read = fw_cfg_read, .write = fw_cfg_write, .min_size = 1, .max_size = 2,
                                   .unaligned = true };

/* Copies @len bytes of the item to @addr, zeroes beyond its end; false on a DMA error. */
static bool fw_cfg_dma_copy(FwCfg *s, uint64_t addr, uint32_t len)
{
    static const uint8_t zeroes[4096];
    size_t left;
    const uint8_t *p = fw_cfg_rest(s, &left);
    uint64_t n = MIN((uint64_t)len, (uint64_t)left);
    if (n && dma_write(s->dma_as, addr, p, n) != MEM_OK) {
        return false;
    }
    fw_cfg_advance(s, n);
    uint64_t rest = len - n;
    if (rest > FW_CFG_DMA_ZEROES_MAX) {
        log_guest(LOG_GUEST_ERROR, "fw_cfg: DMA read of 0x%x bytes of item 0x%x goes far beyond its end\n", len, s->key);
        return false;
    }
    for (addr += n; rest; addr += n, rest -= n) {
        n = MIN(rest, (uint64_t)sizeof(zeroes));
        if (dma_write(s->dma_as, addr, zeroes, n) != MEM_OK) {
            return false;
        }
    }
    return true;
}

/* Replaces @len bytes of a writable item; false when it is not, when they do not fit, or on a DMA error. */
static bool fw_cfg_dma_store(FwCfg *s, uint64_t addr, uint32_t len)
{
    FwCfgItem *item = fw_cfg_item(s, s->key);
    size_t left, size;
    if (!item || !item->written || !fw_cfg_rest(s, &left) || len > left) {
        return false;
    }
    const uint8_t *old = g_bytes_get_data(item->data, &size);
    uint8_t *copy = g_memdup2(old, size);
    if (dma_read(s->dma_as, addr, copy + s->pos, len) != MEM_OK) {
        g_free(copy);
        return false;
    }
    g_bytes_unref(item->data);
    item->data = g_bytes_new_take(copy, size);
    fw_cfg_advance(s, len);
    item->written(item->opaque, copy, size);
    return true;
}

static void fw_cfg_dma_run(FwCfg *s)
{
    uint8_t desc[DMA_DESCRIPTOR];
    uint64_t at = s->dma_addr;
    s->dma_addr = 0;
    if (dma_read(s->dma_as, at, desc, sizeof(desc)) != MEM_OK) {
        log_guest(LOG_GUEST_ERROR, "fw_cfg: DMA descriptor at 0x%" PRIx64 " is not in RAM\n", at);
        st_be32(desc, DMA_ERROR);
        dma_write(s->dma_as, at, desc, 4);
        return;
    }
    uint32_t control = ld_be32(desc), len = ld_be32(desc + 4), result = 0;
    uint64_t addr = ld_be64(desc + 8);
    if (control & DMA_SELECT) {
        fw_cfg_select(s, (uint16_t)(control >> 16));
    }
    if (control & DMA_READ) {
        result = fw_cfg_dma_copy(s, addr, len) ? 0 : DMA_ERROR;
    } else if (control & DMA_WRITE) {
        result = fw_cfg_dma_store(s, addr, len) ? 0 : DMA_ERROR;
    } else if (control & DMA_SKIP) {
        fw_cfg_advance(s, len);
    }
    st_be32(desc, result);
    dma_write(s->dma_as, at, desc, 4);
}

static uint64_t fw_cfg_dma_read(void *opaque, hwaddr off, unsigned size)
{
    (void)opaque;
    return bits(FW_CFG_DMA_SIGNATURE >> (8 * (8 - off - size)), 0, 8 * size);
}

static void fw_cfg_dma_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    FwCfg *s = opaque;
    if (size == 8) {
        s->dma_addr = val;
        fw_cfg_dma_run(s);
    } else if (size == 4 && off == 0) {
        s->dma_addr = val << 32;
    } else if (size == 4 && off == 4) {
        s->dma_addr |= (uint32_t)val;
        fw_cfg_dma_run(s);
    }
}

static const MemOps fw_cfg_dma_ops = { .read = fw_cfg_dma_read, .write = fw_cfg_dma_write, .min_size = 1, .max_size = 8,
                                       .big_endian = true };

/* ---- device ---- */

static bool fw_cfg_realize(Device *dev, Error **errp)
{
    FwCfg *s = container_of(dev, FwCfg, dev);
    (void)errp;
    mem_init_io(&s->ports, &fw_cfg_ops, s, "fwcfg", 2);
    mem_init_io(&s->dma_ports, &fw_cfg_dma_ops, s, "fwcfg.dma", 8);
    mem_add(s->io, FW_CFG_PORT, &s->ports);
    mem_add(s->io, FW_CFG_DMA_PORT, &s->dma_ports);
    fw_cfg_add(s, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_add_u32(s, FW_CFG_ID, 3); /* ports and DMA */
    fw_cfg_build_directory(s);
    return true;
}

static void fw_cfg_clear_items(FwCfgItem *items, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (items[i].data) {
            g_bytes_unref(items[i].data);
            items[i].data = NULL;
        }
    }
}

static void fw_cfg_unrealize(Device *dev)
{
    FwCfg *s = container_of(dev, FwCfg, dev);
    mem_destroy(&s->ports);
    mem_destroy(&s->dma_ports);
    fw_cfg_clear_items(s->low, FW_CFG_LOW_KEYS);
    fw_cfg_clear_items(s->arch, FW_CFG_ARCH_KEYS);
    for (; s->files; s->files--) {
        g_free(s->names[s->files - 1]);
    }
}

static void fw_cfg_reset(Device *dev)
{
    FwCfg *s = container_of(dev, FwCfg, dev);
    s->dma_addr = 0;
    fw_cfg_select(s, FW_CFG_SIGNATURE);
}

static bool fw_cfg_post_load(void *opaque, int version, Error **errp)
{
    FwCfg *s = opaque;
    (void)version;
    (void)errp;
    s->key &= FW_CFG_KEY_MASK;
    return true;
}

static const VMStateField fw_cfg_fields[] = {
    VMS_UINT(FwCfg, key), VMS_UINT(FwCfg, pos), VMS_UINT(FwCfg, dma_addr), VMS_END,
};
static const VMState fw_cfg_state = { .name = "fw_cfg", .version = 1, .fields = fw_cfg_fields,
                                      .post_load = fw_cfg_post_load };
static const DeviceClass fw_cfg_class = {
    .name = FW_CFG_CLASS, .desc = "Firmware configuration", .category = "Misc", .bus = BUS_SYSTEM, .size = sizeof(FwCfg),
    .state = &fw_cfg_state, .realize = fw_cfg_realize, .reset = fw_cfg_reset, .unrealize = fw_cfg_unrealize,
};
DEVICE_REGISTER(fw_cfg_class);

FwCfg *fw_cfg_create(Bus *root, MemRegion *io, AddressSpace *dma_as, Error **errp)
{
    Device *dev = device_new(&fw_cfg_class);
    FwCfg *s = container_of(dev, FwCfg, dev);
    s->io = io;
    s->dma_as = dma_as;
    if (!device_realize(dev, root, errp)) {
        device_free(dev);
        return NULL;
    }
    return s;
}
