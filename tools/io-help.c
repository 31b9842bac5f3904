/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rhea-io's help, and the commands that need no image to be thought of: help and quit. */
#include "util/osdep.h"
#include "tools/io.h"

static const IoCommand *const io_tables[] = { io_commands_own, io_commands_data, io_commands_image };

typedef struct IoPage {
    const char *name, *text, *flags; /* flags: letters of io_flag_help; NULL: none */
} IoPage;

static const IoPage io_pages[] = {
    { "aio_flush", "Waits until every aio_read and aio_write that was begun has ended.\n", NULL },
    { "aio_read", "Starts a read in the background; several lengths make one request of their sum. The result is printed when it\n"
                  "is there, at the latest by aio_flush, and does not change the exit status.\n"
                  "  aio_read -P 7 1M 64k    reads 64 KiB at 1 MiB and compares each byte with 7\n", "CPiqv" },
    { "aio_write", "Starts a write in the background; several lengths make one request of their sum. The result is printed when it\n"
                   "is there, at the latest by aio_flush, and does not change the exit status.\n"
                   "  aio_write -P 7 1M 64k    fills 64 KiB at 1 MiB with 7\n", "CfiPquz" },
    { "alloc", "Counts the bytes from offset on (512 of them, or count) that this image holds itself, not a backing file.\n", NULL },
    { "break", "The next request to come to an event of blkdebug stops there, until `resume tag`. The image has to be opened\n"
               "through blkdebug: blkdebug::FILE.\n", NULL },
    { "discard", "Tells the image that a range is of no use any more, so that its space can be given back.\n", "Cq" },
    { "map", "One line for each stretch of the image: whether it is in this image itself, or left to a backing file.\n", NULL },
    { "open", "Opens an image; path may be left out when -o says where it is (file.filename=NAME).\n"
              "  open -o driver=qcow2,l2-cache-size=1M disk.qcow2\n"
              " -r  read-only\n -s  writes go to a temporary file\n -n  as -t none\n -k  as -i native\n -i  threads, native or io_uring\n"
              " -t  cache mode: none, writeback, writethrough, directsync, unsafe\n -d  discards: ignore or unmap\n"
              " -U  beside a running writer (with -r)\n -C  accepted; reads are not copied\n -o  options of the driver\n", NULL },
    { "read", "Reads a range, shows it (-v) or compares it with a pattern (-P).\n"
              "  read -P 7 -s 512 -l 1k 1M 64k    reads 64 KiB at 1 MiB; the 1024 bytes behind its first 512 have to be 7\n", "bClpPqov" },
    { "readv", "As read; several lengths make one request of their sum.\n", "CPqv" },
    { "reopen", "Opens the image that is open once more in another mode, without closing it.\n"
                " -r  read-only\n -w  for writing\n -c  cache mode, as `open -t`\n"
                " -o  options of the driver cannot be changed in place: close and open the image instead\n", NULL },
    { "resume", "Lets one request go on that has stopped at a breakpoint.\n", NULL },
    { "sigraise", "Sends a signal to the program itself, as a crash in the middle of its work would.\n  sigraise 9    is a sudden end\n",
      NULL },
    { "truncate", "Changes the image's size.\n -m  how a longer image gets its space: off, metadata, falloc, full\n", NULL },
    { "wait_break", "Waits until a request has stopped at the breakpoint; an error when none is under way that could.\n", NULL },
    { "write", "Writes a pattern (0xcd when neither -P nor -s says otherwise), a file's bytes or zeros.\n"
               "  write -P 7 1M 64k    fills 64 KiB at 1 MiB with 7\n", "bcCfnpPqSuz" },
    { "writev", "As write; several lengths make one request of their sum.\n", "CfPq" },
};

/* What a flag does; `o` is -s of a read, `S` that of a write. */
static const char *io_flag_help(char flag)
{
    switch (flag) {
    case 'b': return " -b  the saved state of a machine instead of the disk\n";
    case 'c': return " -c  compressed: whole clusters\n";
    case 'C': return " -C  the result in numbers with commas between them: bytes, requests, time, and both a second\n";
    case 'f': return " -f  not done before it is on the medium\n";
    case 'i': return " -i  invalid: nothing is done\n";
    case 'l': return " -l  so many bytes are compared with the pattern\n";
    case 'n': return " -n  with -z: fail where writing zeros would be as slow as writing data\n";
    case 'o': return " -s  the comparison begins so many bytes behind the offset\n";
    case 'p': return " -p  accepted and without meaning\n";
    case 'P': return " -P  the byte, 0 to 255\n";
    case 'q': return " -q  say nothing when all is well\n";
    case 'S': return " -s  a file whose bytes are written, over and over\n";
    case 'u': return " -u  with -z: space may be given back\n";
    case 'v': return " -v  show the bytes\n";
    default: return " -z  zeros, by what the image has for them\n";
    }
}

const IoCommand *io_find(const char *name)
{
    for (unsigned t = 0; t < G_N_ELEMENTS(io_tables); t++) {
        for (const IoCommand *c = io_tables[t]; c->name; c++) {
            if (!strcmp(c->name, name) || (c->alias && !strcmp(c->alias, name))) {
                return c;
            }
        }
    }
    return NULL;
}

static void io_print_command(const IoCommand *c)
{
    printf("%s%s%s -- %s\n", c->name, c->args ? " " : "", c->args ? c->args : "", c->help);
}

bool io_usage(const IoState *s)
{
    io_print_command(s->command);
    return false;
}

static int io_by_name(const void *a, const void *b)
{
    const IoCommand *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static void io_help_all(void)
{
    GPtrArray *all = g_ptr_array_new();
    for (unsigned t = 0; t < G_N_ELEMENTS(io_tables); t++) {
        for (const IoCommand *c = io_tables[t]; c->name; c++) {
            g_ptr_array_add(all, (void *)c);
        }
    }
    g_ptr_array_sort(all, io_by_name);
    for (unsigned i = 0; i < all->len; i++) {
        io_print_command(all->pdata[i]);
    }
    printf("\nUse 'help commandname' for extended help.\n");
    g_ptr_array_unref(all);
}

bool io_help(const char *name)
{
    const IoCommand *c = name ? io_find(name) : NULL;
    if (!name) {
        io_help_all();
        return true;
    }
    if (!c) {
        printf("command %s not found\n", name);
        return false;
    }
    io_print_command(c);
    for (unsigned i = 0; i < G_N_ELEMENTS(io_pages); i++) {
        if (!strcmp(io_pages[i].name, c->name)) {
            printf("\n%s", io_pages[i].text);
            for (const char *f = io_pages[i].flags; f && *f; f++) {
                fputs(io_flag_help(*f), stdout);
            }
        }
    }
    return true;
}

static bool io_help_run(IoState *s, int argc, char **argv)
{
    (void)s;
    return io_help(argc > 1 ? argv[1] : NULL);
}

static bool io_quit_run(IoState *s, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    s->quit = true;
    return true;
}

const IoCommand io_commands_own[] = {
    { "help", "?", NULL, "[command]", "help for one or all commands", 0, 1, false, io_help_run },
    { "quit", "q", NULL, NULL, "exit the program", 0, 0, false, io_quit_run },
    { NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};
