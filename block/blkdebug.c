/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blkdebug: a filter that fails requests by rules, for tests.  A format tells it of events (block_event); a rule inject-error
 * arms when its event happens in its state, and then fails the next requests that match its iotype and sector (once=on: one of
 * them); immediately=on fails the event itself; event "none" is armed from the start.  A rule set-state changes the state at
 * an event.  Rules come as options (inject-error.0.event=...) or from a file (config=) of sections with KEY = "VALUE".
 *
 * Threads: one mutex guards state and rules; requests are passed on without it.
 */
#include "util/osdep.h"
#include "block/opts-int.h"

#include <pthread.h>

enum { DEBUG_READ = 1, DEBUG_WRITE = 2, DEBUG_ZEROES = 4, DEBUG_DISCARD = 8, DEBUG_FLUSH = 16, DEBUG_STATUS = 32, DEBUG_ALL = 63 };
static const char *const debug_iotypes[] = { "read", "write", "write-zeroes", "discard", "flush", "block-status", NULL };

typedef struct DebugRule {
    bool inject; /* else set-state */
    char *event;
    uint64_t state, new_state; /* 0: any */
    unsigned iotypes;
    int error;
    uint64_t sector; /* UINT64_MAX: any */
    bool once, immediately, armed, spent;
} DebugRule;

/* A breakpoint: `stopped` requests wait at it; each resume lets one go. */
typedef struct DebugBreak {
    char *event, *tag;
    unsigned stopped, resumed;
    bool removed;
} DebugBreak;

typedef struct BlockDebug {
    GPtrArray *rules; /* DebugRule * */
    GPtrArray *breaks; /* DebugBreak * */
    pthread_cond_t changed; /* of a breakpoint */
    uint64_t state;
    pthread_mutex_t lock;
} BlockDebug;

static void debug_rule_free(void *p)
{
    DebugRule *r = p;
    g_free(r->event);
    g_free(r);
}

static void debug_break_free(void *p)
{
    DebugBreak *b = p;
    g_free(b->event);
    g_free(b->tag);
    g_free(b);
}

/* ---- Requests --------------------------------------------------------------------------------------------------- */

static int debug_check(BlockNode *n, unsigned iotype, uint64_t off, uint64_t len)
{
    BlockDebug *s = n->opaque;
    int ret = 0;
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->rules->len && ret == 0; i++) {
        DebugRule *r = s->rules->pdata[i];
        bool there = r->sector == UINT64_MAX || (r->sector >= off / BLK_SECTOR && r->sector * BLK_SECTOR < off + len);
        if (r->inject && r->armed && !r->spent && (r->iotypes & iotype) && there) {
            r->spent = r->once;
            ret = -r->error;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return ret;
}

/* With the lock, which is dropped while it waits.  The last one to leave a removed breakpoint frees it. */
static void debug_stop_at(BlockDebug *s, const char *event)
{
    for (unsigned i = 0; i < s->breaks->len; i++) {
        DebugBreak *b = s->breaks->pdata[i];
        if (strcmp(b->event, event)) {
            continue;
        }
        b->stopped++;
        pthread_cond_broadcast(&s->changed);
        while (!b->removed && b->resumed == 0) {
            pthread_cond_wait(&s->changed, &s->lock);
        }
        b->stopped--;
        b->resumed -= b->resumed > 0;
        if (b->removed && b->stopped == 0) {
            debug_break_free(b);
        }
        return;
    }
}

static int debug_event(BlockNode *n, const char *event)
{
    BlockDebug *s = n->opaque;
    int ret = 0;
    pthread_mutex_lock(&s->lock);
    debug_stop_at(s, event);
    uint64_t state = s->state;
    for (unsigned i = 0; i < s->rules->len; i++) {
        DebugRule *r = s->rules->pdata[i];
        if (strcmp(r->event, event) || (r->state && r->state != state) || r->spent) {
            continue;
        }
        if (!r->inject) {
            s->state = r->new_state;
        } else if (r->immediately) {
            r->spent = r->once;
            ret = ret ? ret : -r->error;
        } else {
            r->armed = true;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return ret;
}

static int debug_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    int ret = debug_check(n, DEBUG_READ, off, len);
    return ret ? ret : block_node_preadv(n->file, off, iov, niov, len);
}

static int debug_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    int ret = debug_check(n, DEBUG_WRITE, off, len);
    ret = ret ? ret : block_node_pwritev(n->file, off, iov, niov, len);
    block_node_grown(n, n->file->size);
    return ret;
}

static int debug_pwrite_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    int ret = debug_check(n, DEBUG_ZEROES, off, len);
    ret = ret ? ret : block_node_write_zeroes(n->file, off, len, flags);
    block_node_grown(n, n->file->size);
    return ret;
}

static int debug_pdiscard(BlockNode *n, uint64_t off, uint64_t len)
{
    int ret = debug_check(n, DEBUG_DISCARD, off, len);
    return ret ? ret : block_node_discard(n->file, off, len);
}

static int debug_flush(BlockNode *n)
{
    int ret = debug_check(n, DEBUG_FLUSH, 0, UINT64_MAX);
    return ret ? ret : block_node_flush(n->file);
}

static int debug_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    int ret = debug_check(n, DEBUG_STATUS, off, len);
    return ret ? ret : block_node_status(n->file, off, len, out);
}

static bool debug_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    bool ok = block_node_truncate(n->file, size, prealloc, errp);
    n->size = n->file->size;
    return ok;
}

/* ---- Rules -------------------------------------------------------------------------------------------------------- */

static const BlockOpt debug_inject_options[] = {
    { "event", BLOCK_OPT_STRING, "none", NULL, "arms at this event" },
    { "state", BLOCK_OPT_UINT, "0", NULL, "and in this state; 0: any" },
    { "iotype", BLOCK_OPT_STRING, NULL, NULL, "read, write, write-zeroes, discard, flush or block-status; without it all" },
    { "errno", BLOCK_OPT_UINT, "5", NULL, "number of the error" },
    { "sector", BLOCK_OPT_UINT, NULL, NULL, "only requests that touch this sector" },
    { "once", BLOCK_OPT_BOOL, "off", NULL, "one request only" },
    { "immediately", BLOCK_OPT_BOOL, "off", NULL, "the event itself fails" },
    { NULL },
};

static const BlockOpt debug_state_options[] = {
    { "event", BLOCK_OPT_STRING, NULL, NULL, "at this event" },
    { "state", BLOCK_OPT_UINT, "0", NULL, "and in this state; 0: any" },
    { "new_state", BLOCK_OPT_UINT, "1", NULL, "the next state" },
    { NULL },
};

static bool debug_rule_inject(DebugRule *r, const BlockOpts *o, Error **errp)
{
    const char *iotype = block_opt_str(o, "iotype");
    r->iotypes = iotype ? 0 : DEBUG_ALL;
    for (unsigned i = 0; iotype && debug_iotypes[i]; i++) {
        r->iotypes |= !strcmp(iotype, debug_iotypes[i]) ? 1u << i : 0;
    }
    if (!r->iotypes) {
        const char *near = suggest_nearest(iotype, debug_iotypes);
        error_set(errp, "blkdebug: iotype=%s is not one of read, write, write-zeroes, discard, flush, block-status", iotype);
        error_add_hint(errp, near ? "Did you mean iotype=%s?" : "Without iotype all kinds fail.", near);
        return false;
    }
    uint64_t number = block_opt_uint(o, "errno");
    if (number < 1 || number > 4095) {
        error_set(errp, "blkdebug: errno=%" PRIu64 " is not an error number from 1 to 4095", number);
        return false;
    }
    r->error = (int)number;
    r->sector = block_opt_given(o, "sector") ? block_opt_uint(o, "sector") : UINT64_MAX;
    r->once = block_opt_bool(o, "once");
    r->immediately = block_opt_bool(o, "immediately");
    r->armed = !strcmp(r->event, "none");
    return true;
}

static bool debug_add_rule(BlockDebug *s, bool inject, KeyVal *kv, Error **errp)
{
    BlockOpts *o = block_opts_parse(inject ? debug_inject_options : debug_state_options, kv,
                                    inject ? "blkdebug's inject-error" : "blkdebug's set-state", errp);
    if (!o) {
        return false;
    }
    DebugRule *r = g_new0(DebugRule, 1);
    const char *event = block_opt_str(o, "event");
    *r = (DebugRule){ .inject = inject, .event = g_strdup(event ? event : ""), .state = block_opt_uint(o, "state") };
    bool ok = true;
    if (inject) {
        ok = debug_rule_inject(r, o, errp);
    } else {
        r->new_state = block_opt_uint(o, "new_state");
        ok = event != NULL;
        if (!ok) {
            error_set(errp, "blkdebug: a set-state rule has no event=");
        }
    }
    g_ptr_array_add(s->rules, r);
    block_opts_free(o);
    return ok;
}

static bool debug_rules_from_options(BlockDebug *s, const char *name, bool inject, KeyVal *kv, Error **errp)
{
    enum { RULES_MAX = 1024 };
    for (unsigned i = 0; i < RULES_MAX; i++) {
        char *prefix = g_strdup_printf("%s.%u.", name, i);
        KeyVal *rule = keyval_take_prefix(kv, prefix);
        bool last = keyval_empty(rule), ok = last || debug_add_rule(s, inject, rule, errp);
        g_free(prefix);
        keyval_free(rule);
        if (last || !ok) {
            return ok;
        }
    }
    error_set(errp, "blkdebug: more than %d rules", RULES_MAX);
    return false;
}

/* [inject-error] or [set-state], then lines KEY = "VALUE"; '#' begins a comment. */
static bool debug_rules_from_file(BlockDebug *s, const char *file, Error **errp)
{
    char *text = NULL;
    GError *err = NULL;
    if (!g_file_get_contents(file, &text, NULL, &err)) {
        error_set(errp, "blkdebug: cannot read the rules in '%s': %s", file, err->message);
        g_error_free(err);
        return false;
    }
    char **lines = g_strsplit(text, "\n", -1);
    KeyVal *rule = NULL;
    bool inject = false, ok = true;
    for (unsigned i = 0; ok; i++) {
        char *line = lines[i] ? g_strstrip(lines[i]) : NULL;
        if (rule && (!line || line[0] == '[')) {
            ok = debug_add_rule(s, inject, rule, errp);
            keyval_free(rule);
            rule = NULL;
        }
        if (!line || !ok) {
            break;
        }
        char *equals = strchr(line, '='), *quote = strchr(line, '"'), *end = strrchr(line, '"');
        if (!strcmp(line, "[inject-error]") || !strcmp(line, "[set-state]")) {
            inject = line[1] == 'i';
            rule = keyval_new();
        } else if (line[0] && line[0] != '#' && rule && equals && quote && end > quote && quote > equals) {
            *equals = *end = '\0';
            keyval_set(rule, g_strstrip(line), quote + 1);
        } else if (line[0] && line[0] != '#') {
            error_set(errp, "blkdebug: line %u of '%s' is neither [inject-error], [set-state] nor KEY = \"VALUE\"", i + 1, file);
            ok = false;
        }
    }
    keyval_free(rule);
    g_strfreev(lines);
    g_free(text);
    return ok;
}

static void debug_close(BlockNode *n)
{
    BlockDebug *s = n->opaque;
    g_ptr_array_unref(s->rules);
    g_ptr_array_set_free_func(s->breaks, debug_break_free);
    g_ptr_array_unref(s->breaks);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
}

static bool debug_open(BlockNode *n, BlockOpts *o, Error **errp)
{
    BlockDebug *s = n->opaque;
    const char *config = block_opt_str(o, "config");
    KeyVal *kv = block_opts_keyval(o);
    s->rules = g_ptr_array_new_with_free_func(debug_rule_free);
    s->breaks = g_ptr_array_new();
    s->state = 1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    bool ok = (!config || debug_rules_from_file(s, config, errp)) &&
              debug_rules_from_options(s, "inject-error", true, kv, errp) &&
              debug_rules_from_options(s, "set-state", false, kv, errp);
    n->size = n->file->size;
    if (!ok) {
        debug_close(n);
    }
    return ok;
}

/* "blkdebug:[CONFIG]:FILE" */
static bool debug_parse(const char *filename, KeyVal *opts, Error **errp)
{
    const char *config = strchr(filename, ':') + 1, *image = strchr(config, ':');
    if (!image || !image[1]) {
        error_set(errp, "'%s' is not blkdebug:[CONFIG]:FILE", filename);
        return false;
    }
    if (image > config) {
        char *name = g_strndup(config, (size_t)(image - config));
        keyval_set(opts, "config", name);
        g_free(name);
    }
    return block_filename_parse(image + 1, "image.", opts, errp);
}

static const BlockOpt debug_options[] = {
    { "image", BLOCK_OPT_NODE, NULL, NULL, "the node whose requests are to fail" },
    { "config", BLOCK_OPT_STRING, NULL, NULL, "file with rules" },
    { "inject-error", BLOCK_OPT_NODE, NULL, NULL, "rules, as inject-error.N.event and so on" },
    { "set-state", BLOCK_OPT_NODE, NULL, NULL, "rules, as set-state.N.event and so on" },
    { NULL },
};

static const BlockDriver block_debug = {
    .name = "blkdebug",
    .opaque_size = sizeof(BlockDebug),
    .filter = true,
    .grows = true,
    .file_option = "image",
    .options = debug_options,
    .open = debug_open,
    .close = debug_close,
    .preadv = debug_preadv,
    .pwritev = debug_pwritev,
    .pwrite_zeroes = debug_pwrite_zeroes,
    .pdiscard = debug_pdiscard,
    .flush = debug_flush,
    .status = debug_status,
    .truncate = debug_truncate,
    .parse_filename = debug_parse,
    .event = debug_event,
};
BLOCK_DRIVER_REGISTER(block_debug)

/* ---- Breakpoints ----------------------------------------------------------------------------------------------------- */

/* The state of the first blkdebug node below (or at) @n, locked. */
static BlockDebug *debug_find(BlockNode *n, Error **errp)
{
    for (; n; n = n->file) {
        if (n->drv == &block_debug) {
            BlockDebug *s = n->opaque;
            pthread_mutex_lock(&s->lock);
            return s;
        }
    }
    error_set(errp, "there is no blkdebug node in this image");
    error_add_hint(errp, "Open blkdebug::FILE.");
    return NULL;
}

static DebugBreak *debug_find_break(BlockDebug *s, const char *tag, Error **errp)
{
    for (unsigned i = 0; i < s->breaks->len; i++) {
        DebugBreak *b = s->breaks->pdata[i];
        if (!strcmp(b->tag, tag)) {
            return b;
        }
    }
    error_set(errp, "there is no breakpoint with tag '%s'", tag);
    return NULL;
}

bool block_debug_break(BlockNode *n, const char *event, const char *tag, Error **errp)
{
    BlockDebug *s = debug_find(n, errp);
    if (!s) {
        return false;
    }
    bool ok = !debug_find_break(s, tag, NULL);
    if (ok) {
        DebugBreak *b = g_new0(DebugBreak, 1);
        b->event = g_strdup(event);
        b->tag = g_strdup(tag);
        g_ptr_array_add(s->breaks, b);
    } else {
        error_set(errp, "there is a breakpoint with tag '%s' already", tag);
    }
    pthread_mutex_unlock(&s->lock);
    return ok;
}

bool block_debug_remove(BlockNode *n, const char *tag, Error **errp)
{
    BlockDebug *s = debug_find(n, errp);
    DebugBreak *b = s ? debug_find_break(s, tag, errp) : NULL;
    if (b) {
        g_ptr_array_remove(s->breaks, b);
        b->removed = true;
        if (b->stopped == 0) {
            debug_break_free(b);
        }
        pthread_cond_broadcast(&s->changed);
    }
    if (s) {
        pthread_mutex_unlock(&s->lock);
    }
    return b != NULL;
}

bool block_debug_resume(BlockNode *n, const char *tag, Error **errp)
{
    BlockDebug *s = debug_find(n, errp);
    DebugBreak *b = s ? debug_find_break(s, tag, errp) : NULL;
    bool ok = b && b->stopped > b->resumed;
    if (b && !ok) {
        error_set(errp, "no request has stopped at breakpoint '%s'", tag);
    } else if (b) {
        b->resumed++;
        pthread_cond_broadcast(&s->changed);
    }
    if (s) {
        pthread_mutex_unlock(&s->lock);
    }
    return ok;
}

bool block_debug_stopped(BlockNode *n, const char *tag, unsigned *here, unsigned *anywhere, Error **errp)
{
    BlockDebug *s = debug_find(n, errp);
    const DebugBreak *b = s ? debug_find_break(s, tag, errp) : NULL;
    *here = b ? b->stopped - MIN(b->stopped, b->resumed) : 0;
    *anywhere = 0;
    for (unsigned i = 0; s && i < s->breaks->len; i++) {
        const DebugBreak *any = s->breaks->pdata[i];
        *anywhere += any->stopped - MIN(any->stopped, any->resumed);
    }
    if (s) {
        pthread_mutex_unlock(&s->lock);
    }
    return b != NULL;
}
