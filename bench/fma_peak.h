/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_BENCH_FMA_PEAK_H
#define INCLUDED_SPECULATIVE_BENCH_FMA_PEAK_H

#include <cstddef>
#include <string>

/*! Multiplies and adds in registers, `rounds` times, with one instruction set.
 * \returns floating point operations done; 0 if this build lacks the instruction set
 */
size_t multiply_add(const std::string& kernel, size_t rounds);

#endif
