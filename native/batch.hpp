// Many arrays to be filled: what most of them are is looked at here, and what is out of the ordinary is left to Python.
#pragma once

#include <nanobind/nanobind.h>

namespace glorot {

void add_batch(nanobind::module_& module);

}  // namespace glorot
