/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/result.h"

namespace gr {
namespace speculative {

const char* to_string(result_status status)
{
    switch (status) {
    case result_status::provisional:
        return "provisional";
    case result_status::revised:
        return "revised";
    default:
        return "final";
    }
}

const char* to_string(result_source source)
{
    switch (source) {
    case result_source::ensemble:
        return "ensemble";
    case result_source::slow:
        return "slow";
    case result_source::fast_fallback:
        return "fast_fallback";
    case result_source::fast_unbudgeted:
        return "fast_unbudgeted";
    default:
        return "fast";
    }
}

} // namespace speculative
} // namespace gr
