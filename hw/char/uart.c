/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A UART (National Semiconductor PC16550D data sheet), bus-less core.
 *
 * Called by the bus adapter's port dispatch, by the character back end and by two timers.  Under the big lock.
 *
 * Characters leave as fast as the back end takes them, whatever the divisor says; the divisor counts for the
 * character timeout and for real lines.  All eight bits go through even when a shorter word is set, because programs
 * that never initialise the port are common.
 */
#include "util/osdep.h"
#include "hw/char/uart.h"

enum { UART_DATA, UART_IER, UART_IIR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, UART_SCR };
enum { IER_RX = 1, IER_TX = 2, IER_LINE = 4, IER_MODEM = 8 };
enum { IIR_NONE = 1, IIR_MODEM = 0, IIR_TX = 2, IIR_RX = 4, IIR_LINE = 6, IIR_TIMEOUT = 12, IIR_FIFO = 0xc0 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4 };
enum { LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 16 };
enum { LSR_DR = 1, LSR_OE = 2, LSR_PE = 4, LSR_FE = 8, LSR_BI = 16, LSR_THRE = 32, LSR_TEMT = 64, LSR_FIFO_ERROR = 128 };
enum { LSR_ERRORS = LSR_OE | LSR_PE | LSR_FE | LSR_BI };
enum { MSR_DCTS = 1, MSR_DDSR = 2, MSR_TERI = 4, MSR_DDCD = 8, MSR_CTS = 16, MSR_DSR = 32, MSR_RI = 64, MSR_DCD = 128 };
enum { UART_POLL_NS = 10 * 1000 * 1000 };

static bool uart_fifo_on(const Uart *s)
{
    return s->fcr & FCR_ENABLE;
}

static unsigned uart_depth(const Uart *s)
{
    return uart_fifo_on(s) ? UART_FIFO : 1;
}

static unsigned uart_trigger(const Uart *s)
{
    static const uint8_t levels[4] = { 1, 4, 8, 14 };
    return uart_fifo_on(s) ? levels[s->fcr >> 6] : 1;
}

/* The interrupt that IIR shows: the highest of those enabled. */
static uint8_t uart_cause(const Uart *s)
{
    if ((s->ier & IER_LINE) && (s->lsr & LSR_ERRORS)) {
        return IIR_LINE;
    }
    if ((s->ier & IER_RX) && s->rx_num >= uart_trigger(s)) {
        return IIR_RX;
    }
    if ((s->ier & IER_RX) && s->timeout_pending) {
        return IIR_TIMEOUT;
    }
    if ((s->ier & IER_TX) && s->thr_pending) {
        return IIR_TX;
    }
    if ((s->ier & IER_MODEM) && (s->msr & 0x0f)) {
        return IIR_MODEM;
    }
    return IIR_NONE;
}

static void uart_update(Uart *s)
{
    bool level = uart_cause(s) != IIR_NONE;
    if (level != s->irq_level) {
        s->irq_level = level;
        irq_set(s->irq, level);
    }
}

/* ns that one character takes on the line. */
static int64_t uart_char_ns(const Uart *s)
{
    unsigned half_bits = 2 * (1 + 5 + (s->lcr & 3)) + (s->lcr & 8 ? 2 : 0) + (!(s->lcr & 4) ? 2 : s->lcr & 3 ? 4 : 3);
    return muldiv64((uint64_t)half_bits * 16 * MAX(s->divisor, 1), NS_PER_SEC, 2 * UART_CLOCK_HZ);
}

/* After each arrival or read: four character times later, what waits below the trigger level is reported. */
static void uart_arm_timeout(Uart *s)
{
    s->timeout_pending = false;
    if (uart_fifo_on(s) && s->rx_num && (s->ier & IER_RX)) {
        timer_mod(&s->timeout, clock_ns(CLOCK_KIND_VIRTUAL) + 4 * uart_char_ns(s));
    } else {
        timer_del(&s->timeout);
    }
}

static void uart_timed_out(void *opaque)
{
    Uart *s = opaque;
    s->timeout_pending = s->rx_num > 0;
    uart_update(s);
}

/* The errors of the character at the head of the queue show in LSR. */
static void uart_show_head(Uart *s)
{
    if (s->rx_num) {
        s->lsr |= s->rx_flags[s->rx_head];
        s->rx_flags[s->rx_head] = 0;
    }
}

static void uart_push(Uart *s, uint8_t c, uint8_t flags)
{
    if (s->rx_num >= uart_depth(s)) {
        s->lsr |= LSR_OE;
        if (uart_fifo_on(s)) {
            return;
        }
        s->rx_num = 0; /* without FIFO the new character replaces the old one */
    }
    unsigned at = (s->rx_head + s->rx_num) % UART_FIFO;
    s->rx[at] = c;
    s->rx_flags[at] = flags;
    if (s->rx_num++ == 0) {
        uart_show_head(s);
    }
}

static uint8_t uart_pop(Uart *s)
{
    if (s->rx_num) {
        s->rbr = s->rx[s->rx_head];
        s->rx_head = (s->rx_head + 1) % UART_FIFO;
        s->rx_num--;
        uart_show_head(s);
        uart_arm_timeout(s);
        uart_update(s);
        if (!(s->mcr & MCR_LOOP)) {
            char_fe_accept_input(&s->chr);
        }
    }
    return s->rbr;
}

/* Empties the transmitter into the back end, as far as that takes it. */
static void uart_send(Uart *s)
{
    if (s->sending) {
        return;
    }
    s->sending = true;
    while (s->tx_num) {
        size_t chunk = MIN(s->tx_num, UART_FIFO - s->tx_head);
        size_t n = char_fe_write(&s->chr, s->tx + s->tx_head, chunk);
        if (!n) {
            break;
        }
        n = MIN(n, chunk);
        s->tx_head = (s->tx_head + n) % UART_FIFO;
        s->tx_num -= n;
    }
    s->sending = false;
    if (!s->tx_num) {
        s->lsr |= LSR_THRE | LSR_TEMT;
        s->thr_pending = true;
    }
    uart_update(s);
}

static void uart_transmit(Uart *s, uint8_t c)
{
    s->thr_pending = false;
    if (s->mcr & MCR_LOOP) {
        uart_push(s, c, 0);
        uart_arm_timeout(s);
        s->lsr |= LSR_THRE | LSR_TEMT;
        s->thr_pending = true;
        uart_update(s);
        return;
    }
    if (s->tx_num < uart_depth(s)) { /* else it is lost, as on the chip */
        s->tx[(s->tx_head + s->tx_num++) % UART_FIFO] = c;
    }
    s->lsr &= ~(LSR_THRE | LSR_TEMT);
    uart_send(s);
}

/* Modem inputs: from MCR in loopback, from a real line, else a null modem that is always ready. */
static void uart_read_modem(Uart *s)
{
    uint8_t old = s->msr, now;
    if (s->mcr & MCR_LOOP) {
        now = (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) | (s->mcr & MCR_OUT1 ? MSR_RI : 0) |
              (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
    } else {
        int lines = char_fe_get_modem(&s->chr);
        if (lines < 0) {
            lines = CHAR_MODEM_CTS | CHAR_MODEM_DSR | CHAR_MODEM_DCD;
        } else if (s->ier & IER_MODEM) {
            timer_mod(&s->poll, clock_ns(CLOCK_KIND_VIRTUAL) + UART_POLL_NS);
        }
        now = (lines & CHAR_MODEM_CTS ? MSR_CTS : 0) | (lines & CHAR_MODEM_DSR ? MSR_DSR : 0) |
              (lines & CHAR_MODEM_RI ? MSR_RI : 0) | (lines & CHAR_MODEM_DCD ? MSR_DCD : 0);
    }
    uint8_t changed = (old ^ now) & 0xf0;
    s->msr = now | (old & 0x0f) | (changed & (MSR_CTS | MSR_DSR | MSR_DCD)) >> 4 |
             (changed & old & MSR_RI ? MSR_TERI : 0); /* the trailing edge of RI only */
    uart_update(s);
}

static void uart_poll_modem(void *opaque)
{
    uart_read_modem(opaque);
}

static void uart_set_line(Uart *s)
{
    if (!s->divisor) {
        return;
    }
    CharSerialParams p = {
        .speed = MAX(UART_CLOCK_HZ / 16 / s->divisor, 1),
        .data_bits = 5 + (s->lcr & 3),
        .stop_bits = s->lcr & 4 ? 2 : 1,
        .parity = !(s->lcr & 8) ? 'N' : s->lcr & 16 ? 'E' : 'O',
    };
    char_fe_set_serial(&s->chr, &p);
}

static void uart_write_fcr(Uart *s, uint8_t val)
{
    bool change = (s->fcr ^ val) & FCR_ENABLE;
    if (change || (val & FCR_CLEAR_RX)) {
        s->rx_num = 0;
        s->timeout_pending = false;
        timer_del(&s->timeout);
    }
    if ((change || (val & FCR_CLEAR_TX)) && s->tx_num) {
        s->tx_num = 0;
        s->lsr |= LSR_THRE | LSR_TEMT;
        s->thr_pending = true;
    }
    s->fcr = val & FCR_ENABLE ? val & 0xc9 : 0; /* the others are programmed only while it is on */
    uart_update(s);
    char_fe_accept_input(&s->chr);
}

static void uart_write_ier(Uart *s, uint8_t val)
{
    uint8_t on = val & ~s->ier;
    s->ier = val & 0x0f;
    if ((on & IER_TX) && (s->lsr & LSR_THRE)) {
        s->thr_pending = true;
    }
    if (on & IER_RX) {
        uart_arm_timeout(s);
    }
    if (on & IER_MODEM) {
        uart_read_modem(s);
    } else if (!(s->ier & IER_MODEM)) {
        timer_del(&s->poll);
    }
    uart_update(s);
}

static void uart_write_lcr(Uart *s, uint8_t val)
{
    uint8_t changed = s->lcr ^ val;
    s->lcr = val;
    if (changed & LCR_BREAK) {
        char_fe_set_break(&s->chr, val & LCR_BREAK);
    }
    if (changed & 0x3f) {
        uart_set_line(s);
    }
}

static void uart_write_mcr(Uart *s, uint8_t val)
{
    uint8_t changed = s->mcr ^ val;
    s->mcr = val & 0x1f;
    if (!(s->mcr & MCR_LOOP) && (changed & (MCR_DTR | MCR_RTS | MCR_LOOP))) {
        char_fe_set_modem(&s->chr, (val & MCR_DTR ? CHAR_MODEM_DTR : 0) | (val & MCR_RTS ? CHAR_MODEM_RTS : 0));
    }
    uart_read_modem(s);
    if ((changed & MCR_LOOP) && !(s->mcr & MCR_LOOP)) {
        char_fe_accept_input(&s->chr);
    }
}

static void uart_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Uart *s = opaque;
    (void)size;
    switch (off & 7) {
    case UART_DATA:
        if (s->lcr & LCR_DLAB) {
            s->divisor = (s->divisor & 0xff00) | (val & 0xff);
            uart_set_line(s);
        } else {
            uart_transmit(s, val);
        }
        break;
    case UART_IER:
        if (s->lcr & LCR_DLAB) {
            s->divisor = (s->divisor & 0x00ff) | (val & 0xff) << 8;
            uart_set_line(s);
        } else {
            uart_write_ier(s, val);
        }
        break;
    case UART_IIR:
        uart_write_fcr(s, val);
        break;
    case UART_LCR:
        uart_write_lcr(s, val);
        break;
    case UART_MCR:
        uart_write_mcr(s, val);
        break;
    case UART_SCR:
        s->scr = val;
        break;
    default: /* LSR and MSR are read only */
        break;
    }
}

static uint8_t uart_read_iir(Uart *s)
{
    uint8_t cause = uart_cause(s);
    if (cause == IIR_TX) {
        s->thr_pending = false;
        uart_update(s);
    }
    return cause | (uart_fifo_on(s) ? IIR_FIFO : 0);
}

static uint8_t uart_read_lsr(Uart *s)
{
    uint8_t v = s->lsr | (s->rx_num ? LSR_DR : 0);
    if (uart_fifo_on(s)) {
        for (unsigned i = 0; i < s->rx_num; i++) {
            v |= s->rx_flags[(s->rx_head + i) % UART_FIFO] ? LSR_FIFO_ERROR : 0;
        }
        v |= s->lsr & (LSR_PE | LSR_FE | LSR_BI) ? LSR_FIFO_ERROR : 0;
    }
    s->lsr &= ~LSR_ERRORS;
    uart_update(s);
    return v;
}

static uint64_t uart_read(void *opaque, hwaddr off, unsigned size)
{
    Uart *s = opaque;
    uint8_t v;
    (void)size;
    switch (off & 7) {
    case UART_DATA:
        return s->lcr & LCR_DLAB ? s->divisor & 0xff : uart_pop(s);
    case UART_IER:
        return s->lcr & LCR_DLAB ? s->divisor >> 8 : s->ier;
    case UART_IIR:
        return uart_read_iir(s);
    case UART_LCR:
        return s->lcr;
    case UART_MCR:
        return s->mcr;
    case UART_LSR:
        return uart_read_lsr(s);
    case UART_MSR:
        uart_read_modem(s);
        v = s->msr;
        s->msr &= 0xf0;
        uart_update(s);
        return v;
    default:
        return s->scr;
    }
}

const MemOps uart_ops = { .read = uart_read, .write = uart_write, .max_size = 1 };

/* Back end. */
static size_t uart_can_receive(void *opaque)
{
    const Uart *s = opaque;
    return s->mcr & MCR_LOOP ? 0 : uart_depth(s) - MIN(s->rx_num, uart_depth(s));
}

static void uart_receive(void *opaque, const uint8_t *buf, size_t len)
{
    Uart *s = opaque;
    for (size_t i = 0; i < len; i++) {
        uart_push(s, buf[i], 0);
    }
    uart_arm_timeout(s);
    uart_update(s);
}

static void uart_event(void *opaque, CharEvent ev)
{
    Uart *s = opaque;
    if (ev == CHAR_EV_BREAK && !(s->mcr & MCR_LOOP)) {
        uart_push(s, 0, LSR_BI);
        uart_arm_timeout(s);
        uart_update(s);
    } else if (ev == CHAR_EV_OPENED || ev == CHAR_EV_CLOSED) {
        uart_send(s);
    }
}

static void uart_can_write(void *opaque)
{
    Uart *s = opaque;
    if (s->tx_num) {
        uart_send(s);
    }
}

static const CharFeOps uart_fe_ops = {
    .can_receive = uart_can_receive, .receive = uart_receive, .event = uart_event, .can_write = uart_can_write,
};

/* Life. */
void uart_reset(Uart *s)
{
    s->rbr = s->ier = s->fcr = s->lcr = s->mcr = s->scr = 0;
    s->lsr = LSR_THRE | LSR_TEMT;
    s->msr = MSR_CTS | MSR_DSR | MSR_DCD;
    s->divisor = 12; /* 9600 baud */
    s->thr_pending = s->timeout_pending = false;
    s->rx_head = s->rx_num = s->tx_head = s->tx_num = 0;
    memset(s->rx_flags, 0, sizeof(s->rx_flags));
    timer_del(&s->timeout);
    timer_del(&s->poll);
    s->irq_level = false;
    irq_lower(s->irq);
    char_fe_accept_input(&s->chr);
}

bool uart_init(Uart *s, Error **errp)
{
    (void)errp;
    timer_init(&s->timeout, CLOCK_KIND_VIRTUAL, uart_timed_out, s);
    timer_init(&s->poll, CLOCK_KIND_VIRTUAL, uart_poll_modem, s);
    char_fe_set_handlers(&s->chr, &uart_fe_ops, s);
    return true;
}

void uart_destroy(Uart *s)
{
    char_fe_set_handlers(&s->chr, NULL, NULL);
    timer_del(&s->timeout);
    timer_del(&s->poll);
}

static bool uart_post_load(void *opaque, int version, Error **errp)
{
    Uart *s = opaque;
    (void)version;
    if (s->rx_head >= UART_FIFO || s->tx_head >= UART_FIFO || s->rx_num > uart_depth(s) || s->tx_num > uart_depth(s) ||
        (s->ier & 0xf0) || (s->mcr & 0xe0) || (s->fcr & ~0xc9)) {
        error_set(errp, "state of a serial port is not one that it can have");
        return false;
    }
    s->irq_level = uart_cause(s) != IIR_NONE;
    return true;
}

static const VMStateField uart_fields[] = {
    VMS_UINT(Uart, rbr), VMS_UINT(Uart, ier), VMS_UINT(Uart, fcr), VMS_UINT(Uart, lcr), VMS_UINT(Uart, mcr),
    VMS_UINT(Uart, lsr), VMS_UINT(Uart, msr), VMS_UINT(Uart, scr), VMS_UINT(Uart, divisor),
    VMS_UINT(Uart, thr_pending), VMS_UINT(Uart, timeout_pending), VMS_BUFFER(Uart, rx), VMS_BUFFER(Uart, rx_flags),
    VMS_UINT(Uart, rx_head), VMS_UINT(Uart, rx_num), VMS_BUFFER(Uart, tx), VMS_UINT(Uart, tx_head),
    VMS_UINT(Uart, tx_num), VMS_TIMER(Uart, timeout), VMS_TIMER(Uart, poll), VMS_END
};
const VMState uart_state = { .name = "uart", .version = 1, .fields = uart_fields, .post_load = uart_post_load };
