/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages that the kernel sends when an eventfd is signalled (IrqchipOps.msi_route_*): they arrive in the local APIC of a vCPU that
 * nobody runs.  Needs a usable /dev/kvm, so it is run in the nest of tests/kvm; $KERNEL_IRQCHIP is on (the default) or split.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"
#include "util/mainloop.h"

#include "tests/unit/test.h"

#include <sys/eventfd.h>
#include <sys/ioctl.h>

#define LAPIC_SVR 0xf0
#define LAPIC_IRR 0x200
#define TO_CPU_0 0xfee00000u

static int vcpu = -1;
static const IrqchipOps *ops;

static void need_kvm(void)
{
    char *why = NULL, *spec;
    const char *mode = g_getenv("KERNEL_IRQCHIP");
    if (ops) {
        return;
    }
    if (!kvm_probe(&why)) {
        TEST_SKIP(why);
    }
    Error *err = NULL;
    struct kvm_lapic_state s;
    spec = g_strdup_printf("kvm,kernel-irqchip=%s", mode ? mode : "on");
    bql_lock();
    CHECK(accel_choose(spec, &err));
    g_free(spec);
    vcpu = ioctl(kvm.vm, KVM_CREATE_VCPU, 0);
    CHECK(vcpu >= 0);
    CHECK_EQ(ioctl(vcpu, KVM_GET_LAPIC, &s), 0);
    st_le32(s.regs + LAPIC_SVR, 0x1ff);
    CHECK_EQ(ioctl(vcpu, KVM_SET_LAPIC, &s), 0);
    ops = irqchip_kernel();
    CHECK(ops);
}

static bool waits(uint8_t vector)
{
    struct kvm_lapic_state s;
    CHECK_EQ(ioctl(vcpu, KVM_GET_LAPIC, &s), 0);
    return ld_le32(s.regs + LAPIC_IRR + vector / 32 * 16) >> (vector & 31) & 1;
}

/* Within a second. */
static bool comes(uint8_t vector)
{
    for (unsigned n = 0; n < 1000 && !waits(vector); n++) {
        g_usleep(1000);
    }
    return waits(vector);
}

static void signal_fd(int fd)
{
    uint64_t one = 1;
    CHECK_EQ(write(fd, &one, sizeof(one)), sizeof(one));
}

TEST(a_signalled_eventfd_sends_the_message)
{
    need_kvm();
    int fd = eventfd(0, EFD_NONBLOCK), other = eventfd(0, EFD_NONBLOCK);
    int route = ops->msi_route_add(TO_CPU_0, 0x51), second = ops->msi_route_add(TO_CPU_0, 0x52);
    CHECK(route >= IRQCHIP_PINS && second >= IRQCHIP_PINS && route != second);
    CHECK(ops->msi_route_attach(route, fd, true));
    CHECK(ops->msi_route_attach(second, other, true));
    CHECK(!waits(0x51));
    signal_fd(fd);
    CHECK(comes(0x51));
    CHECK(!waits(0x52));
    signal_fd(other);
    CHECK(comes(0x52));

    /* the guest changes the message */
    CHECK(ops->msi_route_set(route, TO_CPU_0, 0x53));
    signal_fd(fd);
    CHECK(comes(0x53));

    /* masked: nothing is sent, the eventfd is the device's own */
    CHECK(ops->msi_route_attach(route, fd, false));
    CHECK(ops->msi_route_set(route, TO_CPU_0, 0x54));
    signal_fd(fd);
    g_usleep(20000);
    CHECK(!waits(0x54));
    uint64_t count = 0;
    CHECK_EQ(read(fd, &count, sizeof(count)), sizeof(count));
    CHECK_EQ(count, 1);

    /* a number comes back */
    ops->msi_route_remove(route);
    CHECK_EQ(ops->msi_route_add(TO_CPU_0, 0x55), route);
    ops->msi_route_remove(route);
    ops->msi_route_attach(second, other, false);
    ops->msi_route_remove(second);
    close(fd);
    close(other);
}

TEST(messages_without_eventfd_arrive)
{
    need_kvm();
    ops->send_msi(TO_CPU_0, 0x61);
    CHECK(comes(0x61));
}

/* Split: changes of entries while an interrupt is in service keep the former message known, and its end forgets it. */
TEST(pins_are_routed)
{
    need_kvm();
    if (!ops->route_pin) {
        TEST_SKIP("the I/O APIC is in the kernel");
    }
    ops->route_pin(9, TO_CPU_0, KVM_MSI_LEVEL | 0x71);
    ops->route_pin(9, 0, 0); /* masked */
    ops->route_pin(9, TO_CPU_0, KVM_MSI_LEVEL | 0x72);
    kvm_irqchip_eoi(0x71);
    ops->route_pin(9, 0, 0);
    kvm_irqchip_eoi(0x72);
}
