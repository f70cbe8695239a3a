/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_TEST_RANDOM_H
#define INCLUDED_SPECULATIVE_CORE_TEST_RANDOM_H

#include "core/messages.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace gr {
namespace speculative {

// Posteriors and spectra as the fast model might see them, the same for a seed everywhere.
class random_source
{
public:
    random_source(uint32_t seed, size_t classes, size_t bins)
        : d_random(seed), d_classes(classes), d_bins(bins)
    {
    }

    size_t below(size_t n) { return d_random() % n; }

    std::vector<float> distribution()
    {
        std::vector<float> p(d_classes);
        float total = 0.0f;
        for (auto& value : p)
            total += value = std::pow(static_cast<float>(1 + below(1000)), 3.0f);
        for (auto& value : p)
            value /= total;
        return p;
    }

    // One of 20 transmissions, which stay for five vectors on average.
    std::vector<float> spectrum()
    {
        if (below(5) == 0)
            d_transmission = below(20);
        std::vector<float> x(d_bins);
        for (size_t i = 0; i < d_bins; i++)
            x[i] = 0.01f * below(10) + (i % 20 == d_transmission ? 1.5f : 0.0f);
        return x;
    }

    // Every second one good, the others wrong in some way.
    verdict verdict_on(uint64_t seq)
    {
        verdict v;
        v.seq = seq;
        v.scores = distribution();
        const size_t flaw = below(8);
        if (flaw == 0)
            v.scores.resize(below(d_classes) + (below(2) ? 0 : d_classes + 1));
        else if (flaw == 1)
            v.scores[below(d_classes)] = std::numeric_limits<float>::quiet_NaN();
        else if (flaw == 2)
            v.scores[below(d_classes)] += 0.5f;
        else if (flaw == 3) {
            v.status = static_cast<verdict_status>(1 + below(4));
            v.scores.clear();
        }
        return v;
    }

private:
    std::mt19937 d_random;
    const size_t d_classes;
    const size_t d_bins;
    size_t d_transmission = 0;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_TEST_RANDOM_H */
