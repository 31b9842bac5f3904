/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87, SSE, AVX, AVX-512 and protection keys on their way between the kernel and X86Cpu: an XSAVE area in the standard form
 * (SDM vol. 1, 13.4), whose places the host's CPUID leaf 0xd tells.  Components that X86Cpu has no place for stay in
 * KvmVcpu.xsave as they came.  vCPU's thread, big lock.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"
#include "target/i386/fpu.h"
#include "target/i386/native.h"

#include <sys/ioctl.h>

enum { XC_X87, XC_SSE, XC_YMM, XC_OPMASK = 5, XC_ZMM_LOW, XC_ZMM_HIGH, XC_PKRU = 9, XC_KNOWN };
enum { XSAVE_MXCSR = 24, XSAVE_MXCSR_MASK = 28, XSAVE_ST = 32, XSAVE_XMM = 160, XSAVE_BV = 512, XSAVE_LEGACY = 576 };

static uint32_t xsave_at[XC_KNOWN]; /* 0: the host does not have it */

void kvm_xsave_init(void)
{
    uint64_t have = kvm.xcr0;
    for (unsigned n = XC_YMM; n < XC_KNOWN; n++) {
        uint32_t offset = have >> n & 1 ? native_host_cpuid(13, n, 1) : 0;
        uint32_t size = have >> n & 1 ? native_host_cpuid(13, n, 0) : 0;
        xsave_at[n] = offset >= XSAVE_LEGACY && offset + size <= kvm.xsave_size ? offset : 0;
    }
}

/* Component @n of an area: NULL when the host does not have it. */
static uint8_t *xsave_part(uint8_t *area, unsigned n)
{
    return xsave_at[n] ? area + xsave_at[n] : NULL;
}

static void x87_get(X86Cpu *cpu, const uint8_t *p)
{
    cpu->x87.fcw = ld_le16(p);
    cpu->x87.fsw = ld_le16(p + 2);
    cpu->x87.ftw = p[4];
    cpu->fop = ld_le16(p + 6);
    cpu->fip = ld_le64(p + 8);
    cpu->fdp = ld_le64(p + 16);
    cpu->fcs = cpu->fds = 0;
    for (unsigned i = 0; i < 8; i++) {
        memset(cpu->x87.st[i], 0, 16);
        memcpy(cpu->x87.st[i], p + XSAVE_ST + i * 16, 10);
    }
}

static void x87_put(const X86Cpu *cpu, uint8_t *p)
{
    st_le16(p, cpu->x87.fcw);
    st_le16(p + 2, cpu->x87.fsw);
    p[4] = cpu->x87.ftw;
    p[5] = 0;
    st_le16(p + 6, cpu->fop);
    st_le64(p + 8, cpu->fip);
    st_le64(p + 16, cpu->fdp);
    for (unsigned i = 0; i < 8; i++) {
        memset(p + XSAVE_ST + i * 16, 0, 16);
        memcpy(p + XSAVE_ST + i * 16, cpu->x87.st[i], 10);
    }
}

/* Bytes [@from, @from + @len) of registers @first.. on their way. */
static void vec_get(X86Cpu *cpu, const uint8_t *p, unsigned first, unsigned from, unsigned len, bool there)
{
    for (unsigned i = 0; i < 16; i++) {
        if (there && p) {
            memcpy(cpu->vec[first + i].b + from, p + i * len, len);
        } else {
            memset(cpu->vec[first + i].b + from, 0, len);
        }
    }
}

static void vec_put(const X86Cpu *cpu, uint8_t *p, unsigned first, unsigned from, unsigned len)
{
    for (unsigned i = 0; i < 16 && p; i++) {
        memcpy(p + i * len, cpu->vec[first + i].b + from, len);
    }
}

void kvm_xsave_get(Vcpu *v)
{
    KvmVcpu *k = kvm_vcpu(v);
    X86Cpu *cpu = x86_cpu(v);
    uint8_t *a = k->xsave;
    unsigned long request = kvm.xsave_size > sizeof(struct kvm_xsave) ? KVM_GET_XSAVE2 : KVM_GET_XSAVE;
    if (kvm_ioctl(k->fd, request, a) < 0) {
        kvm_broken(v, "cannot read the vector state");
        return;
    }
    uint64_t bv = ld_le64(a + XSAVE_BV);
    const uint8_t *mask = xsave_part(a, XC_OPMASK), *pkru = xsave_part(a, XC_PKRU);
    x87_get(cpu, a);
    if (!(bv >> XC_X87 & 1) && (xsave_at[XC_YMM] || bv)) { /* in its initial state, whatever the bytes say */
        static const uint8_t fresh[XSAVE_XMM] = { 0x7f, 0x03 };
        x87_get(cpu, fresh);
    }
    cpu->mxcsr = ld_le32(a + XSAVE_MXCSR);
    vec_get(cpu, a + XSAVE_XMM, 0, 0, 16, (bv >> XC_SSE & 1) || !bv);
    vec_get(cpu, xsave_part(a, XC_YMM), 0, 16, 16, bv >> XC_YMM & 1);
    vec_get(cpu, xsave_part(a, XC_ZMM_LOW), 0, 32, 32, bv >> XC_ZMM_LOW & 1);
    vec_get(cpu, xsave_part(a, XC_ZMM_HIGH), 16, 0, 64, bv >> XC_ZMM_HIGH & 1);
    for (unsigned i = 0; i < 8; i++) {
        cpu->opmask[i] = mask && (bv >> XC_OPMASK & 1) ? ld_le64(mask + i * 8) : 0;
    }
    cpu->pkru = pkru && (bv >> XC_PKRU & 1) ? ld_le32(pkru) : 0;
}

void kvm_xsave_put(Vcpu *v, bool reset)
{
    KvmVcpu *k = kvm_vcpu(v);
    X86Cpu *cpu = x86_cpu(v);
    uint8_t *a = k->xsave;
    if (reset) {
        memset(a, 0, kvm.xsave_size);
    }
    uint64_t bv = ld_le64(a + XSAVE_BV) | 1u << XC_X87 | 1u << XC_SSE;
    uint8_t *mask = xsave_part(a, XC_OPMASK), *pkru = xsave_part(a, XC_PKRU);
    x87_put(cpu, a);
    st_le32(a + XSAVE_MXCSR, cpu->mxcsr);
    st_le32(a + XSAVE_MXCSR_MASK, fpu_mxcsr_mask(cpu));
    vec_put(cpu, a + XSAVE_XMM, 0, 0, 16);
    vec_put(cpu, xsave_part(a, XC_YMM), 0, 16, 16);
    vec_put(cpu, xsave_part(a, XC_ZMM_LOW), 0, 32, 32);
    vec_put(cpu, xsave_part(a, XC_ZMM_HIGH), 16, 0, 64);
    for (unsigned i = 0; i < 8 && mask; i++) {
        st_le64(mask + i * 8, cpu->opmask[i]);
    }
    if (pkru) {
        st_le32(pkru, (uint32_t)cpu->pkru);
    }
    for (unsigned n = XC_YMM; n < XC_KNOWN; n++) {
        bool ours = n == XC_YMM || (n >= XC_OPMASK && n <= XC_ZMM_HIGH) || n == XC_PKRU;
        bv |= xsave_at[n] && ours ? (uint64_t)1 << n : 0;
    }
    st_le64(a + XSAVE_BV, bv);
    st_le64(a + XSAVE_BV + 8, 0); /* the standard form */
    if (kvm_ioctl(k->fd, KVM_SET_XSAVE, a) < 0) {
        kvm_broken(v, "cannot set the vector state");
    }
}
