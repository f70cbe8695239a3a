/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_PREPROCESSOR_H
#define INCLUDED_SPECULATIVE_CORE_PREPROCESSOR_H

#include "contract.h"
#include "kernels/kernels.h"

#include <vector>

namespace gr {
namespace speculative {

/*! docs/architecture.md, "Preprocessing, version 1". Allocates only when constructed. */
class preprocessor
{
public:
    /*! \param fft_size N, even and a multiple of constants.floor_blocks */
    preprocessor(const kernel_set& kernels,
                 size_t fft_size,
                 const preprocessing_constants& constants);

    //! \copydoc fast_model::preprocess
    bool run(const void* in, input_kind kind, bool shift, float* db, float* x);

private:
    bool to_db(const float* in, input_kind kind, size_t n, float* db) const;
    float noise_floor(const float* db);

    const kernel_set& d_kernels;
    const size_t d_fft_size;
    const preprocessing_constants d_constants;
    std::vector<float> d_means; // [floor_blocks]
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_PREPROCESSOR_H */
