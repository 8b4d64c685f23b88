// The Python module glorot.stream._native: pieces of tensors, filled without the GIL.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "cpu.hpp"
#include "kernel.hpp"

namespace nb = nanobind;
using namespace glorot;

namespace {

// The memory of an array, held for as long as it is written to.
class Buffer {
  public:
    explicit Buffer(PyObject* array) {
        if (PyObject_GetBuffer(array, &view_, PyBUF_STRIDED | PyBUF_WRITABLE) != 0) throw nb::python_error();
    }
    Buffer(Buffer&& other) noexcept : view_(other.view_) { other.view_.obj = nullptr; }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { PyBuffer_Release(&view_); }

    const Py_buffer& view() const { return view_; }

  private:
    Py_buffer view_{};
};

// In the order of the enumerations of kernel.hpp.
constexpr std::array<Py_ssize_t, 4> element_sizes = {4, 2, 2, 8};
constexpr std::array<size_t, 4> numbers_of_law = {1, 4, 2, 8};

void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

// The box of a piece, its axes in the order of the index, without those of one element, and with neighbours joined
// where one goes on as the other ends.
Box box_of(const Py_buffer& view, uint64_t first, nb::tuple steps) {
    require(steps.size() == size_t(view.ndim) && view.ndim <= most_axes, "one step for each axis");
    std::vector<Axis> axes;
    for (int i = 0; i < view.ndim; ++i)
        if (view.shape[i] != 1) axes.push_back({view.shape[i], nb::cast<uint64_t>(steps[i]), view.strides[i]});
    std::stable_sort(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) { return a.index_step > b.index_step; });
    Box box{static_cast<char*>(view.buf), first, {}};
    Axes& kept = box.axes;
    for (const Axis& axis : axes) {
        Axis* outer = kept.count ? &kept.axis[kept.count - 1] : nullptr;
        if (outer && outer->index_step == axis.extent * axis.index_step &&
            outer->place_step == axis.extent * axis.place_step)
            *outer = {outer->extent * axis.extent, axis.index_step, axis.place_step};
        else
            kept.axis[kept.count++] = axis;
    }
    return box;
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

std::map<std::string, Kernel> find_kernels() {
    std::map<std::string, Kernel> found = {{"portable", fill_portable}};
#if defined(GLOROT_X86)
    if (has_avx2()) found["avx2"] = fill_avx2;
    if (has_avx512()) found["avx512"] = fill_avx512;
#endif
    return found;
}

const std::map<std::string, Kernel> kernels = find_kernels();

void fill(nb::list pieces, const std::string& kernel) {
    const auto found = kernels.find(kernel);
    require(found != kernels.end(), "a kernel that this processor can run");
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
    nb::gil_scoped_release released;
    for (const Job& job : jobs) found->second(job);
}

}  // namespace

NB_MODULE(_native, module) {
    module.def("kernels", [] {
        std::vector<std::string> names;
        for (const auto& [name, kernel] : kernels) names.push_back(name);
        return names;
    });
    module.def("fill", &fill, nb::arg("pieces"), nb::arg("kernel"));
}
