/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "kernels.h"

#include <cstdlib>
#include <stdexcept>

namespace gr {
namespace speculative {

const kernel_set& choose_kernels(const std::string& name)
{
    const char* const variable = std::getenv("SPECULATIVE_KERNEL");
    const bool from_environment = name.empty() && variable != nullptr;
    const std::string wanted = from_environment ? variable : name;
    const auto sets = available_kernels();
    if (wanted.empty())
        return *sets.front();
    std::string names;
    for (const kernel_set* set : sets) {
        if (wanted == set->name)
            return *set;
        names += std::string(names.empty() ? "" : ", ") + set->name;
    }
    throw std::invalid_argument("kernel '" + wanted + "'" +
                                (from_environment ? " (SPECULATIVE_KERNEL)" : "") +
                                " is unknown or not available here: choose one of " +
                                names + ", or none for the fastest");
}

} // namespace speculative
} // namespace gr
