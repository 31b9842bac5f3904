/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses to an address space: find the range, then RAM directly or a region's handlers, with sizes split, merged
 * and widened to what the region declares and byte order applied, once for everybody.
 *
 * Any thread.  RAM is reached inside an RCU section (or under the big lock, under which views do not change);
 * handlers run under the big lock, taken here when the caller does not hold it, and the look-up is done again under
 * it.  After a handler nothing of the view is used: the handler may have changed the tree.
 */
#include "util/osdep.h"
#include "system/memory-int.h"

#include "util/bytes.h"
#include "util/log.h"
#include "util/mainloop.h"

static inline uint64_t dispatch_mask(unsigned size)
{
    return ~(uint64_t)0 >> (64 - 8 * size);
}

static inline MemResult dispatch_worse(MemResult a, MemResult b)
{
    return a > b ? a : b;
}

/* A stay inside the view: RCU, unless the big lock does as well. */
static inline bool dispatch_enter(void)
{
    bool rcu = !bql_held();
    if (rcu) {
        rcu_lock();
    }
    return rcu;
}

static inline void dispatch_leave(bool rcu)
{
    if (rcu) {
        rcu_unlock();
    }
}

static inline bool dispatch_bql_take(void)
{
    bool taken = !bql_held();
    if (taken) {
        bql_lock();
    }
    return taken;
}

static inline void dispatch_bql_give(bool taken)
{
    if (taken) {
        bql_unlock();
    }
}

static inline bool dispatch_reads_ram(const FlatRange *r)
{
    return r->host != NULL;
}

static inline bool dispatch_writes_ram(const FlatRange *r)
{
    return r->kind == MEM_RAM && !r->readonly;
}

/* Handlers. */

/* One call of a handler: @size bytes at @off, of which those from @skip on are @take wanted ones. */
typedef struct DispatchUnit {
    hwaddr off;
    unsigned size, skip, take;
} DispatchUnit;

static DispatchUnit dispatch_unit(const MemOps *ops, hwaddr off, unsigned left)
{
    unsigned min = ops->min_size ? ops->min_size : 1, size = ops->max_size ? ops->max_size : 4;
    while (size > left) {
        size >>= 1;
    }
    while (!ops->unaligned && (off & (size - 1))) {
        size >>= 1;
    }
    if (size >= min) {
        return (DispatchUnit){ .off = off, .size = size, .skip = 0, .take = size };
    }
    unsigned skip = (unsigned)(off & (min - 1));
    return (DispatchUnit){ .off = off - skip, .size = min, .skip = skip, .take = MIN(left, min - skip) };
}

/* Does a region with `exact` refuse this access? */
static bool dispatch_refused(const MemOps *ops, hwaddr off, unsigned size)
{
    if (!ops->exact) {
        return false;
    }
    unsigned min = ops->min_size ? ops->min_size : 1, max = ops->max_size ? ops->max_size : 4;
    if (size < min || size > max) {
        return true;
    }
    return !ops->unaligned && (off & (min - 1));
}

static uint64_t dispatch_swap(uint64_t v, unsigned size)
{
    return GUINT64_SWAP_LE_BE(v) >> (64 - 8 * size);
}

/* What the handlers of an I/O region need; copied, since the region may go away during a handler. */
typedef struct DispatchIo {
    const MemOps *ops;
    void *opaque;
    uint64_t region_size;
    hwaddr off;
    const GArray *ioeventfds;
} DispatchIo;

static DispatchIo dispatch_io(const FlatRange *r, hwaddr addr)
{
    return (DispatchIo){ .ops = r->region->ops, .opaque = r->region->opaque, .region_size = r->region->size,
                         .off = r->region_off + (addr - r->addr), .ioeventfds = r->region->ioeventfds };
}

/* A doorbell that was rung; where an accelerator hands these to the kernel, only those come here that it did not take. */
static bool dispatch_ring(const DispatchIo *io, unsigned size, uint64_t val)
{
    for (unsigned i = 0; i < io->ioeventfds->len; i++) {
        const MemIoeventfd *e = &g_array_index(io->ioeventfds, MemIoeventfd, i);
        if (e->off == io->off && (!e->size || e->size == size) && (!e->match || e->data == (val & dispatch_mask(size)))) {
            uint64_t one = 1;
            return write(e->fd, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN; /* full: rung already */
        }
    }
    return false;
}

/* The usual case: the access is one call of the handler as it is. */
static inline bool dispatch_is_one_call(const DispatchIo *io, unsigned size)
{
    const MemOps *ops = io->ops;
    return size >= ops->min_size && size <= (ops->max_size ? ops->max_size : 4) && !ops->big_endian &&
           (!(io->off & (size - 1)) || ops->unaligned) && size <= io->region_size &&
           io->off <= io->region_size - size;
}

static MemResult dispatch_io_read(DispatchIo io, unsigned size, uint64_t *val)
{
    const MemOps *ops = io.ops;
    if (ops->read && dispatch_is_one_call(&io, size)) {
        *val = ops->read(io.opaque, io.off, size) & dispatch_mask(size);
        return MEM_OK;
    }
    MemResult result = MEM_OK;
    uint64_t all = 0;
    *val = dispatch_mask(size);
    if (dispatch_refused(ops, io.off, size)) {
        return MEM_REJECTED;
    }
    if (!ops->read) {
        return MEM_OK;
    }
    for (unsigned done = 0; done < size;) {
        DispatchUnit u = dispatch_unit(ops, io.off + done, size - done);
        uint64_t v = dispatch_mask(u.size);
        if (u.size <= io.region_size && u.off <= io.region_size - u.size) {
            v &= ops->read(io.opaque, u.off, u.size);
        } else {
            result = MEM_REJECTED; /* the region ends within its own smallest unit */
        }
        if (ops->big_endian) {
            v = dispatch_swap(v, u.size);
        }
        all |= (v >> (8 * u.skip) & dispatch_mask(u.take)) << (8 * done);
        done += u.take;
    }
    *val = all;
    return result;
}

static MemResult dispatch_io_write(DispatchIo io, unsigned size, uint64_t val)
{
    const MemOps *ops = io.ops;
    if (G_UNLIKELY(io.ioeventfds) && dispatch_ring(&io, size, val)) {
        return MEM_OK;
    }
    if (ops->write && dispatch_is_one_call(&io, size)) {
        ops->write(io.opaque, io.off, val & dispatch_mask(size), size);
        return MEM_OK;
    }
    MemResult result = MEM_OK;
    if (dispatch_refused(ops, io.off, size)) {
        return MEM_REJECTED;
    }
    if (!ops->write) {
        return MEM_OK;
    }
    for (unsigned done = 0; done < size;) {
        DispatchUnit u = dispatch_unit(ops, io.off + done, size - done);
        uint64_t v = (val >> (8 * done) & dispatch_mask(u.take)) << (8 * u.skip);
        if (ops->big_endian) {
            v = dispatch_swap(v, u.size);
        }
        if (u.size <= io.region_size && u.off <= io.region_size - u.size) {
            ops->write(io.opaque, u.off, v, u.size);
        } else {
            result = MEM_REJECTED;
        }
        done += u.take;
    }
    return result;
}

/*
 * Whether a CPU's access that begins in range @r goes to its region whole.  It does when it lies within the region,
 * in a size the region takes, even where a smaller region covers its later bytes: a chip selects on the address
 * where a cycle begins (the doubleword port 0xcf8 with the byte port 0xcf9 inside it).
 */
static bool dispatch_io_takes_whole(const FlatRange *r, hwaddr addr, unsigned size)
{
    hwaddr at = addr - r->addr;
    if (size <= r->size - at) {
        return true;
    }
    const MemOps *ops = r->region->ops;
    uint64_t left = r->region->size - (r->region_off + at);
    return size <= left && size <= (ops->max_size ? ops->max_size : 4);
}

/* Buffers. */

/* The longest aligned piece of at most 8 bytes and @len at @addr. */
static unsigned dispatch_piece(hwaddr addr, uint64_t len)
{
    unsigned size = 8;
    while (size > len || (addr & (size - 1))) {
        size >>= 1;
    }
    return size;
}

static void dispatch_log_nobody(const AddressSpace *as, const char *what, hwaddr addr, uint64_t len)
{
    log_guest(LOG_IOPORT, "%s: %s of %" PRIu64 " bytes at 0x%" PRIx64 ": nobody is there\n", as->name, what, len,
              addr);
}

/* What happened to the first @n bytes of a long access. */
typedef struct DispatchStep {
    uint64_t n;
    MemResult result;
} DispatchStep;

static DispatchStep dispatch_read_io(AddressSpace *as, hwaddr addr, uint8_t *buf, uint64_t len)
{
    DispatchStep step = { 0, MEM_OK };
    bool taken = dispatch_bql_take();
    const FlatRange *r = flatview_find(address_space_view(as), addr);
    if (r && !dispatch_reads_ram(r)) {
        unsigned size = dispatch_piece(addr, MIN(len, r->size - (addr - r->addr)));
        uint64_t val;
        step.result = dispatch_io_read(dispatch_io(r, addr), size, &val);
        st_le(buf, val, size);
        step.n = size;
    }
    dispatch_bql_give(taken);
    return step; /* n = 0: it became something else meanwhile */
}

static DispatchStep dispatch_write_io(AddressSpace *as, hwaddr addr, const uint8_t *buf, uint64_t len)
{
    DispatchStep step = { 0, MEM_OK };
    bool taken = dispatch_bql_take();
    const FlatRange *r = flatview_find(address_space_view(as), addr);
    if (r && (r->kind == MEM_IO || (r->kind == MEM_ROM_DEVICE && !r->readonly))) {
        unsigned size = dispatch_piece(addr, MIN(len, r->size - (addr - r->addr)));
        step.result = dispatch_io_write(dispatch_io(r, addr), size, ld_le(buf, size));
        step.n = size;
    }
    dispatch_bql_give(taken);
    return step;
}

static DispatchStep dispatch_read_step(AddressSpace *as, hwaddr addr, uint8_t *buf, uint64_t len, bool ram_only)
{
    bool rcu = dispatch_enter();
    const FlatView *v = address_space_view(as);
    const FlatRange *r = flatview_find(v, addr);
    DispatchStep step = { 0, MEM_OK };
    bool io = false;
    if (!r) {
        step.n = MIN(len, flatview_gap(v, addr));
        step.result = MEM_UNASSIGNED;
        memset(buf, 0xff, step.n);
    } else {
        hwaddr at = addr - r->addr;
        uint64_t n = MIN(len, r->size - at);
        if (dispatch_reads_ram(r)) {
            memcpy(buf, r->host + at, n);
            step.n = n;
        } else if (ram_only) {
            memset(buf, 0xff, n);
            step.n = n;
            step.result = MEM_REJECTED;
        } else {
            io = true;
        }
    }
    dispatch_leave(rcu);
    return io ? dispatch_read_io(as, addr, buf, len) : step;
}

static DispatchStep dispatch_write_step(AddressSpace *as, hwaddr addr, const uint8_t *buf, uint64_t len,
                                        bool ram_only)
{
    bool rcu = dispatch_enter();
    const FlatView *v = address_space_view(as);
    const FlatRange *r = flatview_find(v, addr);
    DispatchStep step = { 0, MEM_OK };
    bool io = false;
    if (!r) {
        step.n = MIN(len, flatview_gap(v, addr));
        step.result = MEM_UNASSIGNED;
    } else {
        hwaddr at = addr - r->addr;
        step.n = MIN(len, r->size - at);
        if (dispatch_writes_ram(r)) {
            memcpy(r->host + at, buf, step.n);
            ram_written(r->ram, r->region_off + at, step.n);
        } else if (ram_only || r->kind == MEM_RAM || r->kind == MEM_ROM || r->readonly) {
            step.result = MEM_REJECTED;
        } else {
            io = true;
        }
    }
    dispatch_leave(rcu);
    return io ? dispatch_write_io(as, addr, buf, len) : step;
}

static MemResult dispatch_read(AddressSpace *as, hwaddr addr, void *buf, uint64_t len, bool ram_only)
{
    MemResult result = MEM_OK;
    uint8_t *p = buf;
    while (len) {
        DispatchStep step = dispatch_read_step(as, addr, p, len, ram_only);
        result = dispatch_worse(result, step.result);
        addr += step.n;
        p += step.n;
        len -= step.n;
    }
    return result;
}

static MemResult dispatch_write(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len, bool ram_only)
{
    MemResult result = MEM_OK;
    const uint8_t *p = buf;
    while (len) {
        DispatchStep step = dispatch_write_step(as, addr, p, len, ram_only);
        result = dispatch_worse(result, step.result);
        addr += step.n;
        p += step.n;
        len -= step.n;
    }
    return result;
}

MemResult address_space_read(AddressSpace *as, hwaddr addr, void *buf, uint64_t len)
{
    return dispatch_read(as, addr, buf, len, false);
}

MemResult address_space_write(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len)
{
    return dispatch_write(as, addr, buf, len, false);
}

MemResult dma_read(AddressSpace *as, hwaddr addr, void *buf, uint64_t len)
{
    return dispatch_read(as, addr, buf, len, true);
}

MemResult dma_write(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len)
{
    return dispatch_write(as, addr, buf, len, true);
}

/* Single accesses. */

static inline bool dispatch_load_ram(const FlatRange *r, hwaddr addr, unsigned size, uint64_t *val)
{
    if (!r || !dispatch_reads_ram(r) || size > r->size - (addr - r->addr)) {
        return false;
    }
    *val = ld_le(r->host + (addr - r->addr), size);
    return true;
}

/* With the big lock held. */
static MemResult dispatch_load(AddressSpace *as, hwaddr addr, unsigned size, uint64_t *val)
{
    const FlatRange *r = flatview_find(address_space_view(as), addr);
    if (dispatch_load_ram(r, addr, size, val)) {
        return MEM_OK;
    }
    if (r && !dispatch_reads_ram(r) && dispatch_io_takes_whole(r, addr, size)) {
        return dispatch_io_read(dispatch_io(r, addr), size, val);
    }
    uint8_t buf[8];
    MemResult result = dispatch_read(as, addr, buf, size, false);
    *val = ld_le(buf, size);
    if (result == MEM_UNASSIGNED) {
        dispatch_log_nobody(as, "read", addr, size);
    }
    return result;
}

/* A whole access where nobody is: nothing to lock.  (Guests that look for hardware do many of these.) */
static bool dispatch_is_nowhere(const FlatView *v, const FlatRange *r, hwaddr addr, unsigned size)
{
    return !r && flatview_gap(v, addr) >= size;
}

MemResult address_space_load(AddressSpace *as, hwaddr addr, unsigned size, uint64_t *val)
{
    if (bql_held()) {
        return dispatch_load(as, addr, size, val);
    }
    rcu_lock();
    const FlatView *v = address_space_view(as);
    const FlatRange *r = flatview_find(v, addr);
    bool done = dispatch_load_ram(r, addr, size, val), nobody = !done && dispatch_is_nowhere(v, r, addr, size);
    rcu_unlock();
    if (done) {
        return MEM_OK;
    }
    if (nobody) {
        *val = dispatch_mask(size);
        dispatch_log_nobody(as, "read", addr, size);
        return MEM_UNASSIGNED;
    }
    bql_lock();
    MemResult result = dispatch_load(as, addr, size, val);
    bql_unlock();
    return result;
}

static inline bool dispatch_store_ram(const FlatRange *r, hwaddr addr, unsigned size, uint64_t val)
{
    if (!r || !dispatch_writes_ram(r) || size > r->size - (addr - r->addr)) {
        return false;
    }
    st_le(r->host + (addr - r->addr), val, size);
    ram_written(r->ram, r->region_off + (addr - r->addr), size);
    return true;
}

static MemResult dispatch_store(AddressSpace *as, hwaddr addr, unsigned size, uint64_t val)
{
    const FlatRange *r = flatview_find(address_space_view(as), addr);
    if (dispatch_store_ram(r, addr, size, val)) {
        return MEM_OK;
    }
    bool io = r && (r->kind == MEM_IO || (r->kind == MEM_ROM_DEVICE && !r->readonly));
    if (io && dispatch_io_takes_whole(r, addr, size)) {
        return dispatch_io_write(dispatch_io(r, addr), size, val & dispatch_mask(size));
    }
    uint8_t buf[8];
    st_le(buf, val, size);
    MemResult result = dispatch_write(as, addr, buf, size, false);
    if (result == MEM_UNASSIGNED) {
        dispatch_log_nobody(as, "write", addr, size);
    }
    return result;
}

MemResult address_space_store(AddressSpace *as, hwaddr addr, unsigned size, uint64_t val)
{
    if (bql_held()) {
        return dispatch_store(as, addr, size, val);
    }
    rcu_lock();
    const FlatView *v = address_space_view(as);
    const FlatRange *r = flatview_find(v, addr);
    bool done = dispatch_store_ram(r, addr, size, val), nobody = !done && dispatch_is_nowhere(v, r, addr, size);
    rcu_unlock();
    if (done) {
        return MEM_OK;
    }
    if (nobody) {
        dispatch_log_nobody(as, "write", addr, size);
        return MEM_UNASSIGNED;
    }
    bql_lock();
    MemResult result = dispatch_store(as, addr, size, val);
    bql_unlock();
    return result;
}

MemLookup address_space_lookup(AddressSpace *as, hwaddr addr)
{
    MemLookup l = { 0 };
    bool rcu = dispatch_enter();
    const FlatView *v = address_space_view(as);
    const FlatRange *r = flatview_find(v, addr);
    if (!r) {
        l.avail = flatview_gap(v, addr);
    } else {
        hwaddr at = addr - r->addr;
        l.avail = r->size - at;
        if (dispatch_reads_ram(r)) {
            l.host = r->host + at;
            l.writable = dispatch_writes_ram(r);
            l.rom = !l.writable;
            l.ram = r->ram;
            l.ram_off = r->region_off + at;
        }
    }
    dispatch_leave(rcu);
    return l;
}
