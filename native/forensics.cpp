// What forensics asks of a native kernel: tensors skimmed, the lines of matrices looked at, and samples compared.
#include "forensics.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <tuple>

#include "buffer.hpp"
#include "kernel.hpp"
#include "kernels.hpp"

namespace nb = nanobind;
using namespace glorot;

namespace {

void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

std::tuple<uint64_t, uint64_t, int64_t, double, double> skim(nb::handle bits, int64_t first, int64_t step, nb::handle picked,
                                                             int element, const std::string& kernel) {
    const auto skim_words = kernel_called(kernel).skim;
    const Buffer buffer(bits.ptr(), PyBUF_SIMPLE), target(picked.ptr(), PyBUF_WRITABLE);
    const Py_buffer& view = buffer.view();
    const int64_t count = view.len / view.itemsize;
    const bool is_summed = element >= 0;
    require(count > 0, "an array with elements");
    require(first >= 0 && first <= count && step > 0, "a start in the array, and a step");
    require(target.view().len >= (count - first + step - 1) / step * view.itemsize, "room for what is picked");
    require(!is_summed || ElementKind(element) < ElementKind::float64, "an element that is summed");
    require(!is_summed || view.itemsize == element_size(ElementKind(element)), "an array of the element's size");
    auto* to = static_cast<char*>(target.view().buf);
    const SkimJob job{static_cast<const char*>(view.buf), count, first, step, to, is_summed, ElementKind(element)};
    nb::gil_scoped_release released;
    const Skimmed found = skim_words(job, int(view.itemsize));
    return {found.first, found.last, found.top, found.total, found.squares};
}

std::tuple<double, double, double> look_at_lines(nb::handle matrix, float center, int turns, nb::handle rows,
                                                 nb::handle columns, const std::string& kernel) {
    const auto look = kernel_called(kernel).look_at_lines;
    const Buffer buffer(matrix.ptr(), PyBUF_C_CONTIGUOUS), by_row(rows.ptr(), PyBUF_WRITABLE),
        by_column(columns.ptr(), PyBUF_WRITABLE);
    const Py_buffer& view = buffer.view();
    require(view.ndim == 2 && view.itemsize == 4 && view.len > 0, "a matrix of binary32");
    const int64_t height = view.shape[0], width = view.shape[1];
    require(by_row.view().len == 16 * height && by_column.view().len == 16 * width, "two binary64 for each row and column");
    auto* row_sums = static_cast<double*>(by_row.view().buf);
    auto* column_sums = static_cast<double*>(by_column.view().buf);
    const auto* numbers = static_cast<const float*>(view.buf);
    const LineJob job{numbers,  height,            width,       center,             turns,
                      row_sums, row_sums + height, column_sums, column_sums + width};
    nb::gil_scoped_release released;
    const Lines found = look(job);
    return {found.squares, found.largest, found.correlated};
}

std::tuple<double, double, double> compare_sample(nb::handle sample, double mean, double std, double scale, double tail,
                                                  const std::string& kernel) {
    const auto compare = kernel_called(kernel).compare_sample;
    const Buffer buffer(sample.ptr(), PyBUF_SIMPLE);
    const Py_buffer& view = buffer.view();
    require(view.itemsize == 8 && view.len > 0, "a sample of binary64");
    const SampleJob job{static_cast<const double*>(view.buf), view.len / 8, mean, std, scale, tail};
    nb::gil_scoped_release released;
    const Compared found = compare(job);
    return {found.distance, found.third, found.fourth};
}

}  // namespace

void glorot::add_forensics(nb::module_& module) {
    module.def("skim", &skim, nb::arg("bits"), nb::arg("first"), nb::arg("step"), nb::arg("picked"), nb::arg("element"),
               nb::arg("kernel"));
    module.def("look_at_lines", &look_at_lines, nb::arg("matrix"), nb::arg("center"), nb::arg("turns"), nb::arg("rows"),
               nb::arg("columns"), nb::arg("kernel"));
    module.def("compare_sample", &compare_sample, nb::arg("sample"), nb::arg("mean"), nb::arg("std"), nb::arg("scale"),
               nb::arg("tail"), nb::arg("kernel"));
}
