// The memory of an array of Python, held for as long as it is read or written.
#pragma once

#include <nanobind/nanobind.h>

namespace glorot {

class Buffer {
  public:
    explicit Buffer(PyObject* array, int flags = PyBUF_STRIDED) {
        if (PyObject_GetBuffer(array, &view_, flags) != 0) throw nanobind::python_error();
    }
    explicit Buffer(const Py_buffer& view) : view_(view) {}
    Buffer(Buffer&& other) noexcept : view_(other.view_) { other.view_.obj = nullptr; }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { PyBuffer_Release(&view_); }

    const Py_buffer& view() const { return view_; }

  private:
    Py_buffer view_{};
};

}  // namespace glorot
