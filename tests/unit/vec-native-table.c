/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The instruction-set extensions that vec-native-test covers, with the CPUID feature that tells whether the host has them. */
#include "util/osdep.h"
#include "tests/unit/vec-forms.h"
#include "target/i386/cpuid.h"

const VecClass vec_classes[] = {
    { "X87", -1 },
    { "FCMOV", CPUID_CMOV },
    { "PENTIUMMMX", CPUID_MMX },
    { "SSE", CPUID_SSE },
    { "SSEMXCSR", CPUID_SSE },
    { "SSE2", CPUID_SSE2 },
    { "SSE2MMX", CPUID_SSE2 },
    { "SSE3", CPUID_SSE3 },
    { "SSE3X87", CPUID_SSE3 },
    { "SSSE3", CPUID_SSSE3 },
    { "SSSE3MMX", CPUID_SSSE3 },
    { "SSE4", CPUID_SSE41 },
    { "SSE42", CPUID_SSE42 },
    { "SSE4A", CPUID_SSE4A },
    { "AES", CPUID_AES },
    { "PCLMULQDQ", CPUID_PCLMULQDQ },
    { "SHA", CPUID_SHA },
    { "GFNI", CPUID_GFNI },
    { "FXSAVE", CPUID_FXSR },
    { "FXSAVE64", CPUID_FXSR },
    { "XSAVE", CPUID_XSAVE },
    { "XSAVEOPT", CPUID_XSAVEOPT },
    { "XSAVEC", CPUID_XSAVEC },
    { "XSAVES", CPUID_XSAVES },
    { "AVX", CPUID_AVX },
    { "AVXAES", CPUID_AVX },
    { "F16C", CPUID_F16C },
    { "FMA", CPUID_FMA },
    { "FMA4", CPUID_FMA4 },
    { "AVX2", CPUID_AVX2 },
    { "AVX2GATHER", CPUID_AVX2 },
    { "VAES", CPUID_VAES },
    { "VPCLMULQDQ", CPUID_VPCLMULQDQ },
    { "AVX_GFNI", CPUID_GFNI },
    { "AVX_VNNI", -1 /* no model shows it */ },
    { NULL, 0 },
};
