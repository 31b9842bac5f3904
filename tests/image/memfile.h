/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files in memory for the tests of formats: a protocol driver "test-mem" whose option name= says which one.  Every
 * write, flush and cut may be recorded, and any request or event can be made to fail.
 */
#ifndef TESTS_IMAGE_MEMFILE_H
#define TESTS_IMAGE_MEMFILE_H

#include "block/block-int.h"

typedef enum MemKind { MEM_WRITE, MEM_ZERO, MEM_TRUNCATE, MEM_FLUSH, MEM_MARK } MemKind;

typedef struct MemRecord {
    MemKind kind;
    uint64_t off, len; /* MARK: off is the caller's number */
    uint8_t *data;     /* WRITE */
    const struct MemFile *file;
} MemRecord;

typedef struct MemFile {
    char *name;
    uint8_t *data;
    uint64_t len, room;
    GArray *log;            /* MemRecord; NULL: not recording */
    bool log_lent;          /* it is another's */
    _Atomic int64_t fuse;   /* counts down with each write, flush and event; the request that makes it 0 fails with @error */
    bool fuse_stays;        /* and all after it */
    int error;
    _Atomic uint64_t fused; /* requests and events seen */
    uint64_t limit;         /* writes beyond it fail with -ENOSPC; 0: none */
} MemFile;

MemFile *memfile_new(const char *name);  /* empty; replaces one of the same name */
MemFile *memfile_from(const char *name, const void *data, uint64_t len);
void memfile_free(MemFile *m);
void memfile_record(MemFile *m, bool on); /* on: a new, empty record */
/* Records into the log of @to, in one order with it; @to lives longer. */
void memfile_record_with(MemFile *m, MemFile *to);
void memfile_mark(MemFile *m, uint64_t number);
/* Does what a record says to a buffer that has room for @room bytes. */
void mem_apply(uint8_t *data, uint64_t *len, uint64_t room, const MemRecord *r);
void memfile_save(const MemFile *m, const char *path);

/* An image in a memory file.  @create: "cluster_size=4k,..." (size= too); false and the error printed when it fails. */
bool mem_create(MemFile *m, const char *create);
/* @more: options ("backing=NODE,l2-cache-size=64k"), may be "". NULL and *errp on failure. */
BlockNode *mem_open(MemFile *m, const char *format, const char *more, const BlockOpen *how, Error **errp);
/* As mem_open for writing; ends the program with the error when it fails. */
BlockNode *mem_open_rw(MemFile *m, const char *format, const char *more);

typedef struct MemCheck {
    uint64_t corruptions, leaks, errors;
    GString *text;
    const char *opts; /* given: as mem_open's @more */
} MemCheck;
/* Opens, checks (and repairs with @fix), closes.  False: it cannot be opened or checked; text says why. */
bool mem_check(MemFile *m, unsigned fix, MemCheck *out);

/* A generator with its own state, for fixed seeds. */
typedef struct Rng { uint64_t s; } Rng;
static inline uint64_t rng(Rng *r)
{
    r->s ^= r->s << 13;
    r->s ^= r->s >> 7;
    r->s ^= r->s << 17;
    return r->s * 0x2545f4914f6cdd1dull >> 11;
}
static inline uint64_t rng_below(Rng *r, uint64_t n)
{
    return n ? rng(r) % n : 0;
}
void rng_fill(Rng *r, void *buf, size_t len);

#endif
