/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See guest-cpu.h.  Every vector has a handler that is one HLT, so that where the CPU halted tells which exception came. */
#include "util/osdep.h"
#include "tests/unit/guest-cpu.h"
#include "accel/accel.h"
#include "target/i386/decode.h"
#include "target/i386/exc.h"
#include "util/mainloop.h"

enum { IDT = 0x4000, HANDLERS = 0x5000, GDT = 0x6000, TSS = 0x6800, STACK0 = 0x280000 };

static X86Cpu *guest;
static uint8_t *ram_ptr;

static MemRegion root, ram, io;
static AddressSpace as, as_io;

static void guest_create(void)
{
    static const CpuTopology topo = { 1, 1, 1, 1, 1, 1 };
    Error *err = NULL;

    bql_lock();
    const char *engine = getenv("ENGINE");
    if (!accel_choose(engine ? engine : "interp", &err)) {
        abort();
    }
    mem_init_container(&root, "test", MEM_SIZE_MAX);
    mem_init_container(&io, "test-io", 0x10000);
    if (!mem_init_ram(&ram, "test-ram", GUEST_RAM_SIZE, &err)) {
        abort();
    }
    mem_add(&root, 0, &ram);
    address_space_init(&as, &root, "test");
    address_space_init(&as_io, &io, "test-io");
    Vcpu *v = target_ops.vcpu_new("max", 0, 0, &topo, &err);
    if (!v) {
        abort();
    }
    v->as_mem = v->as_smm = &as;
    v->as_io = &as_io;
    if (!accel_current()->vcpu_init(v, &err)) {
        abort();
    }
    guest = x86_cpu(v);
    ram_ptr = mem_ram_ptr(&ram);
    bql_unlock();
}

void guest_free(void)
{
    bql_lock();
    accel_current()->vcpu_destroy(&guest->vcpu);
    target_ops.vcpu_free(&guest->vcpu);
    guest = NULL;
    address_space_destroy(&as);
    address_space_destroy(&as_io);
    mem_remove(&ram);
    mem_destroy(&ram);
    mem_destroy(&root);
    mem_destroy(&io);
    bql_unlock();
}

uint8_t *guest_ram(void)
{
    return ram_ptr;
}

X86Cpu *guest_new(void)
{
    if (!guest) {
        guest_create();
    }
    memset(ram_ptr, 0, 16 * MiB);
    ram_written(address_space_lookup(guest->vcpu.as_mem, 0).ram, 0, 16 * MiB);
    bql_lock();
    target_ops.vcpu_reset(&guest->vcpu, true);
    bql_unlock();
    return guest;
}

void guest_real(X86Cpu *cpu)
{
    for (unsigned s = 0; s <= SEG_GS; s++) {
        cpu->seg[s] = (X86Seg){ .attr = SEG_A | SEG_W | SEG_S | SEG_P, .limit = 0xffff };
    }
    cpu->seg[SEG_CS].attr |= SEG_CODE;
    for (unsigned v = 0; v < 32; v++) {
        st_le32(ram_ptr + v * 4, HANDLERS + v * 16);
        ram_ptr[HANDLERS + v * 16] = 0xf4;
    }
    cpu->idt.base = 0;
    cpu->idt.limit = 0x3ff;
    cpu->regs[R_RIP] = 0x7c00;
    cpu->regs[R_RSP] = 0x7000;
    x86_update_mode(cpu);
}

static void put_tables(bool code64)
{
    static const uint64_t gdt64[] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00affb000000ffff, 0x00cff3000000ffff };
    static const uint64_t gdt32[] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff };

    memcpy(ram_ptr + GDT, code64 ? gdt64 : gdt32, sizeof(gdt64));
    for (unsigned v = 0; v < 32; v++) {
        uint32_t handler = HANDLERS + v * 16;
        uint8_t *gate = ram_ptr + IDT + v * (code64 ? 16 : 8);

        ram_ptr[handler] = 0xf4;
        st_le32(gate, 0x08u << 16 | handler);
        st_le32(gate + 4, 0xee00); /* present, DPL 3, interrupt gate */
    }
    st_le64(ram_ptr + TSS + 4, STACK0);
}

static void flat_segments(X86Cpu *cpu, unsigned cpl, bool code64)
{
    uint32_t data = (uint32_t)(SEG_A | SEG_W | SEG_S | SEG_P | SEG_DB | SEG_G) | cpl << SEG_DPL_SHIFT;

    put_tables(code64);
    for (unsigned s = 0; s <= SEG_GS; s++) {
        cpu->seg[s] = (X86Seg){ .sel = cpl ? 0x23 : 0x10, .attr = data, .limit = UINT32_MAX };
    }
    cpu->seg[SEG_CS].sel = cpl ? 0x1b : 0x08;
    cpu->seg[SEG_CS].attr = (code64 ? (data & ~(uint32_t)SEG_DB) | SEG_L : data) | SEG_CODE;
    cpu->seg[SEG_TR] = (X86Seg){ .sel = 0x28, .base = TSS, .limit = 0x67, .attr = SEG_P | 11u << 8 };
    cpu->cpl = (uint8_t)cpl;
    cpu->idt.base = IDT;
    cpu->idt.limit = 32 * 16 - 1;
    cpu->gdt.base = GDT;
    cpu->gdt.limit = 5 * 8 - 1;
}

void guest_flat32(X86Cpu *cpu)
{
    cpu->cr0 = CR0_PE | CR0_ET | CR0_NE;
    flat_segments(cpu, 0, false);
    cpu->regs[R_RIP] = GUEST_CODE;
    cpu->regs[R_RSP] = GUEST_STACK;
    x86_update_mode(cpu);
}

void *guest_pte(uint64_t lin)
{
    return ram_ptr + GUEST_PML4 + 0x3000 + (lin >> 12) * 8;
}

void guest_long(X86Cpu *cpu, unsigned cpl)
{
    uint8_t *t = ram_ptr + GUEST_PML4;

    st_le64(t, (GUEST_PML4 + 0x1000) | 7);
    st_le64(t + 0x1000, (GUEST_PML4 + 0x2000) | 7);
    for (uint64_t k = 0; k < 8; k++) {
        st_le64(t + 0x2000 + k * 8, (GUEST_PML4 + 0x3000 + k * 0x1000) | 7);
    }
    for (uint64_t k = 0; k < 4096; k++) {
        st_le64(t + 0x3000 + k * 8, k << 12 | 7);
    }
    cpu->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
    cpu->cr3 = GUEST_PML4;
    cpu->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    cpu->efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
    cpu->xcr0 = 7;
    flat_segments(cpu, cpl, true);
    cpu->regs[R_RIP] = GUEST_CODE;
    cpu->regs[R_RSP] = GUEST_STACK;
    tlb_flush_all(cpu);
    x86_update_mode(cpu);
}

int guest_go(X86Cpu *cpu)
{
    bool user = cpu->cpl == 3;

    atomic_store(&cpu->vcpu.halted, false);
    vcpu_event_clear(&cpu->vcpu, VCPU_EV_EXIT);
    atomic_store(&cpu->vcpu.in_run, true);
    accel_current()->vcpu_run(&cpu->vcpu);
    atomic_store(&cpu->vcpu.in_run, false);
    uint64_t rip = cpu->regs[R_RIP] - 1;
    int vector = rip >= HANDLERS && rip < HANDLERS + 32 * 16 ? (int)(rip - HANDLERS) / 16 : -1;

    return cpu->shutdown ? 99 : vector == EXC_BP && user ? -1 : vector;
}

int guest_run(X86Cpu *cpu, const void *code, size_t len)
{
    uint64_t at = cpu->seg[SEG_CS].base + cpu->regs[R_RIP];

    memcpy(ram_ptr + at, code, len);
    ram_ptr[at + len] = cpu->cpl == 3 ? 0xcc : 0xf4; /* HLT is not for user code: INT3 */
    ram_written(address_space_lookup(cpu->vcpu.as_mem, 0).ram, at, len + 1);
    return guest_go(cpu);
}
