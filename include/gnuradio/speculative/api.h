/*
 * Copyright 2026 gr-speculative contributors
 *
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 */

#ifndef INCLUDED_SPECULATIVE_API_H
#define INCLUDED_SPECULATIVE_API_H

#include <gnuradio/attributes.h>

#ifdef gnuradio_speculative_EXPORTS
#define SPECULATIVE_API __GR_ATTR_EXPORT
#else
#define SPECULATIVE_API __GR_ATTR_IMPORT
#endif

#endif /* INCLUDED_SPECULATIVE_API_H */
