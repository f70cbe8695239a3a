/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_ALIGNED_H
#define INCLUDED_SPECULATIVE_CORE_ALIGNED_H

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

namespace gr {
namespace speculative {

struct aligned_delete {
    static constexpr std::align_val_t cache_line{ 64 };
    void operator()(float* memory) const { ::operator delete[](memory, cache_line); }
};

//! Floats from the beginning of a cache line on: a register that lies across two costs twice.
using aligned_floats = std::unique_ptr<float[], aligned_delete>;

//! n zeros
inline aligned_floats make_aligned(size_t n)
{
    aligned_floats memory(static_cast<float*>(
        ::operator new[](n * sizeof(float), aligned_delete::cache_line)));
    std::fill_n(memory.get(), n, 0.0f);
    return memory;
}

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_ALIGNED_H */
