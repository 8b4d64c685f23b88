// Jobs cut into turns that are worth a thread's while, and the turns shared among threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "kernel.hpp"
#include "team.hpp"

namespace glorot {

constexpr int64_t smallest_turn = int64_t(1) << 16, largest_turn = int64_t(1) << 20;  // in elements
constexpr int turns_of_each = 4;  // threads, so that none waits long for another
constexpr int64_t whole_vectors = 64;  // a cut along a run falls between vectors of every kernel and element

// How many elements make up a turn: all of them where they are few.
inline int64_t turn_of(int64_t total, int threads) {
    return std::clamp(total / (int64_t(threads) * turns_of_each), smallest_turn, largest_turn);
}

inline int64_t size_of(const Box& box) {
    int64_t size = 1;
    for (int i = 0; i < box.axes.count; ++i) size *= box.axes.axis[i].extent;
    return size;
}

inline Axes with_extent(const Axes& axes, int position, int64_t extent) {
    std::vector<Axis> all(axes.axis, axes.axis + axes.count);
    all[size_t(position)].extent = extent;
    return in_order(std::move(all));
}

// Halve a job along the outermost axis of its memory until the pieces are small enough; each lies in one place then.
inline void cut(const Job& job, int64_t turn, std::vector<Job>& pieces) {
    const Axes& axes = job.box.axes;
    if (size_of(job.box) <= turn) return pieces.push_back(job);
    int outermost = 0;
    for (int i = 1; i < axes.count; ++i)
        if (std::abs(axes.axis[i].place_step) > std::abs(axes.axis[outermost].place_step)) outermost = i;
    const Axis whole = axes.axis[outermost];
    int64_t half = whole.extent / 2;
    if (half > whole_vectors) half = half / whole_vectors * whole_vectors;
    Job first = job, second = job;
    first.box.axes = with_extent(axes, outermost, half);
    second.box.axes = with_extent(axes, outermost, whole.extent - half);
    second.box.place += half * whole.place_step;
    second.box.first += uint64_t(half) * whole.index_step;
    cut(first, turn, pieces);
    cut(second, turn, pieces);
}

// The pieces [from, to) of each turn: what is small is done several at a time.
template <class Piece, class SizeOf>
std::vector<std::pair<size_t, size_t>> turns_of(const std::vector<Piece>& pieces, int64_t turn, const SizeOf& size_of) {
    std::vector<std::pair<size_t, size_t>> turns;
    int64_t size = 0;
    size_t from = 0;
    for (size_t i = 0; i < pieces.size(); ++i) {
        size += size_of(pieces[i]);
        if (size < turn && i + 1 < pieces.size()) continue;
        turns.emplace_back(from, i + 1);
        from = i + 1, size = 0;
    }
    return turns;
}

// Jobs in pieces, and which pieces make up each turn.
struct Turns {
    std::vector<Job> pieces;
    std::vector<std::pair<size_t, size_t>> turns;

    Turns(const std::vector<Job>& jobs, int threads) {
        int64_t total = 0;
        for (const Job& job : jobs) total += size_of(job.box);
        const int64_t turn = turn_of(total, threads);
        for (const Job& job : jobs) cut(job, turn, pieces);
        turns = turns_of(pieces, turn, [](const Job& job) { return size_of(job.box); });
    }

    void take(const Kernel& kernel, size_t turn) const {
        for (size_t i = turns[turn].first; i < turns[turn].second; ++i) kernel.fill(pieces[i]);
    }
};

}  // namespace glorot
