/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's address spaces as a tree of regions, rendered into a sorted flat view.
 *
 * Changing the tree: under the big lock, between mem_transaction_begin() and _commit()
 * when several changes belong together (each call alone is its own transaction).  A commit
 * renders the flat views anew and tells the listeners.  Reading: RAM accesses through
 * address_space_*() need no lock (RCU); I/O handlers run under the big lock, which the
 * dispatcher takes when the caller does not hold it.
 *
 * Where regions overlap inside one container, the higher priority wins; at equal priority
 * the one added later.  Addresses are unsigned 64-bit; a region of size 2^64 is not
 * representable: address spaces' roots use MEM_SIZE_MAX (2^64 - 1).
 */
#ifndef SYSTEM_MEMORY_H
#define SYSTEM_MEMORY_H

#include "util/error.h"

typedef uint64_t hwaddr;
#define MEM_SIZE_MAX UINT64_MAX

typedef struct MemRegion MemRegion;
typedef struct AddressSpace AddressSpace;
typedef struct FlatView FlatView;
typedef struct RamBlock RamBlock;

typedef enum MemResult {
    MEM_OK,
    MEM_UNASSIGNED, /* nobody there: reads gave all ones */
    MEM_REJECTED,   /* ROM written, size refused, or not RAM where only RAM is allowed */
} MemResult;

/*
 * Handlers of an I/O region.  @off is the offset inside the region, @size 1, 2, 4 or 8 and
 * within [min_size, max_size]; @off is aligned to @size unless `unaligned`.  Wider accesses
 * are split (low address first), narrower reads are widened to an aligned min_size unit and cut,
 * narrower writes arrive with the other bytes of the unit zero.  With `exact`, accesses outside
 * [min_size, max_size] never reach the handlers: reads give all ones, writes are ignored.
 * Values are little-endian numbers (bit 0..7 is the byte at the lowest address) unless `big_endian`.
 *
 * A CPU's access belongs to the region where it begins when it lies within that region in a size that the region
 * takes, even where a smaller region of higher priority covers its later bytes (the doubleword at port 0xcf8, with the
 * reset control byte at 0xcf9 inside it).  Otherwise it is split at the borders of what is seen.
 */
typedef struct MemOps {
    uint64_t (*read)(void *opaque, hwaddr off, unsigned size);  /* NULL: reads give all ones */
    void (*write)(void *opaque, hwaddr off, uint64_t val, unsigned size); /* NULL: ignored */
    uint8_t min_size; /* 0 means 1 */
    uint8_t max_size; /* 0 means 4 */
    bool unaligned;
    bool exact;
    bool big_endian;
} MemOps;

typedef enum MemKind {
    MEM_CONTAINER,
    MEM_IO,
    MEM_RAM,
    MEM_ROM,        /* reads from RAM, writes ignored */
    MEM_ROM_DEVICE, /* reads from RAM, writes go to ops */
    MEM_ALIAS,
} MemKind;

/* A write that only signals: of @size bytes (0: any) at @off of its region, and with @match of exactly @data. */
typedef struct MemIoeventfd {
    hwaddr off;
    uint64_t data;
    uint32_t size;
    int fd;
    bool match;
    uint8_t zero[7];
} MemIoeventfd;

struct MemRegion {
    MemKind kind;
    const char *name; /* owned copy */
    uint64_t size;
    hwaddr addr; /* in parent */
    int priority;
    bool enabled;
    bool readonly; /* RAM seen through this region cannot be written */
    const MemOps *ops;
    void *opaque;
    RamBlock *ram;
    MemRegion *target; /* of an alias */
    hwaddr target_off;
    MemRegion *parent;
    GPtrArray *children; /* highest priority first */
    GArray *ioeventfds;  /* MemIoeventfd; NULL: none */
    bool coalesced;      /* writes may come late, in order, but before anything else of this guest's CPUs that exits */
};

/* Initialisers; no lock needed.  The owner embeds the region and calls mem_destroy() (which also unlinks it). */
void mem_init_container(MemRegion *r, const char *name, uint64_t size);
void mem_init_io(MemRegion *r, const MemOps *ops, void *opaque, const char *name, uint64_t size);
bool mem_init_ram(MemRegion *r, const char *name, uint64_t size, Error **errp); /* zeroed, size rounded up to pages */
struct RamSource;
/* As above, from where @src says (system/rammap.h). */
bool mem_init_ram_from(MemRegion *r, const char *name, uint64_t size, const struct RamSource *src, Error **errp);
bool mem_init_rom(MemRegion *r, const char *name, uint64_t size, Error **errp);
bool mem_init_rom_device(MemRegion *r, const MemOps *ops, void *opaque, const char *name, uint64_t size,
                         Error **errp);
void mem_init_alias(MemRegion *r, const char *name, MemRegion *target, hwaddr target_off, uint64_t size);
void mem_destroy(MemRegion *r);

/* The tree. */
void mem_transaction_begin(void);
void mem_transaction_commit(void);
void mem_add(MemRegion *parent, hwaddr at, MemRegion *child);               /* priority 0 */
void mem_add_prio(MemRegion *parent, hwaddr at, MemRegion *child, int prio); /* overlap intended */
void mem_remove(MemRegion *child); /* from its parent; fine when it has none */
void mem_set_enabled(MemRegion *r, bool enabled);
void mem_set_readonly(MemRegion *r, bool readonly);
void mem_set_addr(MemRegion *r, hwaddr at);
void mem_set_size(MemRegion *r, uint64_t size);
void mem_set_alias(MemRegion *r, MemRegion *target, hwaddr target_off);

/*
 * Doorbells: such a write adds 1 to eventfd @fd and does not reach the handlers; with KVM the guest does not even stop for it.
 * The owner reads the eventfd (fd_watch) and keeps it open until mem_del_ioeventfd() with the same arguments.
 */
void mem_add_ioeventfd(MemRegion *r, hwaddr off, unsigned size, bool match, uint64_t data, int fd);
void mem_del_ioeventfd(MemRegion *r, hwaddr off, unsigned size, bool match, uint64_t data, int fd);
/* For regions whose writes have no effect that the guest could notice at once (frame buffers as I/O, index registers). */
void mem_set_coalesced(MemRegion *r, bool on);

/* RAM of a RAM, ROM or ROM device region. */
uint8_t *mem_ram_ptr(const MemRegion *r); /* host address of offset 0; valid until mem_destroy() */

/* Dirty bitmaps, one per client and 4 KiB page.  Any thread, atomic. */
typedef enum DirtyClient { DIRTY_DISPLAY, DIRTY_CODE, DIRTY_MIGRATION, DIRTY_CLIENTS } DirtyClient;
void mem_set_dirty(const MemRegion *r, hwaddr off, uint64_t len); /* for all clients */
/* Was any page of the range dirty for @client?  Clears it.  Always true while the client does not track. */
bool mem_test_clear_dirty(const MemRegion *r, DirtyClient client, hwaddr off, uint64_t len);
/*
 * The same for each page: bit k of @bits (room for one bit a page that the range touches) says whether the range's k-th page
 * was dirty.  True when any was.  On return every later write to pages that were cleared is sure to be noted (or they
 * count as dirty again already): look at the bytes after the call.  Big lock; waits, mostly for microseconds and never for
 * long, until vCPUs have left code that writes past the bitmap.
 */
bool mem_take_dirty(const MemRegion *r, DirtyClient client, hwaddr off, uint64_t len, uint64_t *bits);
/* While false (the default), writers do not report to that client.  Switched on, everything is dirty at first.  Big lock. */
void mem_set_dirty_tracking(const MemRegion *r, DirtyClient client, bool on);

/* Address spaces.  Roots are containers. */
struct AddressSpace {
    const char *name;
    MemRegion *root;
    FlatView *_Atomic view; /* RCU */
    GPtrArray *listeners;
};
void address_space_init(AddressSpace *as, MemRegion *root, const char *name);
void address_space_destroy(AddressSpace *as);

/*
 * Access of any length; splits at region borders.  Reads of nothing give all ones.  The result is the
 * worst of its parts.  @ram_only: I/O regions count as MEM_REJECTED (device DMA).
 */
MemResult address_space_read(AddressSpace *as, hwaddr addr, void *buf, uint64_t len);
MemResult address_space_write(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len);
MemResult dma_read(AddressSpace *as, hwaddr addr, void *buf, uint64_t len);
MemResult dma_write(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len);

/* One CPU or port access of 1, 2, 4 or 8 bytes, as a little-endian number. */
MemResult address_space_load(AddressSpace *as, hwaddr addr, unsigned size, uint64_t *val);
MemResult address_space_store(AddressSpace *as, hwaddr addr, unsigned size, uint64_t val);

/*
 * Direct access for CPUs' TLBs and zero-copy DMA: what lies at @addr.
 * RAM: host address of @addr and how many bytes follow it contiguously in this range.
 * The pointer stays valid until the next flat view change that a listener is told of.
 */
typedef struct MemLookup {
    uint8_t *host;     /* NULL: not RAM or ROM */
    bool writable;     /* plain RAM: may be written through @host (then mem_lookup_dirty) */
    bool rom;          /* reads may use @host, writes must go through address_space_store */
    uint64_t avail;    /* bytes from @addr to the end of the range */
    RamBlock *ram;     /* for dirty tracking and the code cache; NULL: not RAM or ROM */
    uint64_t ram_off;  /* of @addr in @ram */
} MemLookup;
MemLookup address_space_lookup(AddressSpace *as, hwaddr addr);

/*
 * RAM blocks: what a page of guest code is keyed by.  code_page has one byte a page: non-zero means that
 * decoded or translated code comes from this page, so that writers through a host pointer must call
 * ram_written() after the write.  That steps code_gen[page], which every cached block compares on entry.
 */
struct RamBlock {
    const char *name;
    uint8_t *host;
    uint64_t size;           /* bytes, whole pages */
    int fd;                  /* memfd; -1: anonymous */
    unsigned id;             /* small number, unique while the block lives */
    atomic_uchar *code_page; /* one a 4 KiB page */
    atomic_uchar *direct_writers; /* one a page: bits of vCPUs that may hold a host pointer to write it through; the accelerator's */
    atomic_uint *code_gen;   /* one a 4 KiB page: stepped whenever a page with code_page set is written */
    _Atomic uint64_t *dirty[DIRTY_CLIENTS]; /* bitmap; NULL: never tracked */
    atomic_uint tracking;    /* bit per DirtyClient */
};

/*
 * Called (any thread) when a page with code_page set is written by a device, DMA or a CPU; set by the accelerator.
 * It must not take the big lock or wait: the caller may be inside an RCU section.  The write is done already; whoever
 * sets code_page does so before it reads the bytes, with a full fence between the two.
 */
typedef void RamCodeWritten(RamBlock *ram, uint64_t off, uint64_t len);
void ram_set_code_hook(RamCodeWritten *hook);
/* Steps code_gen of each page of the range with code_page set; then, if there was one, calls the hook once. */
void ram_code_written(RamBlock *ram, uint64_t off, uint64_t len);
/* After a write through a host pointer: dirty bits of clients that track, and the code hook.  Cheap when none. */
void ram_written(RamBlock *ram, uint64_t off, uint64_t len);

/*
 * The accelerator's part in dirty bitmaps.  @collect: before a range's bits are read, for who keeps a log elsewhere (a kernel);
 * it reports with ram_written().  @cleared: bits of the range were cleared; when it returns, nobody writes there without
 * ram_written() while ram_write_is_noted() does not say that no report is due; false: that could not be had in time, and the
 * bits are set again.  Each may be NULL.  Big lock held.
 */
typedef struct RamDirtyHooks {
    void (*collect)(RamBlock *ram, uint64_t off, uint64_t len);
    bool (*cleared)(RamBlock *ram, uint64_t off, uint64_t len);
} RamDirtyHooks;
void ram_set_dirty_hooks(const RamDirtyHooks *hooks); /* NULL: none */
/* The page is dirty already for each client that tracks: more writes need no report until bits are cleared. */
bool ram_write_is_noted(const RamBlock *ram, uint64_t off);

/* Listeners, under the big lock. */
typedef struct MemListener {
    void (*commit)(struct MemListener *l, AddressSpace *as); /* at each commit that changed the view of @as */
    void (*tracking)(struct MemListener *l, AddressSpace *as, RamBlock *ram); /* @ram->tracking changed; may be NULL */
} MemListener;
void mem_listener_add(AddressSpace *as, MemListener *l);
void mem_listener_remove(AddressSpace *as, MemListener *l);

/* Visits the flat ranges in order of address, for listeners (KVM slots) and `info mtree -f`. */
typedef struct FlatRangeInfo {
    hwaddr addr;
    uint64_t size;
    MemRegion *region; /* the leaf */
    hwaddr region_off;
    bool readonly;
} FlatRangeInfo;
void address_space_each_range(AddressSpace *as, void (*fn)(void *opaque, const FlatRangeInfo *r), void *opaque);

void mem_print_tree(AddressSpace *as, GString *out);

#endif
