/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_KERNELS_FLUSH_DENORMALS_H
#define INCLUDED_SPECULATIVE_KERNELS_FLUSH_DENORMALS_H

#if defined(__SSE__)
#include <xmmintrin.h>
#endif
#include <cstdint>

namespace gr {
namespace speculative {

/*! Treats denormal floats as zero while it lives: many processors compute a hundred times
 * slower with them, and a decaying input is full of them. Restores the caller's mode. */
class flush_denormals
{
public:
    flush_denormals() : d_saved(mode()) { set_mode(d_saved | flush_bits); }
    ~flush_denormals() { set_mode(d_saved); }
    flush_denormals(const flush_denormals&) = delete;
    flush_denormals& operator=(const flush_denormals&) = delete;

private:
#if defined(__SSE__)
    using mode_type = unsigned int;
    static constexpr mode_type flush_bits = 0x8040; // flush to zero, denormals are zero
    static mode_type mode() { return _mm_getcsr(); }
    static void set_mode(mode_type mode) { _mm_setcsr(mode); }
#elif defined(__aarch64__)
    using mode_type = uint64_t;
    static constexpr mode_type flush_bits = 1 << 24; // FPCR.FZ
    static mode_type mode()
    {
        mode_type value;
        asm volatile("mrs %0, fpcr" : "=r"(value));
        return value;
    }
    static void set_mode(mode_type mode) { asm volatile("msr fpcr, %0" : : "r"(mode)); }
#else
    using mode_type = int;
    static constexpr mode_type flush_bits = 0;
    static mode_type mode() { return 0; }
    static void set_mode(mode_type) {}
#endif

    const mode_type d_saved;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_KERNELS_FLUSH_DENORMALS_H */
