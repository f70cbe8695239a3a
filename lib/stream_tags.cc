/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "stream_tags.h"

#include "pdu.h"

namespace gr {
namespace speculative {

bool time_from(const pmt::pmt_t& value, uint64_t& seconds, double& fraction)
{
    double whole = 0.0;
    if (!pmt::is_tuple(value) || pmt::length(value) != 2 ||
        !pdu::number_from(pmt::tuple_ref(value, 0), whole) ||
        !pdu::number_from(pmt::tuple_ref(value, 1), fraction) ||
        !(whole >= 0.0 && whole < 0x1p53) || !(fraction >= 0.0 && fraction <= 1.0))
        return false;
    seconds = static_cast<uint64_t>(whole);
    return true;
}

} // namespace speculative
} // namespace gr
