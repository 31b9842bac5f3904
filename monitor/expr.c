/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integer expressions of monitor commands.  Main thread, big lock; CPU registers need a CPU. */
#include "util/osdep.h"
#include "monitor/monitor-int.h"

#define EXPR_DEPTH_MAX 64

typedef struct Expr {
    const char *p;
    Vcpu *cpu;
    unsigned depth;
    Error **errp;
} Expr;

static bool expr_sum(Expr *e, int64_t *out);

static void expr_blanks(Expr *e)
{
    while (*e->p == ' ' || *e->p == '\t') {
        e->p++;
    }
}

static bool expr_register(Expr *e, int64_t *out)
{
    size_t len = 1;
    while (g_ascii_isalnum(e->p[len]) || e->p[len] == '_') {
        len++;
    }
    char *name = g_ascii_strdown(e->p + 1, (gssize)len - 1);
    uint64_t val = 0;
    bool ok = e->cpu && target_ops.get_register && target_ops.get_register(e->cpu, name, &val);
    if (ok) {
        *out = (int64_t)val;
        e->p += len;
    } else if (!e->cpu) {
        error_set(e->errp, "$%s: this machine has no CPU", name);
    } else {
        error_set(e->errp, "unknown register");
    }
    g_free(name);
    return ok;
}

static bool expr_number(Expr *e, int64_t *out)
{
    char *end;
    errno = 0;
    uint64_t v = g_ascii_strtoull(e->p, &end, 0);
    if (end == e->p) {
        error_set(e->errp, *e->p ? "invalid char '%c' in expression" : "unexpected end of expression", *e->p);
        return false;
    }
    if (errno == ERANGE) {
        error_set(e->errp, "number too large");
        return false;
    }
    *out = (int64_t)v;
    e->p = end;
    return true;
}

/* A number, 'c', a register, (expression), or one of + - ~ before one of these. */
static bool expr_unary(Expr *e, int64_t *out)
{
    expr_blanks(e);
    if (e->depth >= EXPR_DEPTH_MAX) {
        error_set(e->errp, "expression nested too deeply");
        return false;
    }
    e->depth++;
    bool ok;
    char c = *e->p;
    if (c == '+' || c == '-' || c == '~') {
        e->p++;
        ok = expr_unary(e, out);
        *out = c == '-' ? (int64_t)(0 - (uint64_t)*out) : c == '~' ? ~*out : *out;
    } else if (c == '(') {
        e->p++;
        ok = expr_sum(e, out);
        expr_blanks(e);
        if (ok && *e->p != ')') {
            error_set(e->errp, "')' expected");
            ok = false;
        }
        e->p += ok;
    } else if (c == '\'') {
        ok = e->p[1] && e->p[2] == '\'';
        *out = (uint8_t)e->p[1];
        if (ok) {
            e->p += 3;
        } else {
            error_set(e->errp, "a character constant looks like 'a'");
        }
    } else {
        ok = c == '$' ? expr_register(e, out) : expr_number(e, out);
    }
    e->depth--;
    return ok;
}

static bool expr_product(Expr *e, int64_t *out)
{
    if (!expr_unary(e, out)) {
        return false;
    }
    for (;;) {
        expr_blanks(e);
        char op = *e->p;
        int64_t right = 0;
        if (op != '*' && op != '/' && op != '%') {
            return true;
        }
        e->p++;
        if (!expr_unary(e, &right)) {
            return false;
        }
        if (op == '*') {
            *out = (int64_t)((uint64_t)*out * (uint64_t)right);
        } else if (right == 0) {
            error_set(e->errp, "division by zero");
            return false;
        } else if (right == -1) {
            *out = op == '/' ? (int64_t)(0 - (uint64_t)*out) : 0; /* INT64_MIN / -1 would trap */
        } else {
            *out = op == '/' ? *out / right : *out % right;
        }
    }
}

static bool expr_logic(Expr *e, int64_t *out)
{
    if (!expr_product(e, out)) {
        return false;
    }
    for (;;) {
        expr_blanks(e);
        char op = *e->p;
        int64_t right = 0;
        if (op != '&' && op != '|' && op != '^') {
            return true;
        }
        e->p++;
        if (!expr_product(e, &right)) {
            return false;
        }
        *out = op == '&' ? *out & right : op == '|' ? *out | right : *out ^ right;
    }
}

static bool expr_sum(Expr *e, int64_t *out)
{
    if (!expr_logic(e, out)) {
        return false;
    }
    for (;;) {
        expr_blanks(e);
        char op = *e->p;
        int64_t right = 0;
        if (op != '+' && op != '-') {
            return true;
        }
        e->p++;
        if (!expr_logic(e, &right)) {
            return false;
        }
        *out = (int64_t)(op == '+' ? (uint64_t)*out + (uint64_t)right : (uint64_t)*out - (uint64_t)right);
    }
}

bool expr_parse(const char **text, Vcpu *cpu, int64_t *out, Error **errp)
{
    Expr e = { .p = *text, .cpu = cpu, .errp = errp };
    *out = 0;
    bool ok = expr_sum(&e, out);
    *text = e.p;
    return ok;
}
