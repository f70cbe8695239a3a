/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// What the tests of the kernels share.

#ifndef INCLUDED_SPECULATIVE_KERNELS_TEST_KERNELS_H
#define INCLUDED_SPECULATIVE_KERNELS_TEST_KERNELS_H

#include "kernels.h"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <random>
#include <vector>

namespace test {

using gr::speculative::available_kernels;
using gr::speculative::kernel_set;
using gr::speculative::reference_kernels;

constexpr float untouched = 12345.0f;

inline std::mt19937 generator(3);

inline std::vector<float> noise(size_t n)
{
    std::normal_distribution<float> normal;
    std::vector<float> values(n);
    for (float& value : values)
        value = normal(generator);
    return values;
}

// Calls check(kernels) for each set but the reference.
template <typename function>
void for_each_simd(function check)
{
    for (const kernel_set* kernels : available_kernels())
        if (kernels != &reference_kernels()) {
            BOOST_TEST_CONTEXT(kernels->name) { check(*kernels); }
        }
}

inline void check_close(const std::vector<float>& found,
                        const std::vector<float>& expected,
                        float tolerance)
{
    BOOST_TEST_REQUIRE(found.size() == expected.size());
    for (size_t i = 0; i < found.size(); i++)
        BOOST_TEST_REQUIRE(std::abs(found[i] - expected[i]) <= tolerance,
                           "element " << i << ": " << found[i] << ", expected "
                                      << expected[i]);
}

} // namespace test

#endif /* INCLUDED_SPECULATIVE_KERNELS_TEST_KERNELS_H */
