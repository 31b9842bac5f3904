/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's side of DDC2B.  See ddc.h. */
#include "util/osdep.h"
#include "hw/display/ddc.h"

enum { DDC_ADDRESS = 0x50 };
/* What the byte on the wire is.  Idle: not for us, until the next start. */
enum { DDC_IDLE, DDC_ADDRESSED, DDC_OFFSET, DDC_IGNORED, DDC_READ, DDC_LAST = DDC_READ };

void ddc_reset(Ddc *d)
{
    d->clock = d->data = true;
    d->pulls = false;
    d->phase = DDC_IDLE;
    d->bits = d->byte = d->at = 0;
}

bool ddc_clock(const Ddc *d)
{
    return d->clock;
}

bool ddc_data(const Ddc *d)
{
    return d->data && !d->pulls;
}

/* Eight bits have come: what they mean; false: no acknowledge. */
static bool ddc_take(Ddc *d)
{
    switch (d->phase) {
    case DDC_ADDRESSED:
        if (d->byte >> 1 != DDC_ADDRESS) {
            d->phase = DDC_IDLE;
            return false;
        }
        d->phase = d->byte & 1 ? DDC_READ : DDC_OFFSET;
        return true;
    case DDC_OFFSET:
        d->at = d->byte % EDID_BLOCK;
        d->phase = DDC_IGNORED; /* what follows would be written, and is protected */
        return true;
    default: return true;
    }
}

/* The clock goes up: data is valid. */
static void ddc_rise(Ddc *d)
{
    if (d->phase == DDC_IDLE) {
        return;
    }
    if (d->bits < 8) {
        d->byte = (uint8_t)(d->byte << 1 | (d->data ? 1 : 0));
    } else if (d->phase == DDC_READ && !d->pulls && d->data) {
        d->phase = DDC_IDLE; /* the reader wants no more */
    }
    d->bits++;
}

/* The clock goes down: data may change. */
static void ddc_fall(Ddc *d)
{
    bool reading = d->phase == DDC_READ;

    if (d->phase == DDC_IDLE) {
        d->pulls = false;
        return;
    }
    if (d->bits == 8) { /* a byte that was read is the reader's to acknowledge */
        d->pulls = !reading && ddc_take(d);
        return;
    }
    if (d->bits > 8) {
        d->bits = 0;
        d->byte = reading ? d->block[d->at] : 0;
        d->at = reading ? (d->at + 1) % EDID_BLOCK : d->at;
        d->pulls = false;
    }
    if (reading) {
        d->pulls = !(d->byte & 0x80); /* rising clocks shift it, so the next bit is always on top */
    }
}

void ddc_drive(Ddc *d, bool clock, bool data)
{
    if (!d->monitor) {
        d->clock = clock;
        d->data = data;
        return;
    }
    if (d->clock && !clock) {
        d->clock = false;
        ddc_fall(d);
    }
    if (d->clock && data != d->data) { /* while the clock is high: start or stop */
        d->phase = data ? DDC_IDLE : DDC_ADDRESSED;
        d->bits = d->byte = 0;
        d->pulls = false;
    }
    d->data = data;
    if (!d->clock && clock) {
        d->clock = true;
        ddc_rise(d);
    }
}

static bool ddc_post_load(void *opaque, int version, Error **errp)
{
    Ddc *d = opaque;

    (void)version;
    if (d->phase > DDC_LAST || d->bits > 9 || d->at >= EDID_BLOCK) {
        error_set(errp, "DDC: state %u, bit %u, offset %u cannot be", d->phase, d->bits, d->at);
        return false;
    }
    return true;
}

const VMState ddc_state = {
    .name = "ddc",
    .version = 1,
    .fields = (const VMStateField[]){
        VMS_UINT(Ddc, clock), VMS_UINT(Ddc, data), VMS_UINT(Ddc, pulls), VMS_UINT(Ddc, phase), VMS_UINT(Ddc, bits),
        VMS_UINT(Ddc, byte), VMS_UINT(Ddc, at), VMS_END },
    .post_load = ddc_post_load,
};
