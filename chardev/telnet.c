/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Telnet's in-band commands (RFC 854, 855, 857, 858, 856): we offer to echo, to suppress go-ahead and to be
 * binary, which puts clients into character mode; whatever the client answers is taken out of the data.
 */
#include "util/osdep.h"
#include "chardev/char-int.h"

enum { SE = 240, BREAK = 243, SB = 250, WILL = 251, WONT = 252, DO = 253, DONT = 254, IAC = 255 };
enum { OPT_BINARY = 0, OPT_ECHO = 1, OPT_SGA = 3 };
enum { ST_DATA, ST_IAC, ST_OPTION, ST_SUB, ST_SUB_IAC, ST_CR };

const uint8_t telnet_greeting[] = { IAC, WILL, OPT_ECHO, IAC, WILL, OPT_SGA, IAC, WILL, OPT_BINARY,
                                    IAC, DO, OPT_BINARY };
const size_t telnet_greeting_len = sizeof(telnet_greeting);

static int telnet_command(uint8_t b, bool *brk)
{
    *brk |= b == BREAK;
    return b == SB ? ST_SUB : b >= WILL && b <= DONT ? ST_OPTION : ST_DATA;
}

size_t telnet_filter(Telnet *t, uint8_t *buf, size_t len, bool *brk)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t b = buf[i];
        switch (t->state) {
        case ST_IAC:
            if (b == IAC) {
                buf[out++] = IAC;
                t->state = ST_DATA;
            } else {
                t->state = telnet_command(b, brk);
            }
            break;
        case ST_OPTION:
            t->state = ST_DATA;
            break;
        case ST_SUB:
            t->state = b == IAC ? ST_SUB_IAC : ST_SUB;
            break;
        case ST_SUB_IAC:
            t->state = b == SE ? ST_DATA : ST_SUB;
            break;
        default:
            /* Clients that are not binary send CR NUL for the return key. */
            if (b == IAC) {
                t->state = ST_IAC;
            } else if (!(b == 0 && t->state == ST_CR)) {
                buf[out++] = b;
                t->state = b == '\r' ? ST_CR : ST_DATA;
            } else {
                t->state = ST_DATA;
            }
        }
    }
    return out;
}
