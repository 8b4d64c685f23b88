// Runs of consecutive elements: words, what a law makes of them, and where that is stored.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "elements.hpp"
#include "laws.hpp"
#include "philox.hpp"

namespace glorot {
namespace {  // compiled anew for each instruction set, and shared with none

constexpr uint64_t words_per_block = 4;

// What is stored straight from the registers.
enum class Straight { none, float32, bfloat16 };

template <class Isa, class Element>
constexpr Straight straight = std::is_same_v<Element, float> ? Straight::float32
                              : std::is_same_v<Element, bfloat16> && Isa::has_registers ? Straight::bfloat16
                                                                                        : Straight::none;

// Where a run goes: memory for elements of some size, and how binary32 values become such elements.
struct Place {
    char* memory;
    size_t element_size;
    void (*store)(char* memory, const float* values, uint64_t count);
    Straight straight;
};

class ValueSource {
  public:
    // Write the elements first, first + 1, … to a place.
    virtual void write(Place place, uint64_t first, uint64_t count) = 0;

    // Make one group of values from each of some blocks on, one after the other.
    virtual void make_rows(float* out, const uint64_t* blocks, int rows) = 0;

    virtual ~ValueSource() = default;
};

template <class Isa>
constexpr uint64_t group = 2 * Isa::lanes;  // elements that one vector of blocks makes

template <class Isa, class Law>
class Values final : public ValueSource {
  public:
    Values(const Law& law, Key key) : law_(law), key_(key), schedule_(key, 0) {}

    void write(Place place, uint64_t first, uint64_t count) override {
        alignas(64) float scratch[most];
        while (count) {
            const uint64_t block = first / words_per_block, skipped = first % words_per_block;
            set_schedule(block >> 32);
            uint64_t part = part_of(place, first, count);
            if (place.straight != Straight::none && part == most) {  // at the beginning of a block
                part = std::min(count, period - first % period) / most * most;
                if (place.straight == Straight::float32)
                    make(reinterpret_cast<float*>(place.memory), block, part);
                else if constexpr (Isa::has_registers)
                    make(reinterpret_cast<bfloat16*>(place.memory), block, part);
            } else {  // few at a time: the memory takes them up while the next ones are made
                make(scratch, block, skipped + part);
                place.store(place.memory, scratch + skipped, part);
            }
            place.memory += part * place.element_size;
            first += part, count -= part;
        }
    }

    void make_rows(float* out, const uint64_t* blocks, int rows) override {
        for (int row = 0; row < rows;) {
            const uint64_t* some = blocks + row;
            float* to = out + row * group<Isa>;
            if (row + Isa::groups <= rows && have_one_upper_word(some, Isa::groups)) {
                set_schedule(some[0] >> 32);
                make_groups<Isa::groups>(to, [&](int i) { return counters_from(some[i]); });
                row += Isa::groups;
            } else {
                write({reinterpret_cast<char*>(to), sizeof(float), copy, Straight::none}, some[0] * words_per_block, group<Isa>);
                ++row;
            }
        }
    }

  private:
    static constexpr uint64_t period = words_per_block << 32;  // elements of blocks with one upper word
    static constexpr uint64_t size = Isa::groups * group<Isa>;  // elements made side by side
    static constexpr uint64_t most = 768 / size * size;         // elements made before any is stored

    void set_schedule(uint64_t high_of_block) {
        if (high_of_block == high_) return;
        schedule_ = Schedule(key_, high_of_block);
        high_ = high_of_block;
    }

    static bool have_one_upper_word(const uint64_t* blocks, int count) {
        constexpr uint64_t last = group<Isa> / words_per_block - 1;
        return std::all_of(blocks, blocks + count, [&](uint64_t block) { return (block + last) >> 32 == blocks[0] >> 32; });
    }

    static void copy(char* memory, const float* values, uint64_t count) { std::memcpy(memory, values, count * sizeof(float)); }

    // What is made at once: of one upper word, and up to where a vector of elements begins in memory.
    static uint64_t part_of(const Place& place, uint64_t first, uint64_t count) {
        const uint64_t room = std::min(most - first % words_per_block, period - first % period);
        if (count <= room) return count;
        const uintptr_t end = reinterpret_cast<uintptr_t>(place.memory) + room * place.element_size;
        const uint64_t beyond = end % (Isa::lanes * place.element_size) / place.element_size;
        return beyond < room ? room - beyond : room;
    }

    template <class Element>
    void make(Element* out, uint64_t block, uint64_t count) {
        uint64_t made = 0;
        for (; made + size - group<Isa> < count; made += size) make_run<Isa::groups>(out + made, block + made / words_per_block);
        for (; made < count; made += group<Isa>) make_run<1>(out + made, block + made / words_per_block);
    }

    static typename Isa::Wide counters_from(uint64_t block) { return Isa::step(Isa::wide(block), Isa::block_steps()); }

    template <int groups, class Element>
    GLOROT_INLINE void make_run(Element* out, uint64_t block) {
        const auto begin = counters_from(block);
        make_groups<groups>(out, [&](int i) { return Isa::step(begin, Isa::wide(i * group<Isa> / words_per_block)); });
    }

    // counters_of(i) is the vector of the blocks of group i.
    template <int groups, class Element, class CountersOf>
    GLOROT_INLINE void make_groups(Element* out, const CountersOf& counters_of) {
        constexpr int vectors = std::min(2 * groups, Isa::vectors);
        typename Isa::Wide counters[groups];
        for (int i = 0; i < groups; ++i) counters[i] = counters_of(i);
        const auto words = philox<Isa>(schedule_, counters);
        for (int from = 0; from < 2 * groups; from += vectors) {
            Ints<Isa, vectors> some_words;
            for (int i = 0; i < vectors; ++i) some_words.v[i] = words.v[from + i];
            const auto values = law_(some_words);
            store_each(out + from * Isa::lanes, values);
        }
    }

    template <int N>
    static GLOROT_INLINE void store_each(float* out, const Floats<Isa, N>& values) {
        for (int i = 0; i < N; ++i) Isa::store(out + i * Isa::lanes, values.v[i]);
    }
    template <int N>
    static GLOROT_INLINE void store_each(bfloat16* out, const Floats<Isa, N>& values) {
        static_assert(N % 2 == 0, "vectors are stored in pairs");
        for (int i = 0; i < N; i += 2) Isa::store_pair(out + i * Isa::lanes, values.v[i], values.v[i + 1]);
    }

    Law law_;
    Key key_;
    uint64_t high_ = 0;
    Schedule schedule_;
};

}  // namespace
}  // namespace glorot
