// Sums over elements that depend on the bits and the place of each, as docs/stream.md specifies them.
#include "digest.hpp"

#include <nanobind/stl/pair.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "buffer.hpp"
#include "team.hpp"

namespace nb = nanobind;

namespace glorot {
namespace {

constexpr uint64_t gamma = 0x9E3779B97F4A7C15u;
constexpr int64_t worth_sharing = int64_t(1) << 16;  // elements
constexpr int turns_of_each = 4;                     // threads

struct Step {
    int64_t extent, place;  // in bytes
    uint64_t counter;
};

struct Lanes {
    uint64_t first = 0, second = 0;
};

// The output function of SplitMix64.
inline uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

template <class Word>
Lanes digest_run(const char* place, uint64_t counter, const Step& run) {
    Lanes sums;
    for (int64_t i = 0; i < run.extent; ++i, place += run.place, counter += run.counter) {
        Word bits;
        std::memcpy(&bits, place, sizeof bits);
        const uint64_t first = mix(mix(counter) ^ bits);
        sums.first += first;
        sums.second += mix(first + gamma);
    }
    return sums;
}

template <class Word>
Lanes digest_box(const char* place, uint64_t counter, const Step* axes, int count) {
    if (count == 1) return digest_run<Word>(place, counter, axes[0]);
    Lanes sums;
    for (int64_t i = 0; i < axes[0].extent; ++i) {
        const Lanes inner =
            digest_box<Word>(place + i * axes[0].place, counter + uint64_t(i) * axes[0].counter, axes + 1, count - 1);
        sums.first += inner.first;
        sums.second += inner.second;
    }
    return sums;
}

using DigestBox = Lanes (*)(const char*, uint64_t, const Step*, int);

DigestBox digest_of_size(Py_ssize_t size) {
    switch (size) {
        case 1:
            return digest_box<uint8_t>;
        case 2:
            return digest_box<uint16_t>;
        case 4:
            return digest_box<uint32_t>;
        case 8:
            return digest_box<uint64_t>;
    }
    throw std::invalid_argument("elements of 1, 2, 4 or 8 bytes");
}

std::pair<uint64_t, uint64_t> digest(nb::handle bits, uint64_t key, uint64_t first, nb::tuple steps, int threads) {
    const Buffer buffer(bits.ptr(), PyBUF_STRIDED_RO);
    const Py_buffer& view = buffer.view();
    const DigestBox digest_part = digest_of_size(view.itemsize);
    if (steps.size() != size_t(view.ndim)) throw std::invalid_argument("one step for each axis");
    std::vector<Step> axes;
    int64_t size = 1;
    for (int i = 0; i < view.ndim; ++i) {
        axes.push_back({view.shape[i], view.strides[i], nb::cast<uint64_t>(steps[i]) * gamma});
        size *= view.shape[i];
    }
    if (axes.empty()) axes.push_back({1, 0, 0});
    const auto longest = std::max_element(axes.begin(), axes.end(), [](const Step& a, const Step& b) { return a.extent < b.extent; });
    const Step shared = *longest;
    if (size < worth_sharing) threads = 1;
    const int64_t turns = std::min<int64_t>(threads == 1 ? 1 : threads * turns_of_each, shared.extent);
    std::vector<Lanes> found(size_t(std::max<int64_t>(turns, 1)));
    const uint64_t counter = key + (first + 1) * gamma;
    const nb::gil_scoped_release released;
    share(int(turns), threads, [&](int turn) {
        const int64_t from = shared.extent * turn / turns, to = shared.extent * (turn + 1) / turns;
        std::vector<Step> part = axes;
        part[size_t(longest - axes.begin())].extent = to - from;
        found[size_t(turn)] = digest_part(static_cast<const char*>(view.buf) + from * shared.place,
                                          counter + uint64_t(from) * shared.counter, part.data(), int(part.size()));
    });
    Lanes sums;
    for (const Lanes& one : found) sums.first += one.first, sums.second += one.second;
    return {sums.first, sums.second};
}

}  // namespace

void add_digest(nb::module_& module) {
    module.def("digest", &digest, nb::arg("bits"), nb::arg("key"), nb::arg("first"), nb::arg("steps"), nb::arg("threads"));
}

}  // namespace glorot
