/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leaky buckets and groups of drives that share them; see throttle.h. */
#include "util/osdep.h"
#include "block/throttle.h"
#include "util/keyval.h"

#include <pthread.h>

typedef struct ThrottleBucket {
    double level, burst; /* units that have not leaked yet: at the average, and at the burst's rate */
} ThrottleBucket;

struct ThrottleGroup {
    char *name;
    unsigned refs;
    bool object; /* made by -object, which is one of the references */
    pthread_mutex_t lock; /* of all that follows but `next` */
    ThrottleConfig cfg;
    ThrottleBucket bucket[THROTTLE_KINDS];
    int64_t leaked_ns; /* when they leaked last; 0: never */
    ThrottleGroup *next; /* big lock */
};

static ThrottleGroup *throttle_groups;

/* ---- Options --------------------------------------------------------------------------------------------------- */

static const char *const throttle_new[] = { "bps-total", "bps-read", "bps-write", "iops-total", "iops-read", "iops-write" };
static const char *const throttle_old[] = { "bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr" };

/* The three of one kind, by the words of the dialect: "iops_rd" "_", or "throttling." "iops-read" "-". */
static bool throttle_limit_keys(KeyVal *kv, const char *prefix, const char *name, const char *dash, ThrottleLimit *l, Error **errp)
{
    char *avg = g_strconcat(prefix, name, NULL), *max = g_strconcat(avg, dash, "max", NULL);
    char *length = g_strconcat(max, dash, "length", NULL);
    bool ok = keyval_get_size(kv, avg, &l->avg, errp) && keyval_get_size(kv, max, &l->max, errp) &&
              keyval_get_size(kv, length, &l->length, errp);
    g_free(avg);
    g_free(max);
    g_free(length);
    return ok;
}

static bool throttle_keys(ThrottleConfig *c, KeyVal *kv, const char *prefix, Error **errp)
{
    bool ok = true;
    for (unsigned i = 0; ok && i < THROTTLE_KINDS; i++) {
        ok = throttle_limit_keys(kv, prefix, throttle_new[i], "-", &c->limit[i], errp);
    }
    char *size = g_strconcat(prefix, "iops-size", NULL);
    ok = ok && keyval_get_size(kv, size, &c->iops_size, errp);
    g_free(size);
    return ok;
}

bool throttle_config_from_keyval(ThrottleConfig *c, KeyVal *kv, Error **errp)
{
    *c = (ThrottleConfig){ 0 };
    for (unsigned i = 0; i < THROTTLE_KINDS; i++) {
        if (!throttle_limit_keys(kv, "", throttle_old[i], "_", &c->limit[i], errp)) {
            return false;
        }
    }
    return keyval_get_size(kv, "iops_size", &c->iops_size, errp) && throttle_keys(c, kv, "throttling.", errp) &&
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

ThrottleGroup *throttle_group_find(const char *name)
{
    ThrottleGroup *g = throttle_groups;
    while (g && strcmp(g->name, name)) {
        g = g->next;
    }
    return g;
}

ThrottleGroup *throttle_group_ref(const char *name)
{
    ThrottleGroup *g = throttle_group_find(name);
    if (!g) {
        g = g_new0(ThrottleGroup, 1);
        g->name = g_strdup(name);
        pthread_mutex_init(&g->lock, NULL);
        g->next = throttle_groups;
        throttle_groups = g;
    }
    g->refs++;
    return g;
}

bool throttle_group_add(KeyVal *kv, Error **errp)
{
    static const char *const known[] = { "qom-type", "id", "limits", "x-iops-total", "x-iops-read", "x-iops-write", "x-bps-total",
                                         "x-bps-read", "x-bps-write", "x-iops-size", NULL };
    const char *id = keyval_get(kv, "id");
    ThrottleConfig c = { 0 };
    if (!id) {
        error_set(errp, "a throttle-group needs id=");
        return false;
    }
    if (throttle_group_find(id)) {
        error_set(errp, "there is a throttle-group '%s' already", id);
        return false;
    }
    if (!throttle_keys(&c, kv, "x-", errp) || !throttle_keys(&c, kv, "limits.", errp) ||
        !keyval_finish(kv, "throttle-group", known, errp) || !throttle_config_check(&c, errp)) {
        return false;
    }
    ThrottleGroup *g = throttle_group_ref(id);
    g->object = true;
    throttle_group_set(g, &c);
    return true;
}

void throttle_group_drop_all(void)
{
    for (ThrottleGroup *g = throttle_groups, *next; g; g = next) {
        next = g->next;
        if (g->object) {
            g->object = false;
            throttle_group_unref(g);
        }
    }
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
    pthread_mutex_destroy(&g->lock);
    g_free(g->name);
    g_free(g);
}

const char *throttle_group_name(const ThrottleGroup *g)
{
    return g->name;
}

void throttle_group_set(ThrottleGroup *g, const ThrottleConfig *c)
{
    pthread_mutex_lock(&g->lock);
    g->cfg = *c;
    memset(g->bucket, 0, sizeof(g->bucket));
    pthread_mutex_unlock(&g->lock);
}

void throttle_group_get(ThrottleGroup *g, ThrottleConfig *c)
{
    pthread_mutex_lock(&g->lock);
    *c = g->cfg;
    pthread_mutex_unlock(&g->lock);
}

/* ---- Buckets ------------------------------------------------------------------------------------------------------ */

static void throttle_leak(ThrottleGroup *g, int64_t now_ns)
{
    double seconds = g->leaked_ns ? (double)MAX(now_ns - g->leaked_ns, 0) / 1e9 : 0;
    g->leaked_ns = MAX(g->leaked_ns, now_ns); /* threads read the clock before they have the lock */
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
    pthread_mutex_lock(&g->lock);
    throttle_leak(g, now_ns);
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        double w = throttle_bucket_wait(&g->cfg.limit[kinds[i]], &g->bucket[kinds[i]]);
        wait = MAX(wait, w);
    }
    pthread_mutex_unlock(&g->lock);
    return wait > 0 ? (int64_t)(MIN(wait, 3600) * 1e9) + 1 : 0;
}

void throttle_account(ThrottleGroup *g, bool write, uint64_t bytes, int64_t now_ns)
{
    pthread_mutex_lock(&g->lock);
    uint64_t unit = g->cfg.iops_size, ops = unit && bytes > unit ? (bytes + unit - 1) / unit : 1;
    throttle_leak(g, now_ns);
    for (unsigned i = 0; i < THROTTLE_KINDS; i++) {
        bool mine = i % 3 == 0 || (i % 3 == 1) == !write;
        double units = mine ? (double)(i < THROTTLE_IOPS_TOTAL ? bytes : ops) : 0;
        g->bucket[i].level += units;
        g->bucket[i].burst += units;
    }
    pthread_mutex_unlock(&g->lock);
}
