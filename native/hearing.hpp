// Turns taken by threads without the GIL, with an ear for Ctrl-C.
#pragma once

#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstddef>

#include "team.hpp"

namespace glorot {

constexpr size_t turns_at_once = 256;  // after which the process hears signals

template <class TakeTurn>
void take_turns(size_t turns, int threads, const TakeTurn& take_turn) {
    for (size_t done = 0; done < turns; done += turns_at_once) {
        const size_t some = std::min(turns_at_once, turns - done);
        {
            nanobind::gil_scoped_release released;
            share(int(some), threads, [&](int n) { take_turn(done + size_t(n)); });
        }
        if (done + some < turns && PyErr_CheckSignals() != 0) throw nanobind::python_error();
    }
}

}  // namespace glorot
