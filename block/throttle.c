/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leaky buckets and groups of drives that share them; see throttle.h.  Big lock. */
#include "util/osdep.h"
#include "block/throttle.h"
#include "util/keyval.h"

typedef struct ThrottleBucket {
    double level, burst; /* units that have not leaked yet: at the average, and at the burst's rate */
} ThrottleBucket;

struct ThrottleGroup {
    char *name;
    unsigned refs;
    ThrottleConfig cfg;
    ThrottleBucket bucket[THROTTLE_KINDS];
    int64_t leaked_ns; /* when they leaked last; 0: never */
    ThrottleGroup *next;
};

static ThrottleGroup *throttle_groups;

/* ---- Options --------------------------------------------------------------------------------------------------- */

static const char *const throttle_new[] = { "bps-total", "bps-read", "bps-write", "iops-total", "iops-read", "iops-write" };
static const char *const throttle_old[] = { "bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr" };

static bool throttle_key(KeyVal *kv, const char *fmt_new, const char *fmt_old, unsigned i, uint64_t *out, Error **errp)
{
    char *name = g_strdup_printf("throttling.%s%s", throttle_new[i], fmt_new);
    char *old = g_strdup_printf("%s%s", throttle_old[i], fmt_old);
    bool ok = keyval_get_size(kv, old, out, errp) && keyval_get_size(kv, name, out, errp);
    g_free(name);
    g_free(old);
    return ok;
}

bool throttle_config_from_keyval(ThrottleConfig *c, KeyVal *kv, Error **errp)
{
    *c = (ThrottleConfig){ 0 };
    for (unsigned i = 0; i < THROTTLE_KINDS; i++) {
        ThrottleLimit *l = &c->limit[i];
        if (!throttle_key(kv, "", "", i, &l->avg, errp) || !throttle_key(kv, "-max", "_max", i, &l->max, errp) ||
            !throttle_key(kv, "-max-length", "_max_length", i, &l->length, errp)) {
            return false;
        }
    }
    return keyval_get_size(kv, "iops_size", &c->iops_size, errp) && keyval_get_size(kv, "throttling.iops-size", &c->iops_size, errp) &&
           throttle_config_check(c, errp);
}

static bool throttle_limit_check(ThrottleLimit *l, const char *name, Error **errp)
{
    const uint64_t most = 1000000000000000; /* 1 PB/s: far from where sums would overflow */
    if (l->avg > most || l->max > most) {
        error_set(errp, "throttling.%s is more than %" PRIu64, name, most);
    } else if (l->max && !l->avg) {
        error_set(errp, "throttling.%s-max needs throttling.%s, the rate outside of bursts", name, name);
    } else if (l->max && l->max < l->avg) {
        error_set(errp, "throttling.%s-max=%" PRIu64 " is lower than throttling.%s=%" PRIu64, name, l->max, name, l->avg);
    } else if (l->length && !l->max) {
        error_set(errp, "throttling.%s-max-length needs throttling.%s-max", name, name);
    } else if (l->length > 86400) {
        error_set(errp, "throttling.%s-max-length=%" PRIu64 " is more than a day", name, l->length);
    } else {
        l->length = MAX(l->length, 1);
        return true;
    }
    return false;
}

bool throttle_config_check(ThrottleConfig *c, Error **errp)
{
    for (unsigned i = 0; i < THROTTLE_KINDS; i++) {
        if (!throttle_limit_check(&c->limit[i], throttle_new[i], errp)) {
            return false;
        }
    }
    for (unsigned i = 0; i < THROTTLE_KINDS; i += 3) {
        const ThrottleLimit *l = &c->limit[i];
        if ((l[0].avg && (l[1].avg || l[2].avg)) || (l[0].max && (l[1].max || l[2].max))) {
            error_set(errp, "throttling.%s goes with neither throttling.%s nor throttling.%s", throttle_new[i], throttle_new[i + 1],
                      throttle_new[i + 2]);
            return false;
        }
    }
    if (c->iops_size && !c->limit[THROTTLE_IOPS_TOTAL].avg && !c->limit[THROTTLE_IOPS_READ].avg && !c->limit[THROTTLE_IOPS_WRITE].avg) {
        error_set(errp, "throttling.iops-size needs a limit of iops");
        return false;
    }
    return true;
}

bool throttle_config_on(const ThrottleConfig *c)
{
    bool on = false;
    for (unsigned i = 0; i < THROTTLE_KINDS; i++) {
        on |= c->limit[i].avg > 0;
    }
    return on;
}

void throttle_config_print(const ThrottleConfig *c, GString *out)
{
    for (unsigned i = 0; i < THROTTLE_KINDS; i++) {
        g_string_append_printf(out, "%s%s=%" PRIu64, i ? " " : "", throttle_old[i], c->limit[i].avg);
        if (i % 3 == 2) {
            for (unsigned j = i - 2; j <= i; j++) {
                g_string_append_printf(out, " %s_max=%" PRIu64, throttle_old[j], c->limit[j].max);
            }
        }
    }
    g_string_append_printf(out, " iops_size=%" PRIu64, c->iops_size);
}

/* ---- Groups ------------------------------------------------------------------------------------------------------ */

ThrottleGroup *throttle_group_ref(const char *name)
{
    ThrottleGroup *g = throttle_groups;
    while (g && strcmp(g->name, name)) {
        g = g->next;
    }
    if (!g) {
        g = g_new0(ThrottleGroup, 1);
        g->name = g_strdup(name);
        g->next = throttle_groups;
        throttle_groups = g;
    }
    g->refs++;
    return g;
}

void throttle_group_unref(ThrottleGroup *g)
{
    if (!g || --g->refs > 0) {
        return;
    }
    for (ThrottleGroup **p = &throttle_groups; *p; p = &(*p)->next) {
        if (*p == g) {
            *p = g->next;
            break;
        }
    }
    g_free(g->name);
    g_free(g);
}

const char *throttle_group_name(const ThrottleGroup *g)
{
    return g->name;
}

void throttle_group_set(ThrottleGroup *g, const ThrottleConfig *c)
{
    g->cfg = *c;
    memset(g->bucket, 0, sizeof(g->bucket));
}

void throttle_group_get(const ThrottleGroup *g, ThrottleConfig *c)
{
    *c = g->cfg;
}

/* ---- Buckets ------------------------------------------------------------------------------------------------------ */

static void throttle_leak(ThrottleGroup *g, int64_t now_ns)
{
    double seconds = g->leaked_ns ? (double)MAX(now_ns - g->leaked_ns, 0) / 1e9 : 0;
    g->leaked_ns = now_ns;
    for (unsigned i = 0; i < THROTTLE_KINDS; i++) {
        const ThrottleLimit *l = &g->cfg.limit[i];
        ThrottleBucket *b = &g->bucket[i];
        b->level = MAX(b->level - (double)l->avg * seconds, 0);
        b->burst = MAX(b->burst - (double)l->max * seconds, 0);
    }
}

/* Without a burst a tenth of a second's worth may come at once, so that the guest's rhythm does not matter. */
static double throttle_bucket_wait(const ThrottleLimit *l, const ThrottleBucket *b)
{
    if (!l->avg) {
        return 0;
    }
    double room = l->max ? (double)l->max * (double)l->length : (double)l->avg / 10;
    double wait = (b->level - room) / (double)l->avg;
    if (wait <= 0 && l->max && l->length > 1) {
        wait = (b->burst - (double)l->max / 10) / (double)l->max;
    }
    return MAX(wait, 0);
}

int64_t throttle_wait(ThrottleGroup *g, bool write, int64_t now_ns)
{
    const ThrottleKind kinds[] = { THROTTLE_BPS_TOTAL, write ? THROTTLE_BPS_WRITE : THROTTLE_BPS_READ, THROTTLE_IOPS_TOTAL,
                                   write ? THROTTLE_IOPS_WRITE : THROTTLE_IOPS_READ };
    double wait = 0;
    throttle_leak(g, now_ns);
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        double w = throttle_bucket_wait(&g->cfg.limit[kinds[i]], &g->bucket[kinds[i]]);
        wait = MAX(wait, w);
    }
    return wait > 0 ? (int64_t)(MIN(wait, 3600) * 1e9) + 1 : 0;
}

void throttle_account(ThrottleGroup *g, bool write, uint64_t bytes, int64_t now_ns)
{
    uint64_t unit = g->cfg.iops_size, ops = unit && bytes > unit ? (bytes + unit - 1) / unit : 1;
    throttle_leak(g, now_ns);
    for (unsigned i = 0; i < THROTTLE_KINDS; i++) {
        bool mine = i % 3 == 0 || (i % 3 == 1) == !write;
        double units = mine ? (double)(i < THROTTLE_IOPS_TOTAL ? bytes : ops) : 0;
        g->bucket[i].level += units;
        g->bucket[i].burst += units;
    }
}
