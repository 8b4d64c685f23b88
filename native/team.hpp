// Work shared among threads that the process has already.
#pragma once

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

namespace glorot {

// Do n pieces of work, do_piece(0) to do_piece(n - 1), on some threads, of which this one is one.
//
// Where a framework has loaded the runtime of GCC's OpenMP, its team does it. The idle members of that team wait for
// more work without sleeping, for milliseconds: threads of our own would compete with them for the processors.
template <class DoPiece>
void share(int pieces, int threads, const DoPiece& do_piece) {
    struct Shared {
        const DoPiece& do_piece;
        int pieces;
        std::atomic<int> next{0};

        static void work(void* shared) {
            auto& self = *static_cast<Shared*>(shared);
            for (int piece; (piece = self.next++) < self.pieces;) self.do_piece(piece);
        }
    } shared{do_piece, pieces};

    threads = std::min(threads, pieces);
    if (threads < 2) return Shared::work(&shared);
#if !defined(_WIN32)
    using Team = void (*)(void (*)(void*), void*, unsigned, unsigned);
    static const auto team = reinterpret_cast<Team>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
    if (team) return team(Shared::work, &shared, unsigned(threads), 0);
#endif
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(Shared::work, &shared);
    Shared::work(&shared);
    for (auto& other : others) other.join();
}

}  // namespace glorot
