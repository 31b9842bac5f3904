/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rhea-io's commands about the image: open, close, reopen, length, info, map, alloc, truncate, flush, breakpoints, ... */
#include "util/osdep.h"
#include "tools/io.h"
#include "util/keyval.h"

#include <getopt.h>
#include <signal.h>

void io_size_text(double value, char *out, size_t len)
{
    static const char *const units[] = { " bytes", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB" };
    unsigned i = 0;
    while (value >= 1024 && i + 1 < G_N_ELEMENTS(units)) {
        value /= 1024;
        i++;
    }
    bool whole = value == (double)(uint64_t)value;
    snprintf(out, len, whole ? "%.0f%s" : i ? "%.3f%s" : "%f%s", value, units[i]);
}

bool io_number(const char *text, uint64_t *out)
{
    Error *err = NULL;
    if (parse_size("argument", text, 1, out, &err) && *out <= INT64_MAX) {
        return true;
    }
    if (err && strspn(text, "0123456789") != strlen(text)) {
        printf("Parsing error: non-numeric argument, or extraneous/unrecognized suffix -- %s\n", text);
    } else {
        printf("Parsing error: argument too large -- %s\n", text);
    }
    error_free(err);
    return false;
}

static bool io_report(Error *err)
{
    tool_fail(1, err);
    return false;
}

/* ---- Opening ---------------------------------------------------------------------------------------------------- */

bool io_open(IoState *s, const char *name, const ToolArgs *a, Error **errp)
{
    if (s->node) {
        error_set(errp, "file open already, try 'help close'");
        return false;
    }
    BlockOpen how = s->how;
    if (a && tool_has(a, "s")) {
        how.readonly = true;
    }
    s->node = a ? tool_open(a, name, s->format, &how, errp) : block_open(name, s->format, NULL, &how, errp);
    if (s->node && a && tool_has(a, "s")) {
        BlockNode *top = block_open_snapshot(s->node, errp);
        s->node = top;
    }
    return s->node != NULL;
}

void io_close(IoState *s)
{
    if (s->node) {
        io_aio_wait();
        block_node_flush(s->node);
        block_node_unref(s->node);
        s->node = NULL;
    }
}

static bool io_close_run(IoState *s, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    io_close(s);
    return true;
}

bool io_aio_mode(const char *mode, BlockOpen *how, Error **errp)
{
    static const char *const modes[] = { "threads", "native", "io_uring" };
    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        if (!strcmp(modes[i], mode)) {
            how->aio = (BlockAio)i;
            return true;
        }
    }
    error_set(errp, "Invalid aio option: %s", mode);
    error_add_hint(errp, "The modes are threads, native and io_uring.");
    return false;
}

bool io_discard_mode(const char *mode, BlockOpen *how, Error **errp)
{
    how->discard = !strcmp(mode, "unmap") || !strcmp(mode, "on");
    if (!how->discard && strcmp(mode, "ignore") && strcmp(mode, "off")) {
        error_set(errp, "Invalid discard option: %s", mode);
        error_add_hint(errp, "The modes are ignore and unmap.");
        return false;
    }
    return true;
}

static bool io_open_run(IoState *s, int argc, char **argv)
{
    Error *err = NULL;
    BlockOpen old = s->how;
    const char *options = NULL;
    bool through, ok = true, snapshot = false;
    int c;
    optind = 0;
    while (ok && (c = getopt(argc, argv, s->command->flags)) != -1) {
        switch (c) {
        case 'n': ok = tool_cache_mode("none", &s->how, &through, &err); break;
        case 't': ok = tool_cache_mode(optarg, &s->how, &through, &err); break;
        case 'r': s->how.readonly = true; break;
        case 'U': s->how.force_share = true; break;
        case 'd': ok = io_discard_mode(optarg, &s->how, &err); break;
        case 'o': options = optarg; break;
        case 's': snapshot = true; break;
        case 'k': ok = io_aio_mode("native", &s->how, &err); break;
        case 'i': ok = io_aio_mode(optarg, &s->how, &err); break;
        case 'C': break;
        default: ok = io_usage(s); break;
        }
    }
    ok = ok && (argc - optind <= 1 || io_usage(s));
    s->how.readonly |= snapshot;
    KeyVal *kv = ok && options ? keyval_parse(options, NULL, &err) : NULL;
    if (ok && options && !kv) {
        ok = false;
    } else if (ok && s->node) {
        error_set(&err, "file open already, try 'help close'");
        ok = false;
    } else if (ok && optind < argc) {
        s->node = block_open(argv[optind], s->format, kv, &s->how, &err);
        ok = s->node != NULL;
        if (ok && (!kv || !keyval_has(kv, "driver"))) {
            tool_warn_guessed(s->node, argv[optind], s->format, &s->how);
        }
    } else if (ok && kv) {
        s->node = block_open_opts(kv, &s->how, &err);
        ok = s->node != NULL;
    }
    if (ok && s->node && snapshot) {
        s->node = block_open_snapshot(s->node, &err);
        ok = s->node != NULL;
    }
    keyval_free(kv);
    s->how = old;
    return ok || (err ? io_report(err) : false);
}

static bool io_reopen_run(IoState *s, int argc, char **argv)
{
    Error *err = NULL;
    BlockOpen how = *block_node_how(s->node);
    bool through, ok = true, readonly = false, writable = false;
    int c;
    optind = 0;
    while (ok && (c = getopt(argc, argv, s->command->flags)) != -1) {
        switch (c) {
        case 'c': ok = tool_cache_mode(optarg, &how, &through, &err); break;
        case 'r': readonly = true; break;
        case 'w': writable = true; break;
        case 'o':
            error_set(&err, "reopen changes -r, -w and -c only; close and open the image for other options");
            ok = false;
            break;
        default: ok = io_usage(s); break;
        }
    }
    ok = ok && (optind == argc || io_usage(s));
    if (ok && readonly && writable) {
        error_set(&err, "Only one -r/-w option may be given");
        ok = false;
    }
    how.readonly = (how.readonly || readonly) && !writable;
    io_aio_wait();
    ok = ok && (how.readonly == false || block_node_flush(s->node) == 0) && block_node_reopen(s->node, &how, &err);
    return ok || (err ? io_report(err) : false);
}

/* ---- What it is ---------------------------------------------------------------------------------------------------- */

static bool io_length_run(IoState *s, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    char text[64];
    io_size_text((double)block_node_size(s->node), text, sizeof(text));
    puts(text);
    return true;
}

static bool io_info_run(IoState *s, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    Error *err = NULL;
    BlockInfo info;
    char cluster[64], state[64];
    if (!block_node_info(s->node, &info, &err)) {
        return io_report(err);
    }
    io_size_text((double)info.cluster_size, cluster, sizeof(cluster));
    io_size_text((double)info.vm_state_offset, state, sizeof(state));
    printf("format name: %s\ncluster size: %s\nvm state offset: %s\n", block_node_driver(s->node), cluster, state);
    tool_print_specific(info.specific);
    block_info_clear(&info);
    return true;
}

/* How far the allocation at @off goes on, in this layer. */
static bool io_allocated(IoState *s, uint64_t off, uint64_t len, bool *allocated, uint64_t *run)
{
    uint64_t end = off + len, start = off;
    bool first = true;
    while (off < end) {
        BlockStatus st;
        int ret = block_node_status(s->node, off, end - off, &st);
        if (ret < 0) {
            printf("is_allocated failed: %s\n", g_strerror(-ret));
            return false;
        }
        bool now = st.flags & BLOCK_STATUS_ALLOCATED;
        if (!st.len || (!first && now != *allocated)) {
            break;
        }
        *allocated = now;
        first = false;
        off += st.len;
    }
    *run = off - start;
    return true;
}

static bool io_alloc_run(IoState *s, int argc, char **argv)
{
    uint64_t off, len = 512, sum = 0, size = block_node_size(s->node);
    if (!io_number(argv[1], &off) || (argc == 3 && !io_number(argv[2], &len))) {
        return false;
    }
    len = off < size ? MIN(len, size - off) : 0; /* what is beyond the end is not counted */
    for (uint64_t pos = off; pos < off + len;) {
        bool allocated = false;
        uint64_t run;
        if (!io_allocated(s, pos, off + len - pos, &allocated, &run)) {
            return false;
        }
        sum += allocated ? run : 0;
        pos += run;
    }
    char text[64];
    io_size_text((double)off, text, sizeof(text));
    printf("%" PRIu64 "/%" PRIu64 " bytes allocated at offset %s\n", sum, len, text);
    return true;
}

static bool io_map_run(IoState *s, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    uint64_t size = block_node_size(s->node);
    if (!size) {
        return true;
    }
    for (uint64_t off = 0; off < size;) {
        bool allocated = false;
        uint64_t run;
        char length[64], where[64];
        if (!io_allocated(s, off, size - off, &allocated, &run) || !run) {
            return false;
        }
        io_size_text((double)run, length, sizeof(length));
        io_size_text((double)off, where, sizeof(where));
        printf("%s (0x%" PRIx64 ") bytes %s allocated at offset %s (0x%" PRIx64 ")\n", length, run, allocated ? "   " : "not", where, off);
        off += run;
    }
    return true;
}

/* ---- Changes ------------------------------------------------------------------------------------------------------- */

static bool io_truncate_run(IoState *s, int argc, char **argv)
{
    static const char *const modes[] = { "off", "metadata", "falloc", "full" };
    Error *err = NULL;
    unsigned mode = 0;
    uint64_t size;
    int c;
    optind = 0;
    while ((c = getopt(argc, argv, s->command->flags)) != -1) {
        if (c != 'm') {
            return io_usage(s);
        }
        for (mode = 0; mode < 4 && strcmp(modes[mode], optarg); mode++) {
        }
        if (mode == 4) {
            error_set(&err, "Invalid preallocation mode '%s'", optarg);
            return io_report(err);
        }
    }
    if (optind + 1 != argc) {
        return io_usage(s);
    }
    io_aio_wait();
    if (!io_number(argv[optind], &size)) {
        return false;
    }
    if (mode && size < block_node_size(s->node)) {
        error_set(&err, "Cannot use preallocation for shrinking files");
        return io_report(err);
    }
    return (block_node_truncate(s->node, size, (BlockPrealloc)mode, &err) || io_report(err));
}

static bool io_flush_run(IoState *s, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int ret = block_node_flush(s->node);
    if (ret < 0) {
        printf("flush failed: %s\n", g_strerror(-ret));
    }
    return ret == 0;
}

static bool io_sleep_run(IoState *s, int argc, char **argv)
{
    (void)s;
    (void)argc;
    uint64_t ms;
    if (!parse_uint("time", argv[1], 0, UINT32_MAX, &ms, NULL)) {
        printf("%s is not a valid number\n", argv[1]);
        return false;
    }
    g_usleep((gulong)MIN(ms, 3600000) * 1000);
    return true;
}

static bool io_abort_run(IoState *s, int argc, char **argv)
{
    (void)s;
    (void)argc;
    (void)argv;
    abort();
}

static bool io_sigraise_run(IoState *s, int argc, char **argv)
{
    (void)s;
    (void)argc;
    uint64_t sig;
    if (!io_number(argv[1], &sig)) {
        return false;
    }
    if (sig >= NSIG) {
        printf("signal argument '%s' is too large to be a valid signal\n", argv[1]);
        return false;
    }
    fflush(stdout); /* the end may be near */
    raise((int)sig);
    return true;
}

/* ---- Breakpoints ----------------------------------------------------------------------------------------------------- */

static bool io_break_run(IoState *s, int argc, char **argv)
{
    (void)argc;
    Error *err = NULL;
    return block_debug_break(s->node, argv[1], argv[2], &err) || io_report(err);
}

static bool io_remove_break_run(IoState *s, int argc, char **argv)
{
    (void)argc;
    Error *err = NULL;
    return block_debug_remove(s->node, argv[1], &err) || io_report(err);
}

static bool io_resume_run(IoState *s, int argc, char **argv)
{
    (void)argc;
    Error *err = NULL;
    return block_debug_resume(s->node, argv[1], &err) || io_report(err);
}

static bool io_wait_break_run(IoState *s, int argc, char **argv)
{
    (void)argc;
    Error *err = NULL;
    unsigned here, anywhere;
    while (block_debug_stopped(s->node, argv[1], &here, &anywhere, &err) && !here) {
        unsigned flying = io_aio_flying();
        if (anywhere >= flying && block_debug_stopped(s->node, argv[1], &here, &anywhere, &err) && !here) {
            error_set(&err, "no request is under way that could come to breakpoint '%s'", argv[1]);
            error_add_hint(&err, "Start one with aio_read or aio_write first.");
            break;
        }
        g_usleep(1000);
    }
    return !err || io_report(err);
}

const IoCommand io_commands_image[] = {
    { "abort", NULL, NULL, NULL, "simulate a program crash using abort(3)", 0, 0, false, io_abort_run },
    { "alloc", "a", NULL, "offset [count]", "checks if offset is allocated in the file", 1, 2, true, io_alloc_run },
    { "break", NULL, NULL, "event tag", "sets a breakpoint on event and tags the stopped request as tag", 2, 2, true, io_break_run },
    { "close", "c", NULL, NULL, "close the current open file", 0, 0, true, io_close_run },
    { "flush", "f", NULL, NULL, "flush all in-core file state to disk", 0, 0, true, io_flush_run },
    { "info", "i", NULL, NULL, "prints information about the current file", 0, 0, true, io_info_run },
    { "length", "l", NULL, NULL, "gets the length of the current file", 0, 0, true, io_length_run },
    { "map", NULL, NULL, NULL, "prints the allocated areas of a file", 0, 0, true, io_map_run },
    { "open", "o", "snCro:ki:t:d:U", "[-rsCnkU] [-i aio] [-t cache] [-d discard] [-o options] [path]", "open the file specified by path",
      1, -1, false, io_open_run },
    { "remove_break", NULL, NULL, "tag", "remove a breakpoint by tag", 1, 1, true, io_remove_break_run },
    { "reopen", NULL, "c:o:rw", "[(-r|-w)] [-c cache] [-o options]", "reopens an image with new options", 0, -1, true, io_reopen_run },
    { "resume", NULL, NULL, "tag", "resumes the request tagged as tag", 1, 1, true, io_resume_run },
    { "sigraise", NULL, NULL, "signal", "raises a signal", 1, 1, false, io_sigraise_run },
    { "sleep", NULL, NULL, "ms", "waits for the given value in milliseconds", 1, 1, false, io_sleep_run },
    { "truncate", "t", "m:", "[-m prealloc_mode] off", "truncates the current file at the given offset", 1, 3, true, io_truncate_run },
    { "wait_break", NULL, NULL, "tag", "waits for the suspension of a request", 1, 1, true, io_wait_break_run },
    { NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};
