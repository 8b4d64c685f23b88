// Digests of arrays, for the Python module.
#pragma once

#include <nanobind/nanobind.h>

namespace glorot {

void add_digest(nanobind::module_& module);

}  // namespace glorot
