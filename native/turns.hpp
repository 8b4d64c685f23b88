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

inline int64_t size_of(const Box& box) {
    int64_t size = 1;
    for (int i = 0; i < box.axes.count; ++i) size *= box.axes.axis[i].extent;
    return size;
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
    first.box.axes.axis[outermost].extent = half;
    second.box.axes.axis[outermost].extent = whole.extent - half;
    second.box.place += half * whole.place_step;
    second.box.first += uint64_t(half) * whole.index_step;
    cut(first, turn, pieces);
    cut(second, turn, pieces);
}

// The jobs [from, to) of each turn: what is small is done several at a time.
inline std::vector<std::pair<size_t, size_t>> turns_of(const std::vector<Job>& jobs, int64_t turn) {
    std::vector<std::pair<size_t, size_t>> turns;
    int64_t size = 0;
    size_t from = 0;
    for (size_t i = 0; i < jobs.size(); ++i) {
        size += size_of(jobs[i].box);
        if (size < turn && i + 1 < jobs.size()) continue;
        turns.emplace_back(from, i + 1);
        from = i + 1, size = 0;
    }
    return turns;
}

// Do jobs: few elements at once, many by threads that take turns.
inline void fill_in_turns(const Kernel& kernel, const std::vector<Job>& jobs, int threads) {
    int64_t total = 0;
    for (const Job& job : jobs) total += size_of(job.box);
    if (threads < 2 || total <= smallest_turn) {
        for (const Job& job : jobs) kernel.fill(job);
        return;
    }
    const int64_t turn = std::clamp(total / (threads * turns_of_each), smallest_turn, largest_turn);
    std::vector<Job> pieces;
    for (const Job& job : jobs) cut(job, turn, pieces);
    const auto turns = turns_of(pieces, turn);
    share(int(turns.size()), threads, [&](int n) {
        for (size_t i = turns[size_t(n)].first; i < turns[size_t(n)].second; ++i) kernel.fill(pieces[i]);
    });
}

}  // namespace glorot
