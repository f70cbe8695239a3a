/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/emission_tracker.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>

namespace gr {
namespace speculative {

namespace {

constexpr float db = 1.0f / 20.0f; // the preprocessing's unit is 20 dB

// Chosen by trial; bench/emissions.py says what they are worth on scenes of other seeds.
constexpr float novelty = 1.4f;           // spreads to the nearest emission
constexpr float good_fit = 0.9f;          // spreads within which no other is looked at
constexpr float penalty = 1.25f * db;     // for posteriors that have nothing in common
constexpr float first_spread = 3.0f * db; // of an emission of which little is known
constexpr float first_weight = 8.0f;      // vectors for which that guess stands
constexpr uint64_t fast_memory = 64;      // vectors over which an emission is averaged
constexpr uint64_t slow_memory = 8;       // verdicts over which they are
constexpr uint64_t fuse_every = 16;       // vectors, once there are twice as many
constexpr uint64_t first_ask = 4;         // vectors
constexpr uint64_t again_after = 64;      // vectors, and a third of those at the last ask
constexpr uint64_t clean_patience = 2; // times the wait is too long for a clean context

constexpr size_t none = std::numeric_limits<size_t>::max();

void approach(float* mean, const float* value, size_t n, float weight)
{
    for (size_t i = 0; i < n; i++)
        mean[i] += weight * (value[i] - mean[i]);
}

float weight_of(uint64_t count, uint64_t memory)
{
    return 1.0f / static_cast<float>(std::min(count, memory));
}

// An extension of GCC and Clang. Four lanes, which every processor has, so that the order of
// sums, and with it each decision, is the same on all.
using vec = float __attribute__((vector_size(16)));
constexpr size_t lanes = 4;

vec load(const float* x)
{
    vec v;
    std::memcpy(&v, x, sizeof(v));
    return v;
}

// Squared Euclidean distance; n is a multiple of 32. Above `limit`, any value above it will
// do, and is found sooner.
float square_distance(const float* a, const float* b, size_t n, float limit)
{
    float total = 0.0f;
    for (size_t i = 0; i < n && total <= limit; i += 8 * lanes) {
        vec sums[2] = {};
        for (size_t j = i; j < i + 8 * lanes; j += 2 * lanes)
            for (size_t k = 0; k < 2; k++) {
                const vec off = load(a + j + k * lanes) - load(b + j + k * lanes);
                sums[k] += off * off;
            }
        const vec sum = sums[0] + sums[1];
        total += (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
    return total;
}

// 0 for equal posteriors, 1 for those with nothing in common: their total variation.
float contradiction(const float* p, const float* q, size_t n)
{
    float common = 0.0f;
    for (size_t i = 0; i < n; i++)
        common += std::min(p[i], q[i]);
    return 1.0f - common;
}

} // namespace

emission_tracker::emission_tracker(size_t classes,
                                   size_t bins,
                                   const emission_config& config)
    : d_classes(classes),
      d_blocks(bins % 64 == 0 ? 64 : 32),
      d_width(bins / d_blocks),
      d_config(config),
      d_current(none)
{
    if (classes == 0)
        throw std::invalid_argument("the model has no classes");
    if (bins == 0 || bins % 32 != 0)
        throw std::invalid_argument("bins is " + std::to_string(bins) +
                                    ", expected a multiple of 32");
    if (config.context == 0)
        throw std::invalid_argument("context is 0, expected at least 1 vector");
    if (config.slots < 1 || config.slots > 256)
        throw std::invalid_argument("slots is " + std::to_string(config.slots) +
                                    ", expected 1 to 256 emissions");
    if (config.hold == 0)
        throw std::invalid_argument("hold is 0, expected at least 1 vector");
    d_slots.resize(config.slots);
    d_level.resize(config.slots * d_blocks);
    for (auto* values : { &d_fast, &d_slow, &d_fused })
        values->resize(config.slots * classes);
    d_coarse.resize(d_blocks);
}

observation
emission_tracker::observe(uint64_t offset, const float* x, const float* posterior)
{
    d_observed++;
    d_config.kernels->block_maxima(x, d_blocks, d_width, d_coarse.data());
    float square = 0.0f;
    size_t slot = nearest(posterior, square);
    if (slot == none) {
        slot = found(offset);
        square = first_spread * first_spread;
    }
    join(slot, posterior, square);
    d_current = slot;

    emission& e = d_slots[slot];
    // The mean over many vectors hardly moves from one to the next.
    if (e.vectors < 2 * fuse_every || e.vectors % fuse_every == 0 || e.answers == 0)
        fuse(slot);
    observation out;
    out.emission = e.id;
    out.first = e.first;
    out.vectors = e.vectors;
    out.posterior = fused(slot);
    out.answered = answered(e);
    out.known = e.answers > 0 || (inherits(e) && label(fast(slot)) == label(slow(slot)));
    out.audit_chance = &e.audit_chance;
    const uint64_t doubled = e.asked == 0 ? first_ask : e.asked;
    out.due = e.waiting == 0 && reached(e, doubled);
    out.again = reached(e, std::max(e.asked / 3, again_after));
    return out;
}

void emission_tracker::asked()
{
    if (d_current != none) {
        emission& e = d_slots[d_current];
        e.waiting++;
        e.asked = e.vectors;
    }
}

const float* emission_tracker::verdict(uint64_t id, const float* q)
{
    const size_t slot = slot_of(id);
    if (slot == none)
        return nullptr;
    emission& e = d_slots[slot];
    if (e.answers++ == 0)
        std::fill_n(slow(slot), d_classes, 0.0f); // no more of what was inherited
    approach(slow(slot), q, d_classes, weight_of(e.answers, slow_memory));
    fuse(slot);
    return fused(slot);
}

void emission_tracker::settled(uint64_t id)
{
    const size_t slot = slot_of(id);
    if (slot != none && d_slots[slot].waiting > 0)
        d_slots[slot].waiting--;
}

void emission_tracker::reset()
{
    for (emission& e : d_slots)
        e.vectors = 0;
    d_current = none;
}

size_t emission_tracker::active() const
{
    return std::count_if(
        d_slots.begin(), d_slots.end(), [this](const emission& e) { return alive(e); });
}

// So many vectors, or `hold`, since the last ask; and a clean context, if one comes soon.
bool emission_tracker::reached(const emission& e, uint64_t vectors) const
{
    const uint64_t gap = std::min(vectors, d_config.hold);
    const uint64_t since = e.vectors - e.asked;
    const uint64_t clean = std::min<uint64_t>(e.vectors, d_config.context);
    return since >= gap && (e.streak >= clean || since >= clean_patience * gap);
}

// A guess at first, then what its vectors say.
float emission_tracker::spread(size_t slot) const
{
    const emission& e = d_slots[slot];
    const auto known = static_cast<float>(std::min(e.vectors, fast_memory));
    return std::sqrt((first_weight * first_spread * first_spread + known * e.square) /
                     (first_weight + known));
}

// The emission that the vector belongs to, and its squared distance; or none.
size_t emission_tracker::nearest(const float* posterior, float& square)
{
    size_t best = none;
    float best_distance = std::numeric_limits<float>::max();
    const auto consider = [&](size_t slot) {
        emission& e = d_slots[slot];
        if (!alive(e)) {
            e.vectors = 0;
            return;
        }
        const float limit = best == none ? best_distance : best_distance * best_distance;
        // Mean over the blocks; the centre of few vectors is itself off, hence n / (n + 1).
        const auto n = static_cast<float>(e.vectors);
        const float factor = n / ((n + 1.0f) * static_cast<float>(d_blocks));
        const float candidate =
            factor *
            square_distance(d_coarse.data(), level(slot), d_blocks, limit / factor);
        if (candidate > limit)
            return;
        const float distance = std::sqrt(candidate) +
                               penalty * contradiction(posterior, fast(slot), d_classes);
        if (distance < best_distance) {
            best = slot;
            best_distance = distance;
            square = candidate;
        }
    };
    // The likeliest one first: if it fits well, that is that; if not, it rules out most
    // others early.
    if (d_current != none) {
        consider(d_current);
        if (best != none && best_distance <= good_fit * spread(best))
            return best;
    }
    for (size_t slot = 0; slot < d_slots.size(); slot++)
        if (slot != d_current)
            consider(slot);
    return best != none && best_distance <= novelty * spread(best) ? best : none;
}

// A slot for a new emission: a free one, or that of the one that matters least.
size_t emission_tracker::found(uint64_t offset)
{
    const auto importance = [](const emission& e, uint64_t now) {
        return static_cast<double>(e.vectors) / static_cast<double>(now - e.last);
    };
    const auto least = std::min_element(
        d_slots.begin(), d_slots.end(), [&](const emission& a, const emission& b) {
            return importance(a, d_observed) < importance(b, d_observed);
        });
    const size_t slot = least - d_slots.begin();
    emission fresh;
    fresh.id = d_next_id++;
    fresh.first = offset;
    if (d_current != none && answered(d_slots[d_current])) {
        std::copy_n(fused(d_current), d_classes, slow(slot));
        fresh.heir = label(slow(slot)) != d_config.noise;
    }
    d_slots[slot] = fresh;
    std::copy(d_coarse.begin(), d_coarse.end(), level(slot));
    return slot;
}

void emission_tracker::join(size_t slot, const float* posterior, float square)
{
    emission& e = d_slots[slot];
    e.vectors++;
    e.streak = e.last + 1 == d_observed ? e.streak + 1 : 1;
    e.last = d_observed;
    const float weight = weight_of(e.vectors, fast_memory);
    e.square += weight * (square - e.square);
    approach(level(slot), d_coarse.data(), d_blocks, weight);
    approach(fast(slot), posterior, d_classes, weight);
}

void emission_tracker::fuse(size_t slot)
{
    const emission& e = d_slots[slot];
    if (e.answers == 0)
        std::copy_n(inherits(e) ? slow(slot) : fast(slot), d_classes, fused(slot));
    else
        merge(d_config.merge, fast(slot), slow(slot), d_classes, fused(slot));
}

size_t emission_tracker::slot_of(uint64_t id) const
{
    for (size_t slot = 0; slot < d_slots.size(); slot++) {
        if (d_slots[slot].id == id && alive(d_slots[slot]))
            return slot;
    }
    return none;
}

} // namespace speculative
} // namespace gr
