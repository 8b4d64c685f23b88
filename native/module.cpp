// The Python module glorot._native: tensors filled, summed and searched without the GIL.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "batch.hpp"
#include "buffer.hpp"
#include "digest.hpp"
#include "ffi.hpp"
#include "hearing.hpp"
#include "forensics.hpp"
#include "kernels.hpp"
#include "turns.hpp"

namespace nb = nanobind;
using namespace glorot;

namespace {

// In the order of the enumerations of kernel.hpp.
constexpr std::array<Py_ssize_t, 4> element_sizes = {4, 2, 2, 8};
constexpr std::array<size_t, 4> numbers_of_law = {1, 4, 2, 8};

void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

Box box_of(const Py_buffer& view, uint64_t first, nb::tuple steps) {
    require(steps.size() == size_t(view.ndim) && view.ndim <= most_axes, "one step for each axis");
    std::vector<Axis> axes;
    for (int i = 0; i < view.ndim; ++i) axes.push_back({view.shape[i], nb::cast<uint64_t>(steps[i]), view.strides[i]});
    return {static_cast<char*>(view.buf), first, in_order(std::move(axes))};
}

// A piece is (array, element, first index, steps, k0, k1, law, numbers).
Job job_of(nb::tuple piece, const Py_buffer& view) {
    const auto element = nb::cast<size_t>(piece[1]), law = nb::cast<size_t>(piece[6]);
    const nb::tuple numbers = nb::cast<nb::tuple>(piece[7]);
    require(element < element_sizes.size() && view.itemsize == element_sizes[element], "an array of the element's size");
    require(law < numbers_of_law.size() && numbers.size() == numbers_of_law[law], "as many numbers as the law has");
    Job job{box_of(view, nb::cast<uint64_t>(piece[2]), nb::cast<nb::tuple>(piece[3])),
            ElementKind(element),
            {nb::cast<uint32_t>(piece[4]), nb::cast<uint32_t>(piece[5])},
            LawKind(law),
            {}};
    for (size_t i = 0; i < numbers.size(); ++i) job.numbers[i] = nb::cast<float>(numbers[i]);
    return job;
}

void fill(nb::list pieces, const std::string& kernel, int threads) {
    const Kernel& chosen = kernel_called(kernel);
    std::vector<Buffer> buffers;
    std::vector<Job> jobs;
    buffers.reserve(pieces.size());
    jobs.reserve(pieces.size());
    for (nb::handle item : pieces) {
        const nb::tuple piece = nb::cast<nb::tuple>(item);
        require(piece.size() == 8, "eight items in each piece");
        buffers.emplace_back(piece[0].ptr());
        jobs.push_back(job_of(piece, buffers.back().view()));
    }
    const Turns turns(jobs, threads);
    take_turns(turns.turns.size(), threads, [&](size_t n) { turns.take(chosen, n); });
}

// Fill memory that one array has in one piece, from its address; nobody checks that it is one.
void fill_run(uintptr_t address, int64_t count, size_t element, int64_t key, size_t law, nb::tuple numbers, int threads,
              const std::string& kernel) {
    const Kernel& chosen = kernel_called(kernel);
    require(element < element_sizes.size(), "an element that is written");
    require(law < numbers_of_law.size() && numbers.size() == numbers_of_law[law], "as many numbers as the law has");
    Job job{{reinterpret_cast<char*>(address), 0, {}}, ElementKind(element), {uint32_t(key), uint32_t(key >> 32)}, LawKind(law), {}};
    for (size_t i = 0; i < numbers.size(); ++i) job.numbers[i] = nb::cast<float>(numbers[i]);
    if (count != 1) job.box.axes = {{{count, 1, element_sizes[element]}}, 1};
    if (count <= smallest_turn) return chosen.fill(job);  // too few to let go of the GIL for
    const Turns turns({job}, threads);
    take_turns(turns.turns.size(), threads, [&](size_t n) { turns.take(chosen, n); });
}

// Elements from which on it pays to wake other threads.
constexpr int64_t fewest_shared = int64_t(1) << 18;

// How many columns are summed together: it depends on the shape alone, and so do the sums, on any number of threads.
int64_t width_of_blocks(int64_t columns) {
    constexpr int64_t least = 256, blocks = 8;
    return std::clamp((columns + blocks - 1) / blocks, least, widest) / least * least;
}

std::tuple<double, double, double> sums(nb::handle matrix, size_t element, float center, int threads,
                                        const std::string& kernel) {
    const auto sum_block = kernel_called(kernel).sum;
    const Buffer buffer(matrix.ptr(), PyBUF_STRIDED_RO);
    const Py_buffer& view = buffer.view();
    require(element < element_sizes.size() && ElementKind(element) != ElementKind::float64, "an element that is summed");
    require(view.itemsize == element_sizes[element], "an array of the element's size");
    require(view.ndim == 2 && (view.shape[1] < 2 || view.strides[1] == view.itemsize), "a matrix with rows in one piece");
    const Matrix whole{static_cast<const char*>(view.buf), ElementKind(element), view.shape[0], view.shape[1],
                       view.strides[0], center};
    const int64_t width = width_of_blocks(whole.columns);
    std::vector<Sums> found(size_t((whole.columns + width - 1) / width));
    if (whole.rows * whole.columns < fewest_shared) threads = 1;
    nb::gil_scoped_release released;
    share(int(found.size()), threads, [&](int i) {
        Matrix block = whole;
        block.memory += i * width * view.itemsize;
        block.columns = std::min(width, whole.columns - i * width);
        found[size_t(i)] = sum_block(block);
    });
    Sums all{};
    for (const Sums& one : found) {
        all.total += one.total;
        all.squares += one.squares;
        all.squares_of_columns += one.squares_of_columns;
    }
    return {all.total, all.squares, all.squares_of_columns};
}

}  // namespace

NB_MODULE(_native, module) {
    module.def("kernels", &kernel_names);
    module.attr("draw_for_xla") = nb::capsule(reinterpret_cast<void*>(&draw_for_xla));
    module.def("fill", &fill, nb::arg("pieces"), nb::arg("kernel"), nb::arg("threads") = 1);
    add_batch(module);
    module.def("fill_run", &fill_run, nb::arg("address"), nb::arg("count"), nb::arg("element"), nb::arg("key"),
               nb::arg("law"), nb::arg("numbers"), nb::arg("threads"), nb::arg("kernel"));
    module.def("sums", &sums, nb::arg("matrix"), nb::arg("element"), nb::arg("center"), nb::arg("threads"),
               nb::arg("kernel"));
    add_digest(module);
    add_forensics(module);
}
