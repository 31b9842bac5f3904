/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands as a table that does not know who asks: name, typed arguments, a handler that gives text or an error.
 * The human monitor parses lines into them and prints; QMP will be another user.  Main thread, big lock.
 */
#ifndef MONITOR_MONITOR_INT_H
#define MONITOR_MONITOR_INT_H

#include "monitor/monitor.h"
#include "system/cpus.h"

typedef enum MonKind {
    MON_END,
    MON_STR,   /* a word, or a "quoted string" */
    MON_REST,  /* the rest of the line */
    MON_INT,   /* an expression */
    MON_FMT,   /* /4xb : only x, xp, p, i, o */
    MON_FLAG,  /* -f */
} MonKind;

typedef enum MonComplete { MON_NOTHING, MON_COMMAND, MON_INFO, MON_DRIVE, MON_CHARDEV } MonComplete;

typedef struct MonArg {
    const char *name; /* of a flag: "f" */
    MonKind kind;
    bool optional;
    MonComplete complete;
} MonArg;

#define MON_MAX_ARGS 7

typedef struct MonFmt {
    unsigned count, size; /* size in bytes */
    char format;
} MonFmt;

typedef struct MonValue {
    bool set;
    char *text; /* owned */
    int64_t num;
    MonFmt fmt;
} MonValue;

typedef struct MonCommand MonCommand;
typedef struct Monitor Monitor;

/* One call of a command. */
typedef struct MonCall {
    const MonCommand *cmd;
    unsigned *cpu;          /* the session's vCPU */
    const GPtrArray *history; /* char *, oldest first; may be NULL */
    Monitor *session;         /* NULL: the caller wants the answer now */
    MonValue values[MON_MAX_ARGS];
} MonCall;

struct MonCommand {
    const char *name, *alias;
    MonArg args[MON_MAX_ARGS + 1];
    const char *params, *help; /* for `help` */
    bool (*run)(MonCall *call, GString *out, Error **errp);
};

/* Tables, ended by a NULL name. */
extern const MonCommand monitor_commands[], monitor_info_commands[];
const MonCommand *command_find(const MonCommand *table, const char *name);

/* Arguments by name; absent ones are NULL, @otherwise, false. */
const char *mon_text(const MonCall *call, const char *name);
int64_t mon_int(const MonCall *call, const char *name, int64_t otherwise);
bool mon_flag(const MonCall *call, const char *name);
MonFmt mon_fmt(const MonCall *call);
Vcpu *mon_cpu(const MonCall *call, Error **errp);

/*
 * A command that answers later: its session takes no further line until monitor_resume() with the rest of the answer (freed).
 * @cancel is called instead when the session ends before.  NULL and *errp: this caller cannot wait.
 */
Monitor *monitor_suspend(MonCall *call, void (*cancel)(void *opaque), void *opaque, Error **errp);
void monitor_resume(Monitor *m, GString *text);

/* A whole line (hmp.c): parses, runs; text and errors go to @out. */
void hmp_run_line(const char *line, unsigned *cpu, const GPtrArray *history, Monitor *session, GString *out);
void hmp_complete(const char *line, GPtrArray *matches); /* adds char * */

/* Expressions (expr.c): + - * / % & | ^ ( ) numbers and $registers.  *text moves behind. */
bool expr_parse(const char **text, Vcpu *cpu, int64_t *out, Error **errp);

/* Handlers (memory.c). */
bool memory_x(MonCall *call, GString *out, Error **errp);
bool memory_xp(MonCall *call, GString *out, Error **errp);
bool memory_print(MonCall *call, GString *out, Error **errp);
bool memory_in(MonCall *call, GString *out, Error **errp);
bool memory_out(MonCall *call, GString *out, Error **errp);
bool memory_save_virtual(MonCall *call, GString *out, Error **errp);
bool memory_save_physical(MonCall *call, GString *out, Error **errp);

/* Handlers (screen.c). */
bool screen_dump(MonCall *call, GString *out, Error **errp);
bool screen_text(MonCall *call, GString *out, Error **errp);
bool screen_type(MonCall *call, GString *out, Error **errp);
bool screen_wait_for(MonCall *call, GString *out, Error **errp);
bool screen_sendkey(MonCall *call, GString *out, Error **errp);
bool screen_mouse_move(MonCall *call, GString *out, Error **errp);
bool screen_mouse_button(MonCall *call, GString *out, Error **errp);
bool screen_mouse_set(MonCall *call, GString *out, Error **errp);
bool screen_set_password(MonCall *call, GString *out, Error **errp);
bool screen_expire_password(MonCall *call, GString *out, Error **errp);
bool screen_change_vnc(MonCall *call, Error **errp);
bool screen_info_mice(MonCall *call, GString *out, Error **errp);
bool screen_info_vnc(MonCall *call, GString *out, Error **errp);

/* Line editing (edit.c). */
typedef struct Editor Editor;
typedef struct EditorOps {
    void (*write)(void *opaque, const char *text);
    void (*line)(void *opaque, const char *line); /* complete; the prompt is shown by editor_prompt() */
    void (*complete)(void *opaque, const char *line, GPtrArray *matches);
} EditorOps;
Editor *editor_new(const EditorOps *ops, void *opaque, const char *prompt);
void editor_free(Editor *e);
void editor_input(Editor *e, uint8_t byte);
void editor_prompt(Editor *e); /* prompt and what is being typed */
void editor_clear(Editor *e);  /* forgets what is being typed */
const GPtrArray *editor_history(const Editor *e); /* char *, oldest first */

#endif
