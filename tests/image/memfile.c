/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/osdep.h"
#include "tests/image/memfile.h"
#include "block/opts-int.h"

#include <pthread.h>

static GHashTable *files;
static pthread_mutex_t files_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- The files ------------------------------------------------------------------------------------------------------- */

static void log_clear(MemFile *m)
{
    if (m->log_lent) {
        m->log = NULL;
        m->log_lent = false;
    }
    for (unsigned i = 0; m->log && i < m->log->len; i++) {
        g_free(g_array_index(m->log, MemRecord, i).data);
    }
    if (m->log) {
        g_array_free(m->log, TRUE);
        m->log = NULL;
    }
}

static void memfile_destroy(void *p)
{
    MemFile *m = p;
    log_clear(m);
    g_free(m->name);
    free(m->data);
    g_free(m);
}

MemFile *memfile_new(const char *name)
{
    MemFile *m = g_new0(MemFile, 1);
    m->name = g_strdup(name);
    if (!files) {
        files = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, memfile_destroy);
    }
    g_hash_table_replace(files, m->name, m);
    return m;
}

static void reserve(MemFile *m, uint64_t len)
{
    if (len > m->room) {
        uint64_t room = MAX(len + len / 2, 65536);
        m->data = realloc(m->data, room);
        memset(m->data + m->room, 0, room - m->room);
        m->room = room;
    }
}

MemFile *memfile_from(const char *name, const void *data, uint64_t len)
{
    MemFile *m = memfile_new(name);
    reserve(m, len);
    memcpy(m->data, data, len);
    m->len = len;
    return m;
}

void memfile_free(MemFile *m)
{
    g_hash_table_remove(files, m->name);
}

void memfile_record(MemFile *m, bool on)
{
    log_clear(m);
    m->log = on ? g_array_new(FALSE, FALSE, sizeof(MemRecord)) : NULL;
}

static void record(MemFile *m, MemKind kind, uint64_t off, uint64_t len, const void *data)
{
    if (m->log) {
        MemRecord r = { kind, off, len, g_memdup2(data, data ? len : 0), m };
        g_array_append_val(m->log, r);
    }
}

void memfile_record_with(MemFile *m, MemFile *to)
{
    log_clear(m);
    m->log = to->log;
    m->log_lent = true;
}

void memfile_mark(MemFile *m, uint64_t number)
{
    pthread_mutex_lock(&files_lock);
    record(m, MEM_MARK, number, 0, NULL);
    pthread_mutex_unlock(&files_lock);
}

void mem_apply(uint8_t *data, uint64_t *len, uint64_t room, const MemRecord *r)
{
    if (r->kind == MEM_TRUNCATE && r->off <= room) {
        if (r->off < *len) {
            memset(data + r->off, 0, *len - r->off);
        }
        *len = r->off;
    } else if ((r->kind == MEM_WRITE || r->kind == MEM_ZERO) && r->off + r->len <= room) {
        if (r->kind == MEM_WRITE) {
            memcpy(data + r->off, r->data, r->len);
        } else {
            memset(data + r->off, 0, r->len);
        }
        *len = MAX(*len, r->off + r->len);
    }
}

void memfile_save(const MemFile *m, const char *path)
{
    Error *err = NULL;
    GError *g = NULL;
    (void)err;
    if (!g_file_set_contents(path, (const char *)m->data, (gssize)m->len, &g)) {
        fprintf(stderr, "%s\n", g->message);
        exit(1);
    }
}

/* ---- The driver ------------------------------------------------------------------------------------------------------- */

typedef struct MemNode {
    MemFile *m;
} MemNode;

static int fuse(MemFile *m)
{
    atomic_fetch_add(&m->fused, 1);
    int64_t left = atomic_load(&m->fuse);
    if (left <= 0 && !(m->fuse_stays && left < 0)) {
        return 0;
    }
    if (left < 0) {
        return m->error;
    }
    left = atomic_fetch_sub(&m->fuse, 1) - 1;
    if (left == 0 && m->fuse_stays) {
        atomic_store(&m->fuse, -1);
    }
    return left == 0 ? m->error : 0;
}

static int mem_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    MemFile *m = ((MemNode *)n->opaque)->m;
    pthread_mutex_lock(&files_lock);
    uint64_t have = off < m->len ? MIN(len, m->len - off) : 0;
    if (have) {
        block_iov_from_buf(iov, niov, 0, m->data + off, have);
    }
    if (have < len) {
        block_iov_zero(iov, niov, have, len - have);
    }
    pthread_mutex_unlock(&files_lock);
    return 0;
}

static int mem_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    MemFile *m = ((MemNode *)n->opaque)->m;
    int ret = fuse(m);
    if (ret < 0) {
        return ret;
    }
    if ((m->limit && off + len > m->limit) || off + len > 4 * GiB) {
        return -ENOSPC;
    }
    pthread_mutex_lock(&files_lock);
    reserve(m, off + len);
    block_iov_to_buf(iov, niov, 0, m->data + off, len);
    m->len = MAX(m->len, off + len);
    atomic_store(&n->size, m->len);
    record(m, MEM_WRITE, off, len, m->data + off);
    pthread_mutex_unlock(&files_lock);
    return 0;
}

static int mem_zero(BlockNode *n, uint64_t off, uint64_t len, bool grow)
{
    MemFile *m = ((MemNode *)n->opaque)->m;
    int ret = fuse(m);
    if (ret < 0) {
        return ret;
    }
    pthread_mutex_lock(&files_lock);
    uint64_t end = grow ? off + len : MIN(off + len, m->len);
    if (end > off && end <= (m->limit ? m->limit : 4 * GiB)) {
        reserve(m, end);
        memset(m->data + off, 0, end - off);
        m->len = MAX(m->len, end);
        atomic_store(&n->size, m->len);
        record(m, MEM_ZERO, off, end - off, NULL);
    }
    pthread_mutex_unlock(&files_lock);
    return 0;
}

static int mem_pwrite_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    (void)flags;
    return mem_zero(n, off, len, true);
}

static int mem_pdiscard(BlockNode *n, uint64_t off, uint64_t len)
{
    return mem_zero(n, off, len, false);
}

static int mem_flush(BlockNode *n)
{
    MemFile *m = ((MemNode *)n->opaque)->m;
    int ret = fuse(m);
    if (ret == 0) {
        pthread_mutex_lock(&files_lock);
        record(m, MEM_FLUSH, 0, 0, NULL);
        pthread_mutex_unlock(&files_lock);
    }
    return ret;
}

static int mem_event(BlockNode *n, const char *event)
{
    (void)event;
    return fuse(((MemNode *)n->opaque)->m);
}

static bool mem_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    MemFile *m = ((MemNode *)n->opaque)->m;
    (void)prealloc;
    int ret = size > (m->limit ? m->limit : 4 * GiB) ? -ENOSPC : fuse(m);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot resize");
        return false;
    }
    pthread_mutex_lock(&files_lock);
    reserve(m, size);
    if (size < m->len) {
        memset(m->data + size, 0, m->len - size);
    }
    m->len = size;
    atomic_store(&n->size, m->len);
    record(m, MEM_TRUNCATE, size, 0, NULL);
    pthread_mutex_unlock(&files_lock);
    return true;
}

static bool mem_open_driver(BlockNode *n, BlockOpts *o, Error **errp)
{
    MemNode *s = n->opaque;
    s->m = files ? g_hash_table_lookup(files, block_opt_str(o, "name")) : NULL;
    if (!s->m) {
        error_set(errp, "no memory file '%s'", block_opt_str(o, "name"));
        return false;
    }
    n->size = s->m->len;
    return true;
}

static const BlockOpt mem_options[] = { { "name", BLOCK_OPT_STRING, "", NULL, "which" }, { NULL, 0, NULL, NULL, NULL } };

static const BlockDriver block_test_mem = {
    .name = "test-mem",
    .opaque_size = sizeof(MemNode),
    .protocol = true,
    .grows = true,
    .options = mem_options,
    .open = mem_open_driver,
    .preadv = mem_preadv,
    .pwritev = mem_pwritev,
    .pwrite_zeroes = mem_pwrite_zeroes,
    .pdiscard = mem_pdiscard,
    .flush = mem_flush,
    .truncate = mem_truncate,
    .event = mem_event,
};
BLOCK_DRIVER_REGISTER(block_test_mem)

/* ---- Images in them ---------------------------------------------------------------------------------------------------- */

static BlockNode *open_text(const char *text, const BlockOpen *how, Error **errp)
{
    KeyVal *kv = block_opts_from_text(text, errp);
    BlockNode *n = kv ? block_open_opts(kv, how, errp) : NULL;
    keyval_free(kv);
    return n;
}

bool mem_create(MemFile *m, const char *create)
{
    Error *err = NULL;
    BlockOpen how = { .discard = true };
    const BlockDriver *drv = block_driver_find("qcow2");
    char *file = g_strdup_printf("driver=test-mem,name=%s", m->name);
    BlockNode *n = open_text(file, &how, &err);
    KeyVal *kv = n ? block_opts_from_text(create, &err) : NULL;
    BlockOpts *o = kv ? block_opts_parse(drv->format->create_opts, kv, "create", &err) : NULL;
    bool ok = o && drv->format->create(n, m->name, o, &err);
    if (!ok) {
        fprintf(stderr, "create %s: %s\n", create, error_message(err));
        error_free(err);
    }
    block_opts_free(o);
    keyval_free(kv);
    block_node_unref(n);
    g_free(file);
    return ok;
}

BlockNode *mem_open(MemFile *m, const char *format, const char *more, const BlockOpen *how, Error **errp)
{
    char *text = g_strdup_printf("driver=%s,file.driver=test-mem,file.name=%s%s%s", format, m->name, *more ? "," : "", more);
    BlockNode *n = open_text(text, how, errp);
    g_free(text);
    return n;
}

BlockNode *mem_open_rw(MemFile *m, const char *format, const char *more)
{
    BlockOpen how = { .discard = true };
    Error *err = NULL;
    BlockNode *n = mem_open(m, format, more, &how, &err);
    if (!n) {
        fprintf(stderr, "open %s (%s): %s\n", m->name, more, error_message(err));
        exit(1);
    }
    return n;
}

static void check_say(void *opaque, const char *line)
{
    MemCheck *c = opaque;
    if (c->text->len < 4000) {
        g_string_append_printf(c->text, "%s\n", line);
    }
}

bool mem_check(MemFile *m, unsigned fix, MemCheck *out)
{
    BlockOpen how = { .readonly = !fix, .for_check = true, .no_backing = true };
    Error *err = NULL;
    out->text = out->text ? g_string_truncate(out->text, 0) : g_string_new(NULL);
    BlockNode *n = mem_open(m, "qcow2", out->opts ? out->opts : "", &how, &err);
    BlockCheck c = { .say = check_say, .opaque = out };
    bool ok = n && block_node_check(n, fix, NULL, &c, &err);
    if (!ok) {
        g_string_append(out->text, error_message(err));
        error_free(err);
    }
    block_node_unref(n);
    out->corruptions = c.corruptions;
    out->leaks = c.leaks;
    out->errors = c.check_errors;
    return ok;
}

void rng_fill(Rng *r, void *buf, size_t len)
{
    uint8_t *p = buf;
    uint64_t v = rng(r);
    for (size_t i = 0; i < len; i++) {
        p[i] = (uint8_t)(v >> (i % 6 * 8));
        if (i % 64 == 63) {
            v = rng(r);
        }
    }
}
