// Consecutive values of one law, in binary32: words, and what the law makes of them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "laws.hpp"
#include "philox.hpp"

namespace glorot {

constexpr uint64_t words_per_block = 4;

// Makes the values of `count` elements, a multiple of a group's, from the first one of a block on.
class ValueSource {
  public:
    virtual void make(float* out, uint64_t block, uint64_t count) = 0;
    virtual ~ValueSource() = default;
};

template <class Isa>
constexpr uint64_t group = 2 * Isa::lanes;  // elements that one vector of blocks makes

template <class Isa, class Law>
class Values final : public ValueSource {
  public:
    Values(const Law& law, Key key) : law_(law), key_(key), schedule_(key, 0) {}

    void make(float* out, uint64_t block, uint64_t count) override {
        if (const uint64_t high = block >> 32; high != high_) {
            schedule_ = Schedule(key_, high);
            high_ = high;
        }
        make_groups<Isa::groups>(out, block, count);
        make_groups<1>(out, block, count);
    }

  private:
    template <int groups>
    void make_groups(float*& out, uint64_t& block, uint64_t& count) {
        constexpr int vectors = std::min(2 * groups, Isa::vectors);
        constexpr uint64_t size = groups * group<Isa>;
        for (; count >= size; out += size, block += size / words_per_block, count -= size) {
            const auto words = philox<Isa, groups>(schedule_, block);
            for (int from = 0; from < 2 * groups; from += vectors) {
                Ints<Isa, vectors> some_words;
                for (int i = 0; i < vectors; ++i) some_words.v[i] = words.v[from + i];
                const auto values = law_(some_words);
                for (int i = 0; i < vectors; ++i) Isa::store(out + (from + i) * Isa::lanes, values.v[i]);
            }
        }
    }

    Law law_;
    Key key_;
    uint64_t high_ = 0;
    Schedule schedule_;
};

}  // namespace glorot
