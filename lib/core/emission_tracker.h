/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_EMISSION_TRACKER_H
#define INCLUDED_SPECULATIVE_CORE_EMISSION_TRACKER_H

#include "core/merge.h"
#include "kernels/kernels.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gr {
namespace speculative {

struct emission_config {
    merge_weights merge; //!< of the model: how fast and slow posterior become one
    size_t context = 16; //!< vectors that the slow model sees at once, K >= 1
    int16_t noise = -1;  //!< label of vectors with nothing on air; -1: none has it
    const kernel_set* kernels = &reference_kernels(); //!< all give the same
    size_t slots = 8;      //!< emissions remembered at a time, 1..256
    uint64_t hold = 65536; //!< vectors of absence after which an emission has ended, >= 1
};

/*! What is known about the emission that a vector belongs to. */
struct observation {
    uint64_t emission = 0; //!< id: 0, 1, 2, ... in order of appearance, never used twice
    uint64_t first = 0;    //!< offset of the emission's first vector
    uint64_t vectors = 0;  //!< of the emission so far, this one included
    const float* posterior = nullptr; //!< [C] fused; valid until the next call
    bool answered = false;            //!< a verdict is fused into it, or inherited
    bool known = false; //!< need not be asked about if the posterior is sure
    bool due = false;   //!< backoff and context allow asking about this vector
    bool again = false; //!< it is time for another answer, however sure the posterior
    double* audit_chance =
        nullptr; //!< deferral_policy's, 1 to begin with; as `posterior`
};

/*! Sorts the vectors of a stream into emissions and keeps one opinion about each.
 *
 * Segmentation. A vector's coarse spectrum is the largest bin of each of 64 blocks (dB; a
 * mean would bury a narrow signal). An emission is a running mean of coarse spectra, the
 * usual distance of its vectors from that mean (its spread), and its posterior. A vector
 * goes to the nearest emission, by root-mean-square distance plus up to 1.25 dB where the
 * posteriors contradict each other, or founds a new one if it is 1.4 spreads away from
 * it. A source that is keyed off and on again finds itself again, as does the noise in
 * between; of more emissions than there are slots, the one ends whose absence is the
 * longest in proportion to its length.
 *
 * Fusion. The fast posteriors are averaged, and so are the slow model's, each over at
 * most the last 64 and 8 of them; the two averages are merged as the model's contract
 * says. Averaged and not multiplied, because the errors within an emission are all the
 * same error: a product of them is sure of itself and wrong. A new emission, shorter than
 * a context or with its first answer still to come, has the answer of the one that it
 * interrupts, unless that says noise: a few vectors unlike their neighbours are a part of
 * the transmission on air more often than not, but noise has no such parts.
 *
 * Asking. An emission is due at 4 vectors, and after an ask when it has twice as many (or
 * `hold` more), but not while an answer is awaited. The first answer is asked for whatever
 * the score: fast posteriors, fused, may be sure and wrong, and then are so about many
 * vectors. But a new emission whose own fast posteriors name the label that it inherits is
 * `known`. Early answers, of contexts that hold little of the emission, may be just as
 * wrong: it is time for one `again` 64 vectors after an ask, or a third of those that it
 * had then (but at most `hold`). All this preferably when the slow model's context holds
 * nothing but this emission; after twice the wait that no longer counts.
 *
 * `cascade` uses it so: observe() each valid vector, whose `posterior` takes the fast
 * posterior's place. If the emission is `due` and not `known` or uncertain, or if it is time
 * `again`, the vector is deferred (budget and table permitting; if not, the next one
 * is): asked(). Each verdict, late ones too: verdict(). When an ask is no longer
 * awaited, for whatever reason: settled(), once for each. After a retune or a new start:
 * reset().
 *
 * Plain and single-threaded; allocates nothing after construction; equal calls give equal
 * answers. C classes, N bins.
 */
class emission_tracker
{
public:
    /*! \param classes C >= 1  \param bins N, a multiple of 32
     *  \throws std::invalid_argument naming the value that is out of range */
    emission_tracker(size_t classes, size_t bins, const emission_config& config);

    /*! The next vector.
     * \param offset of the vector in the stream, increasing
     * \param x [N] of fast_model::preprocess(): units of 20 dB, finite
     * \param posterior [C] of fast_model::classify() */
    observation observe(uint64_t offset, const float* x, const float* posterior);

    /*! The vector observed last was deferred: its emission waits for an answer. */
    void asked();

    /*! An answer of the slow model, asked for or an audit. \param q [C] probabilities
     * \return [C] the emission's posterior now, valid until the next call; nullptr, and
     * nothing changes, if the emission has ended or there never was one */
    const float* verdict(uint64_t emission, const float* q);

    /*! An ask is no longer awaited: answered, failed, too late or dropped. */
    void settled(uint64_t emission);

    /*! Ends all emissions. */
    void reset();

    size_t active() const; //!< emissions remembered now, at most `slots`
    uint64_t emissions() const { return d_next_id; } //!< seen since construction

private:
    struct emission {
        uint64_t id = 0;
        uint64_t first = 0;   // offset
        uint64_t vectors = 0; // 0: the slot is free
        uint64_t last = 0;    // in vectors observed, as is all that follows
        uint64_t streak = 0;  // without a break
        uint64_t asked = 0;   // when, in vectors of the emission
        uint64_t answers = 0;
        bool heir = false;    // slow() is another's answer, until its own comes
        uint64_t waiting = 0; // questions without an answer
        double audit_chance = 1.0;
        float square = 0.0f; // mean squared distance of its vectors, units of x
    };
    float* level(size_t slot) { return &d_level[slot * d_blocks]; }
    float* fast(size_t slot) { return &d_fast[slot * d_classes]; }
    float* slow(size_t slot) { return &d_slow[slot * d_classes]; }
    float* fused(size_t slot) { return &d_fused[slot * d_classes]; }

    bool alive(const emission& e) const
    {
        return e.vectors > 0 && d_observed - e.last <= d_config.hold;
    }
    bool reached(const emission& e, uint64_t vectors) const;
    float spread(size_t slot) const;
    int16_t label(const float* posterior) const
    {
        return top_two_of(posterior, d_classes).label;
    }
    bool inherits(const emission& e) const
    {
        return e.heir && e.answers == 0 &&
               (e.waiting > 0 || e.vectors < d_config.context);
    }
    bool answered(const emission& e) const { return e.answers > 0 || inherits(e); }
    size_t nearest(const float* posterior, float& square);
    size_t found(uint64_t offset);
    void join(size_t slot, const float* posterior, float square);
    void fuse(size_t slot);
    size_t slot_of(uint64_t id) const;

    const size_t d_classes;
    const size_t d_blocks;
    const size_t d_width; // bins a block
    const emission_config d_config;
    std::vector<emission> d_slots;
    std::vector<float> d_level;  // [slots][blocks] mean coarse spectrum
    std::vector<float> d_fast;   // [slots][C] mean fast posterior
    std::vector<float> d_slow;   // [slots][C] mean slow posterior, or what was inherited
    std::vector<float> d_fused;  // [slots][C] both, merged
    std::vector<float> d_coarse; // [blocks] of the vector at hand
    size_t d_current;            // slot of the vector observed last, or none
    uint64_t d_observed = 0;
    uint64_t d_next_id = 0;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_EMISSION_TRACKER_H */
