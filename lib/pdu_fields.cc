/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "pdu_fields.h"

#include <stdexcept>

namespace gr {
namespace speculative {
namespace pdu {

const keys& k()
{
    static const keys interned;
    return interned;
}

void put(pmt::pmt_t& dict, const pmt::pmt_t& key, const pmt::pmt_t& value)
{
    dict = pmt::acons(key, value, dict);
}

void put(pmt::pmt_t& dict, const pmt::pmt_t& key, uint64_t value)
{
    put(dict, key, pmt::from_uint64(value));
}

void put(pmt::pmt_t& dict, const pmt::pmt_t& key, double value)
{
    put(dict, key, pmt::from_double(value));
}

void put(pmt::pmt_t& dict, const pmt::pmt_t& key, const std::string& value)
{
    put(dict, key, pmt::mp(value));
}

void wrong(const pmt::pmt_t& key, const char* expected)
{
    throw std::invalid_argument(pmt::symbol_to_string(key) + " is missing or not " +
                                expected);
}

uint64_t unsigned_of(const pmt::pmt_t& dict, const pmt::pmt_t& key)
{
    const pmt::pmt_t value = pmt::dict_ref(dict, key, pmt::PMT_NIL);
    if (pmt::is_uint64(value))
        return pmt::to_uint64(value);
    if (pmt::is_integer(value) && pmt::to_long(value) >= 0)
        return static_cast<uint64_t>(pmt::to_long(value));
    wrong(key, "an unsigned integer");
}

double number_of(const pmt::pmt_t& dict, const pmt::pmt_t& key, bool required)
{
    const pmt::pmt_t value = pmt::dict_ref(dict, key, pmt::PMT_NIL);
    double number = 0.0;
    if (!number_from(value, number) && (required || !pmt::is_null(value)))
        wrong(key, "a number");
    return number;
}

std::string text_of(const pmt::pmt_t& dict, const pmt::pmt_t& key, bool required)
{
    const pmt::pmt_t value = pmt::dict_ref(dict, key, pmt::PMT_NIL);
    if (pmt::is_symbol(value))
        return pmt::symbol_to_string(value);
    if (required || !pmt::is_null(value))
        wrong(key, "a symbol");
    return {};
}

pmt::pmt_t bytes_of(const std::string& text)
{
    return pmt::init_u8vector(text.size(),
                              std::vector<uint8_t>(text.begin(), text.end()));
}

std::string bytes_from(const pmt::pmt_t& dict, const pmt::pmt_t& key)
{
    const pmt::pmt_t value = pmt::dict_ref(dict, key, pmt::PMT_NIL);
    if (pmt::is_null(value))
        return {};
    if (!pmt::is_u8vector(value))
        wrong(key, "bytes");
    size_t length = 0;
    const uint8_t* bytes = pmt::u8vector_elements(value, length);
    return { bytes, bytes + length };
}

pmt::pmt_t meta_of(const pmt::pmt_t& message, const pmt::pmt_t& schema)
{
    if (!pmt::is_pdu(message))
        throw std::invalid_argument(
            "the message is not a PDU (a pair of a dict and a vector)");
    const pmt::pmt_t meta = pmt::car(message);
    if (!pmt::eqv(pmt::dict_ref(meta, k().schema, pmt::PMT_NIL), schema))
        throw std::invalid_argument("schema is not " + pmt::symbol_to_string(schema));
    return meta;
}

bool number_from(const pmt::pmt_t& value, double& out)
{
    if (pmt::is_real(value))
        out = pmt::to_double(value);
    else if (pmt::is_uint64(value))
        out = static_cast<double>(pmt::to_uint64(value));
    else if (pmt::is_integer(value))
        out = static_cast<double>(pmt::to_long(value));
    else
        return false;
    return true;
}

} // namespace pdu
} // namespace speculative
} // namespace gr
